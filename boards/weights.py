"""New memory contents in a finished ECP5 bitstream, without synthesis of the design and without place and route.

Only the contents of block RAMs differ between two networks on the same accelerator.  How Yosys divides a memory among blocks is found
by synthesizing the memory alone; that this is what the finished netlist has is checked with the old contents, block by block, before
any block gets new ones.  The placement's configuration as text holds the contents in sections that carry the block's number.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from golden.errors import InputError, ToolFailedError
from hwgen.programs import FoundProgram
from hwgen.yosys import run_script

#: Initial contents of a block, INITVAL_00 to INITVAL_3F, as the netlist has them: bits, the highest first.
Contents = tuple[str, ...]

_BLOCKS = ("DP16KD", "PDPW16KD")
_PARAMETERS = tuple(f"INITVAL_{index:02X}" for index in range(64))
#: A parameter holds 16 words of 18 bits, at distances of 20 bits; a section of the configuration 9 bits a word, 8 words a line.
_WORDS, _WORD_BITS, _DISTANCE, _HALF_BITS, _PER_LINE = 16, 18, 20, 9, 8
_INSTANCE = re.compile(r"weft_ram\s*#\((.*?)\)\s*\w+\s*\(", re.DOTALL)
_CELL = re.compile(r"^(.*?)((?:^|\.)mem\.\d+\.\d+)$")


@dataclass(frozen=True)
class MemoryImage:
    """A memory with initial contents, as the Verilog instantiates it: parameters of `weft_ram`."""

    width: int
    depth: int
    chunk: int
    address: int
    file: str


def memory_images(verilog: str) -> tuple[MemoryImage, ...]:
    """The different memories with initial contents of some Verilog."""
    found = set()
    for instance in _INSTANCE.findall(verilog):
        file = re.search(r'\.INIT\("([^"]+)"\)', instance)
        if file is not None:
            numbers = {name: int(value) for name, value in re.findall(r"\.(\w+)\(\d+'d(\d+)\)", instance)}
            found.add(MemoryImage(numbers["WIDTH"], numbers["DEPTH"], numbers["CHUNK"], numbers["ADDRESS"], file[1]))
    return tuple(sorted(found, key=lambda image: (image.file, image.width, image.depth)))


def blocks(netlist: Mapping[str, Any], module: str = "top") -> dict[str, Contents]:
    """The contents of every block of a netlist, by cell."""
    cells = netlist["modules"][module]["cells"]
    return {
        name: tuple(cell["parameters"].get(parameter, "") for parameter in _PARAMETERS)
        for name, cell in cells.items()
        if cell["type"] in _BLOCKS
    }


def synthesize_memories(
    yosys: FoundProgram, template: str, images: Iterable[MemoryImage], folder: Path, compiling: Callable[[], None] | None = None
) -> dict[MemoryImage, dict[str, Contents]]:
    """What every memory becomes by itself: contents by block, "mem.BANK.COLUMN".

    template: Verilog that has the module `weft_ram`; folder: that has the files of the images.
    """
    images = tuple(images)
    with tempfile.TemporaryDirectory(prefix="weft-") as scratch:
        work = Path(scratch)
        (work / "memory.v").write_text(template, encoding="utf-8")
        lines = []
        for index, image in enumerate(images):
            (work / image.file).write_bytes((folder / image.file).read_bytes())
            settings = f"-set WIDTH {image.width} -set DEPTH {image.depth} -set CHUNK {image.chunk} -set ADDRESS {image.address}"
            lines += [
                "design -reset",
                "read_verilog memory.v",
                f'chparam {settings} -set INIT "{image.file}" weft_ram',
                "synth_ecp5 -top weft_ram -noiopad -run begin:map_ffram",
                "select weft_ram",
                f"write_json -selected memory_{index}.json",
            ]
        run_script(yosys, "\n".join([*lines, ""]), work, "synthesis of the memories", compiling=compiling)
        return {image: blocks(json.loads((work / f"memory_{index}.json").read_text()), "weft_ram") for index, image in enumerate(images)}


def new_contents(
    finished: Mapping[str, Contents],
    old: Mapping[MemoryImage, Mapping[str, Contents]],
    new: Mapping[MemoryImage, Mapping[str, Contents]],
) -> dict[str, Contents]:
    """New contents by block of a finished netlist.

    finished: contents of its blocks; old, new: those of every memory alone, with the images that it was built with and with the new.
    Raises InputError where the finished netlist does not hold the old contents as the memories alone do.
    """
    groups: dict[str, dict[str, str]] = defaultdict(dict)
    for name in finished:
        match = _CELL.match(name)
        if match is not None:
            groups[match[1]][match[2].lstrip(".")] = name
    found: dict[str, Contents] = {}
    placed: set[MemoryImage] = set()
    for cells in groups.values():
        matching = [
            image for image, alone in old.items() if set(alone) == set(cells) and all(finished[cells[key]] == alone[key] for key in alone)
        ]
        replacements = [{cells[key]: contents for key, contents in new[image].items()} for image in matching]
        if any(each != replacements[0] for each in replacements):
            raise InputError(
                f"memories with the same contents cannot be told apart ({', '.join(image.file for image in matching)}); {AGAIN}"
            )
        if replacements:
            found |= replacements[0]
            placed |= set(matching)
    missing = sorted({image.file for image in old} - {image.file for image in placed})
    if missing:
        raise InputError(f"the netlist does not hold {', '.join(missing)} in blocks of its own; {AGAIN}")
    return found


#: What to do where a finished build cannot take new contents.
AGAIN = "build it anew, without --weights-only"


def section(contents: Contents) -> list[int]:
    """A block's contents as the configuration has them: 2,048 numbers of 9 bits."""
    numbers = []
    for text in contents:
        bits = text.replace("x", "0").rjust(_WORDS * _DISTANCE, "0")[::-1]
        for word in range(_WORDS):
            value = int(bits[word * _DISTANCE : word * _DISTANCE + _WORD_BITS][::-1], 2)
            numbers += [value & (1 << _HALF_BITS) - 1, value >> _HALF_BITS]
    return numbers


def patch_configuration(text: str, numbers: Mapping[str, int], old: Mapping[str, Contents], new: Mapping[str, Contents]) -> str:
    """The configuration with new contents.

    numbers: the number of every block; old, new: contents of the blocks to change.
    Raises ToolFailedError where it does not hold the old contents.
    """
    for cell, contents in new.items():
        if cell not in numbers:
            raise ToolFailedError(f"the placement has no number for {cell}; {AGAIN}")
        before, after = (f".bram_init {numbers[cell]}\n{_lines(section(each))}" for each in (old[cell], contents))
        if text.count(before) != 1:
            raise ToolFailedError(f"the placement's configuration does not hold the contents of {cell} where it should; {AGAIN}")
        text = text.replace(before, after)
    return text


def _lines(numbers: list[int]) -> str:
    rows = (numbers[start : start + _PER_LINE] for start in range(0, len(numbers), _PER_LINE))
    return "".join(" ".join(f"{number:03x}" for number in row) + "\n" for row in rows)


def block_numbers(placed: Mapping[str, Any]) -> dict[str, int]:
    """The number of every block in the configuration, from the placed netlist."""
    cells = placed["modules"]["top"]["cells"]
    return {name: int(cell["attributes"]["WID"], 2) for name, cell in cells.items() if "WID" in cell["attributes"]}


def patch_netlist(netlist: dict[str, Any], new: Mapping[str, Contents]) -> None:
    """Puts new contents into a netlist, in place."""
    cells = netlist["modules"]["top"]["cells"]
    for cell, contents in new.items():
        parameters = cells[cell]["parameters"]
        for parameter, text in zip(_PARAMETERS, contents, strict=True):
            if parameter in parameters:
                parameters[parameter] = text
