"""`weft build --weights-only`: a finished build with the memory contents of another network on the same accelerator."""

from __future__ import annotations

import json
import time
from pathlib import Path

from boards import packing, placement, synthesis, weights
from boards.board import Board
from boards.build import Progress, pack_stage, write_record
from boards.record import DESIGN, RECORD, BuildRecord
from boards.stages import StageResult
from boards.tools import ECPPACK, require
from boards.top import Top
from golden.errors import InputError
from hwgen.design import read_design
from hwgen.emit import templates
from hwgen.family import Family
from hwgen.yosys import YOSYS

_ACCELERATOR = "accelerator.v"


def check_replaceable(board: Board, finished: BuildRecord) -> None:
    """Raises InputError for a build whose bitstream cannot take new contents."""
    if board.family is not Family.ECP5:
        raise InputError(
            f"--weights-only changes bitstreams of ECP5 devices, and {board.title} has another; build anew without it: what has not "
            f"changed comes from the cache"
        )
    if finished.top == Top.SELFTEST.value:
        # Nothing writes to the memory of the recording, so that synthesis may make logic of it.
        raise InputError(f"the self-test in {finished.folder} has its recording in its logic: build it anew, without --weights-only")


def replace_contents(
    board: Board, finished: BuildRecord, folder: Path, *, version: str, before: tuple[StageResult, ...] = (), progress: Progress
) -> BuildRecord:
    """Makes in a folder, whose subfolder DESIGN is the new design, the build that has it in place of the finished build's.

    The result is, bit for bit, what a whole build with the new memory contents and the same seed gives.
    Raises InputError where the designs differ in more than memory contents.
    """
    check_replaceable(board, finished)
    tools = require(YOSYS, ECPPACK)
    _check_same_hardware(finished, folder)
    for name in finished.data["files"]:
        if name not in (DESIGN, RECORD, packing.bitstream_file(board)):
            (folder / name).write_bytes(_content(finished.folder / name))

    start = time.monotonic()
    progress("new memory contents", 0, 3)
    configuration = folder / placement.CONFIGURATION[board.family]
    try:
        netlist, placed = (json.loads((folder / file).read_text(encoding="utf-8")) for file in (synthesis.NETLIST, placement.PLACED))
        contents, numbers = weights.blocks(netlist), weights.block_numbers(placed)
        placement_text = configuration.read_text(encoding="utf-8")
    except (ValueError, KeyError, TypeError, AttributeError, FileNotFoundError) as error:
        raise _damaged(finished, error) from error
    verilog = (folder / DESIGN / _ACCELERATOR).read_text(encoding="utf-8")
    images = weights.memory_images(verilog)
    for image in images:
        _content(finished.design / image.file)
    old, new = (weights.synthesize_memories(tools[YOSYS], templates(), images, each) for each in (finished.design, folder / DESIGN))
    progress("new memory contents", 1, 3)
    changed = weights.new_contents(contents, old, new)
    text = weights.patch_configuration(placement_text, numbers, contents, changed)
    progress("new memory contents", 2, 3)
    configuration.write_text(text, encoding="utf-8")
    for file, data in ((synthesis.NETLIST, netlist), (placement.PLACED, placed)):
        weights.patch_netlist(data, changed)
        (folder / file).write_text(json.dumps(data), encoding="utf-8")
    progress("new memory contents", 3, 3)
    replaced = StageResult("new memory contents", time.monotonic() - start, False)
    packed = pack_stage(board, tools[ECPPACK], folder, progress)

    design = read_design(folder / DESIGN)
    data = {
        **finished.data,
        "weft": version,
        "network": {"name": design.network_name, "sha256": design.network_sha256},
        "cycles": design.cycles,
        "weights_only": True,
        "stages": [stage.to_json() for stage in (*before, replaced, packed)],
        "tools": {**finished.data["tools"], **{program.name: found.label for program, found in tools.items()}},
    }
    return write_record(folder, data, board)


def _content(path: Path) -> bytes:
    """A file of the finished build."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); {weights.AGAIN}") from error


def _damaged(finished: BuildRecord, error: Exception) -> InputError:
    return InputError(f"the build in {finished.folder} is damaged ({error}); {weights.AGAIN}")


def _check_same_hardware(finished: BuildRecord, folder: Path) -> None:
    """Raises InputError where two designs are not the same but for the contents of memories."""
    if _content(finished.design / _ACCELERATOR) != (folder / DESIGN / _ACCELERATOR).read_bytes():
        raise InputError(
            f"{finished.folder} was built of other hardware ({_ACCELERATOR} differs), by another version of Weft perhaps: build it anew"
        )
