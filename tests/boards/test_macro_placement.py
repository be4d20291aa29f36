"""Macro placement: every macro has a site of its own, what is wired together lies together, and the same seed gives the same."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from boards.definitions import BOARDS
from boards.macro_placement import fills, place_macros
from boards.macro_sites import LFE5U_85F, Site

BLOCK, MULTIPLIER, TABLE = "DP16KD", "MULT18X18D", "LUT4"
PINS = 8


class Wiring:
    """A netlist under construction: cells with eight pins, and nets between them."""

    def __init__(self) -> None:
        self.cells: dict[str, dict[str, Any]] = {}
        self.bits = 1

    def cell(self, name: str, kind: str) -> str:
        self.cells[name] = {"type": kind, "attributes": {}, "connections": {}}
        return name

    def net(self, *names: str) -> None:
        self.bits += 1
        for name in names:
            pins = self.cells[name]["connections"]
            pins[f"P{len(pins)}"] = [self.bits]

    def netlist(self) -> dict[str, Any]:
        return {"modules": {"top": {"cells": self.cells, "ports": {}, "netnames": {}}}}


def mesh(rows: int, cols: int) -> dict[str, Any]:
    """An array: a multiplier and a block at every place, a table between neighbours; names in no order."""
    wiring = Wiring()
    places = [(r, c) for r in range(rows) for c in range(cols)]
    random.Random(5).shuffle(places)
    for r, c in places:
        wiring.net(wiring.cell(f"mult_{r}_{c}", MULTIPLIER), wiring.cell(f"block_{r}_{c}", BLOCK))
    for r, c in places:
        for r_next, c_next in ((r + 1, c), (r, c + 1)):
            if r_next < rows and c_next < cols:
                for _ in range(8):
                    between = wiring.cell(f"table_{wiring.bits}", TABLE)
                    wiring.net(f"mult_{r}_{c}", between)
                    wiring.net(between, f"mult_{r_next}_{c_next}")
    clock = list(wiring.cells)
    wiring.net(*clock)  # more cells than a net may have that pulls
    return wiring.netlist()


def sites_of(netlist: dict[str, Any]) -> dict[str, str]:
    cells = netlist["modules"]["top"]["cells"]
    return {name: cell["attributes"]["BEL"] for name, cell in cells.items() if cell["type"] in LFE5U_85F}


@pytest.fixture(scope="module")
def placed() -> dict[str, Any]:
    netlist = mesh(12, 12)
    place_macros(netlist, "top", LFE5U_85F, 1)
    return netlist


def test_every_macro_has_a_site_of_its_own_and_of_its_kind(placed):
    cells = placed["modules"]["top"]["cells"]
    found = sites_of(placed)
    assert len(set(found.values())) == len(found) == 2 * 12 * 12
    for kind, sites in LFE5U_85F.items():
        assert {bel for name, bel in found.items() if cells[name]["type"] == kind} <= {site.bel for site in sites}
    assert all("BEL" not in cell["attributes"] for cell in cells.values() if cell["type"] == TABLE)


def length(bels: dict[str, str]) -> int:
    """Distances between neighbours of the array and within its places, added up."""
    at = {site.bel: (site.x, site.y) for sites in LFE5U_85F.values() for site in sites}

    def distance(one: str, other: str) -> int:
        return sum(abs(a - b) for a, b in zip(at[bels[one]], at[bels[other]], strict=True))

    pairs = [(f"mult_{r}_{c}", f"block_{r}_{c}") for r in range(12) for c in range(12)]
    pairs += [(f"mult_{r}_{c}", f"mult_{r + 1}_{c}") for r in range(11) for c in range(12)] * 8
    pairs += [(f"mult_{r}_{c}", f"mult_{r}_{c + 1}") for r in range(12) for c in range(11)] * 8
    return sum(distance(*pair) for pair in pairs)


def test_what_is_wired_together_lies_together(placed):
    """An array of neighbours is three to four times shorter than macros thrown at the device."""
    rng = random.Random(0)
    found = sites_of(placed)
    thrown = {}
    for kind, prefix in ((MULTIPLIER, "mult"), (BLOCK, "block")):
        names = [name for name in found if name.startswith(prefix)]
        thrown |= {name: site.bel for name, site in zip(names, rng.sample(list(LFE5U_85F[kind]), len(names)), strict=True)}
    assert 3 * length(found) < length(thrown)


def test_a_seed_gives_the_same_again_and_another_seed_something_else(placed):
    again, other = mesh(12, 12), mesh(12, 12)
    place_macros(again, "top", LFE5U_85F, 1)
    place_macros(other, "top", LFE5U_85F, 2)
    assert again == placed
    assert sites_of(other) != sites_of(placed)


def test_the_length_that_is_told_is_that_of_the_nets():
    """Two blocks at the only two sites: seven tiles apart, for each of the nets between them."""
    wiring = Wiring()
    for name in ("a", "b"):
        wiring.cell(name, BLOCK)
    wiring.net("a", "b")
    wiring.net("b", "a")
    netlist = wiring.netlist()
    assert place_macros(netlist, "top", {BLOCK: [Site(1, 2, "P"), Site(4, 6, "Q")]}, 1).length == 2 * 7
    assert sorted(sites_of(netlist).values()) == ["P", "Q"]


def test_only_a_design_that_fills_the_device_is_placed():
    assert not fills({}, LFE5U_85F)
    assert not fills({MULTIPLIER: 78, BLOCK: 104}, LFE5U_85F)
    assert fills({MULTIPLIER: 79}, LFE5U_85F)
    assert fills({BLOCK: 105}, LFE5U_85F)
    assert not fills({BLOCK: 105, MULTIPLIER: 157}, LFE5U_85F), "no room: place and route says what is missing"


def test_the_sites_are_all_that_the_device_has():
    """Each once, as many as nextpnr counts."""
    board = BOARDS["ulx3s_85f"]
    assert {kind: len(sites) for kind, sites in board.sites.items()} == {BLOCK: board.capacity.block_ram, MULTIPLIER: board.capacity.dsp}
    assert max(Counter(site.bel for sites in board.sites.values() for site in sites).values()) == 1
