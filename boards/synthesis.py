"""Synthesis: Verilog, memory images and the board's top become a netlist of the family's cells, by Yosys."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from golden.errors import ToolFailedError
from hwgen import output_registers
from hwgen.family import Family
from hwgen.programs import FoundProgram
from hwgen.synthesis import synthesis_command
from hwgen.yosys import run_script

NETLIST = "netlist.json"
LOG = "synthesis.log"


def script(family: Family, verilog: Sequence[str]) -> str:
    """The Yosys script; `verilog` are files beside top.il.  Names of cells keep the way to the instance that they come from."""
    return "\n".join(
        [
            *(f"read_verilog {file}" for file in verilog),
            "read_rtlil top.il",
            synthesis_command(family, "top"),
            # Cells keep their `src`, lines of files in this folder and of the synthesizer's own: reports find a register's unit by it.
            f"write_json {NETLIST}",
            "",
        ]
    )


def synthesize(yosys: FoundProgram, folder: Path, text: str, family: Family, compiling: Callable[[], None] | None = None) -> None:
    """Runs Yosys in a folder that has the sources; leaves NETLIST and LOG in it.  Raises ToolFailedError."""
    run_script(yosys, text, folder, compiling=compiling)
    if family is Family.ECP5:
        netlist = json.loads((folder / NETLIST).read_text(encoding="utf-8"))
        output_registers.place_registers(netlist, "top")
        (folder / NETLIST).write_text(json.dumps(netlist), encoding="utf-8")


def settings(yosys: FoundProgram, text: str) -> list[str]:
    """What a netlist depends on besides its sources: the synthesizer, its script, and what is done to the netlist then."""
    return [yosys.label, text, output_registers.source()]


def cell_counts(netlist: Path) -> Counter[str]:
    """The cells of a flattened netlist, by type."""
    modules = json.loads(netlist.read_text(encoding="utf-8"))["modules"]
    if "top" not in modules:
        raise ToolFailedError(f"{netlist} has no module top")
    return Counter(cell["type"] for cell in modules["top"]["cells"].values())
