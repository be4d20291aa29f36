"""What synthesis makes of memories of many shapes: what `hwgen.estimate.blocks` has to say of them too, exactly."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from hwgen import cache
from hwgen.estimate.blocks import Memory
from hwgen.family import Family
from hwgen.programs import FoundProgram
from hwgen.yosys import run_script

#: Widths and depths, with a write enable for every byte, and with one for the word.
_BYTES = ((8, 16, 24, 32, 40, 56, 64, 72, 128, 256), (64, 128, 256, 512, 1024, 2048, 3072, 4096, 5120, 8192, 8704, 10240, 16384))
_WORDS = ((20, 24, 32, 48, 64, 128, 256, 512), (32, 64, 128, 256, 512, 1024, 1536, 2048))
_MOST_BITS = 256 * 8704
#: Yosys's steps from coarse cells to mapped memories.
_COMMANDS = {
    Family.ECP5: "synth_ecp5 -noflatten",
    Family.ICE40: "synth_ice40 -noflatten",
    Family.GOWIN: "synth_gowin -family gw2a -noflatten",
    Family.XILINX7: "synth_xilinx -family xc7",
}
#: Cells that are memory, and what they are in `hwgen.estimate.blocks`.
_CELLS = {
    **dict.fromkeys(("DP16KD", "PDPW16KD", "SB_RAM40_4K", "DPB", "DPX9B", "SDPB", "SDPX9B", "RAMB36E1"), "block"),
    "RAMB18E1": "half block",
    **dict.fromkeys(("TRELLIS_DPR16X4", "RAM16SDP4", "RAM32M", "RAM64M"), "LUT RAM"),
}


def shapes() -> tuple[Memory, ...]:
    """The memories."""
    by_byte = [Memory(width, depth, 8) for width in _BYTES[0] for depth in _BYTES[1] if width * depth <= _MOST_BITS]
    return (*by_byte, *(Memory(width, depth, width) for width in _WORDS[0] for depth in _WORDS[1]))


def measure_memories(family: Family, yosys: FoundProgram) -> tuple[tuple[Memory, str, int], ...]:
    """Every memory, and the cells of which kind, and how many, it becomes.  Raises ToolFailedError."""
    verilog = "\n".join(_module(memory) for memory in shapes())
    script = (
        f"read_verilog memories.v\nhierarchy -check\nproc\n{_COMMANDS[family]} -run coarse:map_ffram\ntee -q -o found.json stat -json\n"
    )

    def synthesize() -> str:
        with tempfile.TemporaryDirectory(prefix="weft-calibration-") as scratch:
            folder = Path(scratch)
            (folder / "memories.v").write_text(verilog, encoding="utf-8")
            run_script(yosys, script, folder, f"mapping memories for {family.value}")
            modules = json.loads((folder / "found.json").read_text(encoding="utf-8"))["modules"]
        return json.dumps({name.removeprefix("\\"): module["num_cells_by_type"] for name, module in modules.items()})

    found = json.loads(cache.text(f"memories-{cache.digest('1', yosys.label, script, verilog)}", synthesize))
    return tuple((memory, *_cells(found[_name(memory)])) for memory in shapes())


def _cells(counts: Mapping[str, int]) -> tuple[str, int]:
    ((kind, count),) = ((_CELLS[cell], count) for cell, count in counts.items() if cell in _CELLS)
    return kind, count


def _name(memory: Memory) -> str:
    return f"memory_{memory.width}_{memory.depth}_{memory.chunk}"


def _module(memory: Memory) -> str:
    """The emitted memory with the sizes as defaults, so that it is a module of its own name."""
    text = files("hwgen.emit").joinpath("templates", "weft_ram.v").read_text(encoding="utf-8")
    values = {"WIDTH": memory.width, "DEPTH": memory.depth, "CHUNK": memory.chunk, "ADDRESS": max(1, (memory.depth - 1).bit_length())}
    defaults = {"WIDTH": 32, "DEPTH": 16, "CHUNK": 32, "ADDRESS": 4}
    text = text.replace("module weft_ram", f"module {_name(memory)}")
    for name, value in values.items():
        before = f"parameter {name} = {defaults[name]}"
        if before not in text:
            raise AssertionError(f"weft_ram.v has no {before!r}")
        text = text.replace(before, f"parameter {name} = {value}")
    return text
