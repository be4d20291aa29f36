"""Cells counted by component, and what packing makes of a netlist's tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from boards.report.netlist import Cell, attribute, read_cells, scopes_of
from boards.report.utilization import Use, packed_luts, use_of, utilization
from hwgen.family import Family
from tests.boards.report.small_netlist import placed_cells, write_netlist


def test_components_and_their_sum(tmp_path: Path) -> None:
    netlist = read_cells(write_netlist(tmp_path / "netlist.json"))
    scopes = scopes_of(netlist)
    placed = read_cells(write_netlist(tmp_path / "placed.json", placed_cells()))
    found = utilization(placed, attribute(placed, scopes, attribute(netlist, scopes)))
    assert {component.name: use for component, use in found.components.items()} == {
        "array": Use(ff=1, dsp=1),
        "feeder": Use(lut=1, carry=1, ff=1),
        "add tables": Use(block_ram=1),
        "host port": Use(ff=1),
        "host bridge": Use(ff=1),
        "other": Use(lut=1),
    }
    assert found.total == Use(lut=2, carry=1, ff=4, dsp=1, block_ram=1)


@pytest.mark.parametrize(
    ("kind", "parameters", "use"),
    [
        ("LUT4", {}, Use(lut=1)),
        ("CCU2C", {}, Use(lut=2, carry=2)),
        ("TRELLIS_COMB", {"MODE": "CCU2"}, Use(lut=1, carry=1)),
        ("TRELLIS_COMB", {"MODE": "LOGIC"}, Use(lut=1)),
        ("TRELLIS_DPR16X4", {}, Use(lut=6)),
        ("ICESTORM_LC", {"CARRY_ENABLE": "1", "DFF_ENABLE": "0"}, Use(lut=1, carry=1)),
        ("ICESTORM_LC", {"CARRY_ENABLE": "0", "DFF_ENABLE": "00000000000000000000000000000001"}, Use(lut=1, ff=1)),
        ("SB_DFFESR", {}, Use(ff=1)),
        ("SB_SPRAM256KA", {}, Use(big_ram=1)),
        ("DFFRE", {}, Use(ff=1)),
        ("MULT18X18", {}, Use(dsp=2)),
        ("SDPX9B", {}, Use(block_ram=1)),
        ("SDP", {}, Use(block_ram=1)),  # as a placement calls it
        ("RAMB18E1", {}, Use(block_ram=0.5)),
        ("PFUMX", {}, Use()),
    ],
)
def test_what_cells_take(kind: str, parameters: dict[str, str], use: Use) -> None:
    assert use_of(Cell(kind, dict(parameters))) == use


def _cell(kind: str, inputs: dict[str, list[int | str]], outputs: dict[str, list[int | str]]) -> Cell:
    directions = {**dict.fromkeys(inputs, "input"), **dict.fromkeys(outputs, "output")}
    return Cell(kind, port_directions=directions, connections={**inputs, **outputs})


def test_carry_chains_of_an_ecp5_have_ends() -> None:
    """Two cells in a chain, and one alone whose carry logic reads: a cell more at each end of each."""
    cells = {
        "a": _cell("CCU2C", {"CIN": ["0"]}, {"COUT": [2]}),
        "b": _cell("CCU2C", {"CIN": [2]}, {"COUT": [3]}),
        "c": _cell("CCU2C", {"CIN": ["1"]}, {"COUT": [4]}),
        "reads": _cell("LUT4", {"A": [4]}, {"Z": [5]}),
    }
    assert packed_luts(cells, Family.ECP5) == 3 * 2 + 1 + 2 * (2 + 2)
    cells["taps"] = _cell("LUT4", {"A": [2]}, {"Z": [6]})  # a carry inside the first chain
    assert packed_luts(cells, Family.ECP5) == 3 * 2 + 2 + 2 * (2 + 3)


def test_logic_cells_of_an_ice40_are_shared() -> None:
    cells = {
        "table": _cell("SB_LUT4", {"I0": [1], "I1": [2], "I2": [3], "I3": [4]}, {"O": [5]}),
        "own": _cell("SB_DFF", {"D": [5]}, {"Q": [6]}),
        "alone": _cell("SB_DFFE", {"D": [7]}, {"Q": [8]}),
        "carry": _cell("SB_CARRY", {"I0": [2], "I1": [3], "CI": [4]}, {"CO": [9]}),
        "lonely": _cell("SB_CARRY", {"I0": [10], "I1": [11], "CI": [9]}, {"CO": [12]}),
    }
    assert packed_luts(cells, Family.ICE40) == 3, "table with flip-flop and carry; a flip-flop; a carry"
    cells["reads too"] = _cell("SB_LUT4", {"I0": [5], "I1": [5], "I2": [5], "I3": [5]}, {"O": [13]})
    assert packed_luts(cells, Family.ICE40) == 5, "a table that something else reads has its flip-flop elsewhere"
