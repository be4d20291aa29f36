"""What every component of a design takes of the device, counted in cells of the netlist or of the placement."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import ceil
from typing import Any

from boards.report.components import COMPONENTS, Component
from boards.report.netlist import Cell
from hwgen.family import Family


@dataclass(frozen=True)
class Use:
    """Cells of a device.

    lut:       look-up tables, those of carry chains and of memories made of them included; of an iCE40, logic cells.
    carry:     of those, in carry chains.
    ff:        flip-flops.
    dsp:       multiplier blocks.
    block_ram: memory blocks; a half one of a 7-series device counts 0.5.
    big_ram:   larger memory blocks: SPRAM.
    """

    lut: float = 0
    carry: float = 0
    ff: float = 0
    dsp: float = 0
    block_ram: float = 0
    big_ram: float = 0

    def __add__(self, other: Use) -> Use:
        return Use(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    def times(self, count: int) -> Use:
        """What so many of it take."""
        return Use(*(getattr(self, each.name) * count for each in fields(self)))

    def to_json(self) -> dict[str, float]:
        """Whole numbers but for half blocks."""
        return {name: int(value) if value == int(value) else value for name, value in asdict(self).items()}


_LUT, _FF, _DSP, _BLOCK = Use(lut=1), Use(ff=1), Use(dsp=1), Use(block_ram=1)

#: Cells by type, as Yosys maps them and as nextpnr places them; what is not here takes nothing that a table shows (multiplexers of
#: a slice, buffers, pins).  Flip-flops have many types: see `_FLIP_FLOPS`.
_CELLS: dict[str, Use] = {
    # ECP5: Yosys, nextpnr.
    "LUT4": _LUT,
    "CCU2C": Use(lut=2, carry=2),
    "TRELLIS_DPR16X4": Use(lut=6),  # four of the memory, two that its writing keeps from other use
    "TRELLIS_COMB": _LUT,
    "DP16KD": _BLOCK,
    "PDPW16KD": _BLOCK,
    "MULT18X18D": _DSP,
    "MULT9X9D": _DSP,
    # iCE40.  A logic cell has a table, a carry and a flip-flop.
    "SB_LUT4": _LUT,
    "SB_CARRY": Use(carry=1),
    "ICESTORM_LC": _LUT,
    "ICESTORM_DSP": _DSP,
    "SB_MAC16": _DSP,
    "ICESTORM_RAM": _BLOCK,
    "SB_RAM40_4K": _BLOCK,
    "ICESTORM_SPRAM": Use(big_ram=1),
    "SB_SPRAM256KA": Use(big_ram=1),
    # Gowin.
    **{f"LUT{inputs}": _LUT for inputs in (1, 2, 3)},
    "ALU": Use(lut=1, carry=1),
    "RAM16SDP1": Use(lut=1),
    "RAM16SDP2": Use(lut=2),
    "RAM16SDP4": Use(lut=4),
    # What synthesis calls them, and what a placement does.
    **dict.fromkeys(("DPB", "DPX9B", "SDPB", "SDPX9B", "SP", "SPX9", "pROM", "pROMX9", "DP", "SDP", "ROM"), _BLOCK),
    "MULT9X9": _DSP,
    "MULT18X18": Use(dsp=2),
    "MULT36X36": Use(dsp=8),
    "MULTADDALU18X18": Use(dsp=4),
    "MULTALU18X18": Use(dsp=2),
    "MULTALU36X18": Use(dsp=4),
    # 7-series.
    "LUT5": _LUT,
    "LUT6": _LUT,
    "CARRY4": Use(carry=4),
    "DSP48E1": _DSP,
    "RAMB36E1": _BLOCK,
    "RAMB18E1": Use(block_ram=0.5),
    "RAM32M": Use(lut=4),
    "RAM64M": Use(lut=4),
    "RAM32X1D": Use(lut=2),
    "RAM64X1D": Use(lut=2),
    "SRL16E": _LUT,
    "SRLC32E": _LUT,
}
_FLIP_FLOPS = ("TRELLIS_FF", "SB_DFF", "DFF", "FDRE", "FDSE", "FDCE", "FDPE")


def use_of(cell: Cell) -> Use:
    """What a cell takes."""
    if cell.type.startswith(_FLIP_FLOPS):
        return _FF
    use = _CELLS.get(cell.type, Use())
    if cell.type == "TRELLIS_COMB" and cell.parameters.get("MODE") == "CCU2":
        return use + Use(carry=1)
    if cell.type == "ICESTORM_LC":
        return use + Use(carry=_flag(cell, "CARRY_ENABLE"), ff=_flag(cell, "DFF_ENABLE"))
    return use


def use_of_types(counts: Mapping[str, int]) -> Use:
    """What so many cells of each type take, none of which has parameters that count."""
    return sum((use_of(Cell(kind)).times(count) for kind, count in counts.items()), Use())


def _flag(cell: Cell, name: str) -> int:
    return int(str(cell.parameters.get(name, "0")), 2)


@dataclass(frozen=True)
class Utilization:
    """What the components of a design take.

    components: those that take anything, in the order of tables.
    """

    components: Mapping[Component, Use]

    @property
    def total(self) -> Use:
        """Of the whole design."""
        return sum(self.components.values(), Use())

    def to_json(self) -> dict[str, Any]:
        """By component's name, and all together."""
        return {
            "components": {component.name: use.to_json() for component, use in self.components.items()},
            "total": self.total.to_json(),
        }


def utilization(cells: Mapping[str, Cell], owners: Mapping[str, Component]) -> Utilization:
    """Counts cells by the components that they belong to."""
    found: dict[Component, Use] = defaultdict(Use)
    for name, component in owners.items():
        found[component] += use_of(cells[name])
    return Utilization({component: found[component] for component in COMPONENTS if found.get(component, Use()) != Use()})


def packed_luts(cells: Mapping[str, Cell], family: Family) -> int:
    """Tables of the device that a netlist of Yosys takes once nextpnr has packed it.

    On ECP5 a carry chain takes one more cell of two tables at its start, one at its end, and one where logic reads a carry inside.
    On iCE40 a table shares its logic cell with the flip-flop that it alone feeds, and with the carry of the same operands; a flip-flop
    or a carry without such a table has a cell by itself.
    """
    if family is Family.ECP5:
        return _ecp5_tables(cells)
    if family is Family.ICE40:
        return _ice40_logic_cells(cells)
    return int(sum((use_of(cell) for cell in cells.values()), Use()).lut)


def _ecp5_tables(cells: Mapping[str, Cell]) -> int:
    carries = [cell for cell in cells.values() if cell.type == "CCU2C"]
    outputs = {net for cell in carries for net in cell.connections["COUT"]}
    chained = {cell.connections["CIN"][0] for cell in carries} & outputs
    read = {
        net
        for cell in cells.values()
        for port, nets in cell.connections.items()
        if cell.port_directions.get(port) == "input" and not (cell.type == "CCU2C" and port == "CIN")
        for net in nets
    }
    starts = sum(cell.connections["CIN"][0] not in outputs for cell in carries)
    ends = len(outputs - (chained - read))
    return int(sum((use_of(cell) for cell in cells.values()), Use()).lut) + 2 * (starts + ends)


def _ice40_logic_cells(cells: Mapping[str, Cell]) -> int:
    readers: Counter[int] = Counter(net for cell in cells.values() for net in cell.nets("input"))
    tables = {net for cell in cells.values() if cell.type == "SB_LUT4" for net in cell.nets("output")}
    alone = sum(
        not (cell.connections["D"][0] in tables and readers[int(cell.connections["D"][0])] == 1)
        for cell in cells.values()
        if cell.type.startswith("SB_DFF")
    )
    return len(tables) + alone + _lonely_carries(cells)


def _lonely_carries(cells: Mapping[str, Cell]) -> int:
    """Carries whose operands no table shares: a cell's table and carry have the inputs I1 and I2 in common, and I3 is the carry in."""
    shared = {
        tuple(cell.connections.get(port, ["x"])[0] for port in ("I1", "I2", "I3")) for cell in cells.values() if cell.type == "SB_LUT4"
    }
    return sum(
        tuple(cell.connections.get(port, ["x"])[0] for port in ("I0", "I1", "CI")) not in shared
        for cell in cells.values()
        if cell.type == "SB_CARRY"
    )


def blocks(use: Use) -> int:
    """Whole memory blocks."""
    return ceil(use.block_ram)
