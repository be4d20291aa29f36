"""The floorplan out of a placement, and how it is drawn."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from boards.report.components import GROUPS
from boards.report.floorplan import Floorplan, Tile, floorplan
from boards.report.netlist import Cell, attribute, read_cells, scopes_of
from hwgen.family import Family
from tests.boards.report.small_netlist import placed_cells, write_netlist
from weft.build_report.floorplan_svg import floorplan_svg


@pytest.fixture
def plan(tmp_path: Path) -> Floorplan:
    netlist = read_cells(write_netlist(tmp_path / "netlist.json"))
    scopes = scopes_of(netlist)
    placed = read_cells(write_netlist(tmp_path / "placed.json", placed_cells()))
    return floorplan(placed, attribute(placed, scopes, attribute(netlist, scopes)), Family.ECP5)


def test_tiles(plan: Floorplan) -> None:
    assert (plan.width, plan.height, plan.fullest) == (6, 8, 4)
    assert plan.tiles == (
        Tile(4, 0, {"array": 1}, "multiplier"),
        Tile(5, 0, {"memories": 1}, "memory"),
        Tile(2, 3, {"array": 1, "feeder": 2, "host": 1}, ""),
        Tile(3, 3, {"host": 1}, ""),
        Tile(3, 4, {"other": 1}, ""),
        Tile(0, 7, {"other": 1}, "pin"),
    )


def test_a_known_device_has_its_size_and_an_ice40_begins_at_the_bottom() -> None:
    cells = {"a": Cell("ICESTORM_LC", attributes={"NEXTPNR_BEL": "X3/Y1/lc0"})}
    owner = {"a": next(iter(attribute(cells, scopes_of({})).values()))}
    found = floorplan(cells, owner, Family.ICE40, ("--up5k", "--package", "sg48"))
    assert (found.width, found.height) == (26, 32)
    assert [(tile.x, tile.y) for tile in found.tiles] == [(3, 30)]
    assert floorplan(cells, owner, Family.GOWIN).height == 2


def test_gowin_writes_places_without_a_slash() -> None:
    cells = {"a": Cell("LUT4", attributes={"NEXTPNR_BEL": "X13Y5/LUT3"})}
    found = floorplan(cells, attribute(cells, scopes_of({})), Family.GOWIN)
    assert [(tile.x, tile.y) for tile in found.tiles] == [(13, 5)]


def test_drawn(plan: Floorplan) -> None:
    """Every group that is placed has a path in its colour, and the area of a tile's bands is its share of the fullest one."""
    root = ElementTree.fromstring(floorplan_svg(plan, "a plan"))
    paths = {path.get("class"): path for path in root if path.tag.endswith("path") and path.get("class")}
    numbers = {group: number for number, group in enumerate(GROUPS)}
    assert set(paths) == {f"group-{numbers[group]}" for group in ("array", "memories", "feeder", "host", "other")} | {"blocks"}
    for group, color in GROUPS.items():
        if (path := paths.get(f"group-{numbers[group]}")) is not None:
            assert path.get("fill") == color
    assert "M20 30" not in paths[f"group-{numbers['feeder']}"].get("d", "")
    feeder = paths[f"group-{numbers['feeder']}"].get("d")
    assert feeder is not None
    assert feeder.startswith("M20 3")
    assert root.get("aria-label") == "a plan"


def test_a_large_device_stays_small() -> None:
    """Every tile of an 84k device with three components in it: less than 3 MB."""
    groups = {"array": 9, "feeder": 4, "host": 3}
    tiles = tuple(Tile(x, y, groups, "") for y in range(96) for x in range(127))
    assert len(floorplan_svg(Floorplan(127, 96, tiles), "full")) < 3e6
