"""What each unit of an accelerator takes of a device, when the units are synthesized apart: a budget for small devices.

Boundaries are kept, so nothing that one unit's use of another makes superfluous is left out: the sum is an upper bound of what a flat
netlist takes, of whose cells `weft report` finds the units of a finished build.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from boards.report.netlist import Cell
from boards.report.utilization import Use, use_of, use_of_types
from boards.tools import require
from golden.errors import InputError
from hwgen import cache
from hwgen.config import AcceleratorConfig
from hwgen.emit import UART_MODULE, accelerator_verilog, uart_verilog
from hwgen.emit.images import image_depths
from hwgen.family import Family
from hwgen.programs import FoundProgram
from hwgen.synthesis import synthesis_command
from hwgen.yosys import YOSYS, run_script

#: Units by the way to their instance; of two that match, the longer way.
UNITS: Mapping[str, str] = {
    "bridge": "serial bridge",
    "flash": "flash loader",
    "accelerator.host": "host port",
    "accelerator.core": "between units",
    "accelerator.core.sequencer": "sequencer",
    "accelerator.core.loader": "weight loader",
    "accelerator.core.feeder": "feeder",
    "accelerator.core.feeder.shifter": "byte shifter",
    "accelerator.core.array": "array",
    "accelerator.core.pooling": "pooling path",
    "accelerator.core.accumulator": "accumulators",
    "accelerator.core.post": "post-processor",
    "accelerator.core.post.lane_0": "lanes",
    "accelerator.core.counters": "counters",
    "accelerator.core.act_memory": "activation memory",
    "accelerator.core.weight_memory": "weight memory",
    "accelerator.core.param_memory": "parameter memory",
    "accelerator.core.program_memory": "program memory",
}
OTHER = "top"
_DIVISOR = 20
#: How Yosys calls a primitive with parameters.
_PARAMETRIZED = re.compile(r"^\$paramod(?:\$\w+)?\\(\w+).*$")
_LANE = re.compile(r"\.lane_\d+")


class _Module(msgspec.Struct, frozen=True):
    cells: dict[str, Cell] = {}


class _Netlist(msgspec.Struct, frozen=True):
    modules: dict[str, _Module]


@dataclass(frozen=True)
class UnitSizes:
    """Cells of a device by unit, units in the order of `UNITS`."""

    config: AcceleratorConfig
    units: Mapping[str, Use]

    @property
    def total(self) -> Use:
        """All units together."""
        return sum(self.units.values(), Use())


def unit_of(path: str) -> str:
    """The unit that an instance is part of."""
    path = _LANE.sub(".lane_0", path)
    matching = [way for way in UNITS if path == way or path.startswith(f"{way}.")]
    return UNITS[max(matching, key=len)] if matching else OTHER


def unit_sizes(config: AcceleratorConfig, *, flash_offset: int | None = None) -> UnitSizes:
    """Synthesizes an accelerator behind a serial line, with a flash loader where an offset is given, for the family of its configuration.

    Raises InputError for a configuration of no device's family, ToolMissingError without Yosys, ToolFailedError when it fails.
    """
    if config.family not in (Family.ECP5, Family.ICE40, Family.GOWIN):
        raise InputError(f"units cannot be sized for the family {config.family.value}; name one of ecp5, ice40, gowin")
    yosys = require(YOSYS)[YOSYS]
    sources = {"accelerator.v": accelerator_verilog(config), "uart.v": uart_verilog(config, _DIVISOR, flash_offset=flash_offset)}
    script = "\n".join(
        [
            "read_verilog -sv -DSYNTHESIS accelerator.v uart.v",
            f"{synthesis_command(config.family, UART_MODULE)} -noflatten",
            "write_json netlist.json",
            "",
        ]
    )
    text = cache.text(
        f"units-{cache.digest(yosys.label, script, *sources.values())}", lambda: _synthesize(yosys, sources, script, image_depths(config))
    )
    netlist = msgspec.json.decode(text, type=_Netlist)
    found: dict[str, Use] = {unit: Use() for unit in UNITS.values()}
    for unit, kind in _cells(netlist, UART_MODULE, ""):
        found[unit] = found.get(unit, Use()) + kind
    return UnitSizes(config, found)


def _synthesize(yosys: FoundProgram, sources: Mapping[str, str], script: str, images: Mapping[str, int]) -> str:
    with tempfile.TemporaryDirectory(prefix="weft-units-") as scratch:
        folder = Path(scratch)
        for name, text in {**sources, **dict.fromkeys(images, "0\n")}.items():
            (folder / name).write_text(text, encoding="utf-8")
        run_script(yosys, script, folder, "synthesis of the units")
        return (folder / "netlist.json").read_text(encoding="utf-8")


def _cells(netlist: _Netlist, module: str, path: str) -> Iterator[tuple[str, Use]]:
    """(unit, cells) of all instances in a module."""
    unit = unit_of(path)
    kinds = Counter[str]()
    for name, cell in netlist.modules[module].cells.items():
        primitive = _PARAMETRIZED.sub(r"\1", cell.type)
        if use_of(Cell(type=primitive)) != Use():
            kinds[primitive] += 1
        elif cell.type in netlist.modules:
            yield from _cells(netlist, cell.type, f"{path}.{name}".lstrip("."))
    yield unit, use_of_types(kinds)
