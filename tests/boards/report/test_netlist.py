"""Which component the cells of a flattened netlist belong to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from boards.report.components import COMPONENTS, GROUPS, component_of_module
from boards.report.netlist import Cell, attribute, read_cells, scopes_of
from golden.errors import InputError
from tests.boards.report.small_netlist import CELLS, placed_cells, write_netlist


@pytest.fixture
def cells(tmp_path: Path) -> Mapping[str, Cell]:
    return read_cells(write_netlist(tmp_path / "netlist.json"))


def owners(cells: Mapping[str, Cell]) -> dict[str, str]:
    return {name: component.name for name, component in attribute(cells, scopes_of(cells)).items()}


def test_components_of_cells(cells: Mapping[str, Cell]) -> None:
    core = "weft.accelerator.core"
    assert owners(cells) == {
        f"{core}.array.row_0.psum_TRELLIS_FF_Q": "array",  # by the instance around it, two levels up
        f"{core}.array.row_1.product": "array",
        f"{core}.pooling.table_3.mem": "add tables",
        f"{core}.act_TRELLIS_FF_Q": "feeder",  # by its line of Verilog, whatever level its net is named at
        f"{core}.groups_TRELLIS_FF_Q": "core, between units",
        "weft.accelerator.s_axil_sum_LUT4_Z": "feeder",  # by what it drives
        "weft.accelerator.s_axil_late_LUT4_Z": "feeder",
        "weft.accelerator.s_axil_early_LUT4_Z": "feeder",  # by what that drives
        "weft.accelerator.read_LUT4_Z": "host port",
        "weft.accelerator.host.s_axil_rdata_TRELLIS_FF_Q": "host port",
        "weft.bridge.count_TRELLIS_FF_Q": "host bridge",
        "far_LUT4_Z": "other",
    }


@pytest.mark.parametrize(
    ("module", "component"),
    [
        ("weft_uart.bridge", "host bridge"),
        ("weft_uart.flash", "flash loader"),
        ("weft_selftest.flash", "flash loader"),
        ("weft_selftest.replay", "self-test"),
        ("weft_selftest.memory", "self-test"),
        ("weft_accelerator.host", "host port"),
        ("weft_accelerator.core.loader", "weight loader"),
        ("weft_accelerator", None),
    ],
)
def test_components_of_modules(module: str, component: str | None) -> None:
    found = component_of_module(module)
    assert (None if found is None else found.name) == component


def test_what_drives_a_cell_decides_where_it_drives_nothing_known(tmp_path: Path) -> None:
    reader = {**CELLS["far_LUT4_Z"], "connections": {"A": [11], "Z": [22]}}
    cells = read_cells(write_netlist(tmp_path / "netlist.json", {**CELLS, "far_LUT4_Z": reader}))
    assert owners(cells)["far_LUT4_Z"] == "host port"


def test_a_line_that_several_components_share_says_nothing(tmp_path: Path) -> None:
    """A module with instances in two components: their cells are found by what they drive."""
    shared = {"type": "$scopeinfo", "attributes": {"module": "weft_row_17_18", "module_src": "accelerator.v:3000.1-3099.10"}}
    lost = {**CELLS["weft.accelerator.s_axil_sum_LUT4_Z"], "attributes": {"src": "accelerator.v:3050.1-3050.9"}}
    cells = {**CELLS, "weft.accelerator.host.row": shared, "weft.accelerator.s_axil_sum_LUT4_Z": lost}
    found = owners(read_cells(write_netlist(tmp_path / "netlist.json", cells)))
    assert found["weft.accelerator.s_axil_sum_LUT4_Z"] == "feeder"


def test_a_placement_keeps_the_components_of_the_netlist(cells: Mapping[str, Cell], tmp_path: Path) -> None:
    scopes = scopes_of(cells)
    placed = read_cells(write_netlist(tmp_path / "placed.json", placed_cells()))
    found = {name: component.name for name, component in attribute(placed, scopes, attribute(cells, scopes)).items()}
    assert found["weft.accelerator.s_axil_sum_LUT4_Z$CCU2_COMB0"] == "feeder", "nextpnr's ending does not matter"
    assert found["tx$tr_io"] == "board top"
    assert found["far_LUT4_Z"] == "other"


def test_every_component_has_a_colour_of_its_group() -> None:
    assert {component.group for component in COMPONENTS} <= set(GROUPS)
    assert len({component.name for component in COMPONENTS}) == len(COMPONENTS)
    assert len(set(GROUPS.values())) == len(GROUPS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "netlist.json cannot be read (No such file or directory); build the design again"),
        ("{", "netlist.json is no netlist of Yosys or nextpnr"),
        ('{"modules": 3}', "netlist.json is no netlist of Yosys or nextpnr"),
        ('{"modules": {"a": {"attributes": {}, "cells": {}}}}', "netlist.json has 0 top modules instead of one"),
    ],
)
def test_files_that_are_no_netlist(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "netlist.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError) as error:
        read_cells(path)
    assert message in str(error.value)
