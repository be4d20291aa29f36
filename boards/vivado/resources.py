"""What a design takes of a 7-series device, as Yosys' `synth_xilinx` finds it: nothing is placed or routed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from boards.board import Board, Capacity
from boards.report.utilization import use_of_types
from boards.tools import require
from golden.errors import DoesNotFitError
from hwgen.synthesis import synthesis_command
from hwgen.yosys import YOSYS, run_script

NETLIST, SCRIPT, LOG = "netlist.json", "synthesis.ys", "synthesis.log"

#: Fields of `Capacity` and `Use`, with names for people.
_NAMES = {"lut": "LUT", "ff": "flip-flops", "dsp": "DSP48E1", "block_ram": "RAMB36E1 (a RAMB18E1 is half of one)"}


@dataclass(frozen=True)
class Resource:
    """A kind of resource: how many a netlist has, and the device."""

    name: str
    used: float
    there: int


def resources(cells: Counter[str], capacity: Capacity) -> tuple[Resource, ...]:
    """What cells of a netlist, by type, take of a device."""
    used = use_of_types(cells).to_json()
    return tuple(Resource(text, used[field], int(getattr(capacity, field))) for field, text in _NAMES.items())


def synthesized(
    board: Board, folder: Path, verilog: Sequence[str], top: str, compiling: Callable[[], None] | None = None
) -> tuple[Resource, ...]:
    """Synthesizes Verilog of a folder, which has the images too, with Yosys; leaves NETLIST, SCRIPT and LOG in it.

    Raises DoesNotFitError where the device has less, ToolMissingError without Yosys, ToolFailedError where it fails.
    """
    script = "\n".join([*(f"read_verilog {name}" for name in verilog), synthesis_command(board.family, top), f"write_json {NETLIST}", ""])
    run_script(require(YOSYS)[YOSYS], script, folder, compiling=compiling)
    cells = json.loads((folder / NETLIST).read_text(encoding="utf-8"))["modules"][top]["cells"]
    found = resources(Counter(cell["type"] for cell in cells.values()), board.capacity)
    lacks = [f"{each.name}: {each.used:,g} are needed, {each.there:,} are there" for each in found if each.used > each.there]
    if lacks:
        raise DoesNotFitError(f"the design does not fit {board.title} ({board.part})", lacks)
    return found
