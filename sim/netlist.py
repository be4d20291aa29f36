"""A netlist: what synthesis makes of an emitted accelerator, written as Verilog of the family's cells, and simulated in its place."""

from __future__ import annotations

import json
import random
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from golden.errors import InputError
from hwgen import cache, output_registers
from hwgen.emit import templates
from hwgen.family import Family
from hwgen.output_registers import place_registers
from hwgen.synthesis import synthesis_command
from hwgen.yosys import run_script
from sim import yosys
from sim.build_folder import TOP, BuildFolder
from sim.netlist_models import netlist_models
from sim.tools import Simulator

#: The families whose netlists can be simulated: Yosys or `sim/cells` has models of all cells that come up.
FAMILIES = (Family.ECP5, Family.ICE40, Family.GOWIN)

MAPPED, VERILOG, STATISTICS, SECONDS = "mapped.json", "netlist.v", "statistics.json", "seconds.txt"

#: Names of wires are left out: they are long, and nobody reads 8,000 of them; cells keep theirs.
_WRITE = f"read_json {MAPPED}; delete t:$scopeinfo; rename -hide w:*; write_verilog -noattr {VERILOG}"

#: A constant of several bits, some of which are x: the content of a memory that the design does not initialize.
_UNKNOWN = re.compile(r"\b(\d+)'([hb])(?=[0-9a-f]*x)([0-9a-fx]+)")


@dataclass(frozen=True)
class Netlist:
    """A synthesized accelerator.

    family:  whose cells it is made of.
    verilog: the netlist; `models` are the cells that it uses.
    cells:   how many there are of every cell.
    seconds: that synthesis took, when it was done.
    yosys:   version of the synthesizer.
    """

    family: Family
    verilog: str
    models: str
    cells: Mapping[str, int]
    seconds: float
    yosys: str

    @property
    def support(self) -> str:
        """What the replay host around it needs besides: the memories, which the RTL has in its own file."""
        return templates()


def family_of(build: BuildFolder, family: Family | None) -> Family:
    """The family to synthesize for: the one asked for, or the folder's own.

    Raises InputError where there is none, where its cells cannot be simulated, and where the folder's Verilog holds another's cells.
    """
    own = build.config.family
    names = ", ".join(each.value for each in FAMILIES)
    chosen = own if family is None else family
    if chosen is Family.PORTABLE:
        raise InputError(f"the accelerator is for no family of FPGAs; name the one to synthesize for: {names}")
    if chosen not in FAMILIES:
        raise InputError(f"netlists for {chosen.value} cannot be simulated, as there are no models of its cells; choose from {names}")
    if own not in (Family.PORTABLE, chosen):
        raise InputError(f"the accelerator holds cells of the family {own.value}; it cannot be synthesized for {chosen.value}")
    return chosen


def synthesize(build: BuildFolder, family: Family | None = None) -> Netlist:
    """Synthesizes the accelerator of a folder, as it is on disk and with its memory images, or takes its netlist from the cache.

    family: as `family_of` takes it.
    Raises ToolMissingError without Yosys, ToolFailedError where synthesis fails.
    """
    family = family_of(build, family)
    tool = yosys.find()
    script = _script(family)
    files = [build.verilog, *(build.path / name for name in build.images)]
    key = cache.digest(
        tool.version,
        str(tool.path),
        script,
        _WRITE,
        output_registers.source(),
        *(part for file in files for part in (file.name, file.read_bytes())),
    )

    def make(part: Path) -> None:
        for file in files:
            shutil.copyfile(file, part / file.name)
        started = time.perf_counter()
        run_script(tool, script, part)
        if family is Family.ECP5:
            netlist = json.loads((part / MAPPED).read_text(encoding="utf-8"))
            place_registers(netlist, TOP)
            (part / MAPPED).write_text(json.dumps(netlist), encoding="utf-8")
        run_script(tool, _WRITE, part, "writing the netlist", name="writing")
        (part / MAPPED).unlink()
        (part / SECONDS).write_text(f"{time.perf_counter() - started:.1f}", encoding="ascii")
        for file in files:
            (part / file.name).unlink()

    return _read(family, cache.entry(f"netlist-{key}", make), tool)


def randomized(verilog: str, seed: int) -> str:
    """A netlist whose uninitialized memory bits, x in its constants, are random.

    In a simulator that knows x they would make everything x: 0 * x is x, but whatever a device holds there, 0 times it is 0.
    """
    rng = random.Random(seed)

    def fill(match: re.Match[str]) -> str:
        if match[1] == "1":
            return match[0]  # the constant at a pin, which nothing may depend on
        width = 4 if match[2] == "h" else 1
        digits = (f"{rng.randrange(1 << width):x}" if digit == "x" else digit for digit in match[3])
        return f"{match[1]}'{match[2]}{''.join(digits)}"

    return _UNKNOWN.sub(fill, verilog)


def for_simulator(netlist: Netlist, simulator: Simulator, seed: int) -> str:
    """The netlist as a simulator takes it: Verilator chooses what is x at every start, for Icarus it is chosen here."""
    return netlist.verilog if simulator is Simulator.VERILATOR else randomized(netlist.verilog, seed)


def _script(family: Family) -> str:
    """Leaves the netlist as Yosys keeps it, for what is done to it (`hwgen.output_registers`) before it is written as Verilog."""
    return "\n".join(
        [
            "read_verilog -sv -DSYNTHESIS accelerator.v",
            synthesis_command(family, TOP),
            "check -assert",
            f"tee -q -o {STATISTICS} stat -json -top {TOP}",
            f"write_json {MAPPED}",
            "",
        ]
    )


def _read(family: Family, folder: Path, tool: yosys.Yosys) -> Netlist:
    verilog = (folder / VERILOG).read_text(encoding="utf-8")
    counts = json.loads((folder / STATISTICS).read_text(encoding="utf-8"))["design"]["num_cells_by_type"]
    cells = {name: int(count) for name, count in counts.items() if not name.startswith("$")}
    seconds = float((folder / SECONDS).read_text(encoding="ascii"))
    return Netlist(family, verilog, netlist_models(family, verilog, tool), cells, seconds, tool.version)
