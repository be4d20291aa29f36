"""Copies of registers: what is wired is the same once every copy is taken for its register, and no register drives cells far apart."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from boards.register_copies import MOST_READERS, REACH, copy_registers

Netlist = dict[str, Any]


def cell(kind: str, **pins: int | str) -> dict[str, Any]:
    outputs = {"TRELLIS_FF": "Q", "LUT4": "Z", "DP16KD": "DOA0"}
    return {
        "hide_name": 0,
        "type": kind,
        "parameters": {"REGSET": "RESET"},
        "attributes": {},
        "port_directions": {pin: "output" if pin == outputs[kind] else "input" for pin in pins},
        "connections": {pin: [bit] for pin, bit in pins.items()},
    }


CLOCK, INPUT = 2, 3


def netlist(cells: dict[str, dict[str, Any]], outputs: tuple[int, ...] = ()) -> Netlist:
    """A flat module with a clock, an input and outputs."""
    ports = {"clk": {"direction": "input", "bits": [CLOCK]}, "in": {"direction": "input", "bits": [INPUT]}}
    ports |= {f"out_{bit}": {"direction": "output", "bits": [bit]} for bit in outputs}
    bits = {bit for each in cells.values() for pins in each["connections"].values() for bit in pins if isinstance(bit, int)}
    names = {f"net_{bit}": {"hide_name": 0, "bits": [bit], "attributes": {}} for bit in bits | {CLOCK, INPUT}}
    return {"modules": {"top": {"ports": ports, "cells": cells, "netnames": names}}}


def fan(readers: int, apart: float) -> tuple[Netlist, dict[str, Any]]:
    """in -> first -> second -> readers in a line, so far apart."""
    cells = {
        "first": cell("TRELLIS_FF", CLK=CLOCK, DI=INPUT, Q=10),
        "second": cell("TRELLIS_FF", CLK=CLOCK, DI=10, Q=11, LSR="0"),
    }
    cells |= {f"reader_{k}": cell("TRELLIS_FF", CLK=CLOCK, DI=11, Q=100 + k) for k in range(readers)}
    at = {name: np.array([60.0, 50.0]) for name in cells}
    at |= {f"reader_{k}": np.array([10.0 + apart * k, 50.0]) for k in range(readers)}
    return netlist(cells), at


def merged(changed: Netlist) -> Netlist:
    """With every copy taken for its register."""
    found = copy.deepcopy(changed)
    module = found["modules"]["top"]
    copies = {name for name in module["cells"] if "$near" in name}
    output = {name: each["connections"]["Q"][0] for name, each in module["cells"].items() if each["type"] == "TRELLIS_FF"}
    renamed = {output[name]: output[name.split("$near")[0]] for name in copies}
    for name in copies:
        one, other = module["cells"].pop(name), module["cells"][name.split("$near")[0]]
        inputs = [
            {pin: [renamed.get(b, b) for b in bits] for pin, bits in each["connections"].items() if pin != "Q"} for each in (one, other)
        ]
        assert inputs[0] == inputs[1]
        assert one["parameters"] == other["parameters"]
        del module["netnames"][f"{name}$q"]
    for each in module["cells"].values():
        each["connections"] = {pin: [renamed.get(bit, bit) for bit in bits] for pin, bits in each["connections"].items()}
    return found


def readers_of(changed: Netlist, name: str) -> set[str]:
    cells = changed["modules"]["top"]["cells"]
    bit = cells[name]["connections"]["Q"][0]
    return {other for other, each in cells.items() for pin, bits in each["connections"].items() if pin != "Q" and bit in bits}


@pytest.mark.parametrize(("readers", "apart"), [(2, 60.0), (9, 12.0), (40, 2.5), (MOST_READERS + 1, 0.1), (300, 0.3)])
def test_copies_are_what_the_register_is(readers, apart):
    original, at = fan(readers, apart)
    changed = copy.deepcopy(original)
    assert copy_registers(changed, "top", at, 1) > 0
    assert merged(changed) == original


@pytest.mark.parametrize(("readers", "apart"), [(2, 60.0), (9, 12.0), (40, 2.5), (300, 0.3)])
def test_no_copy_drives_cells_far_apart_or_too_many(readers, apart):
    changed, at = fan(readers, apart)
    copy_registers(changed, "top", at, 1)
    drivers = [name for name in changed["modules"]["top"]["cells"] if name.startswith("second")]
    seen: set[str] = set()
    for name in drivers:
        group = readers_of(changed, name)
        assert 0 < len(group) <= MOST_READERS
        assert np.ptp([at[reader][0] for reader in group]) <= REACH
        assert not group & seen
        seen |= group
    assert seen == {f"reader_{k}" for k in range(readers)}


def test_a_register_with_near_readers_stays_as_it_is():
    original, at = fan(20, 2.0)
    changed = copy.deepcopy(original)
    assert copy_registers(changed, "top", at, 1) == 0
    assert changed == original


def test_the_register_before_is_copied_for_copies_that_are_far_apart():
    """first -> second, whose copies are 90 tiles apart.  `first` takes the input of the module, which is no register, and stays alone; with
    a register before it, it is copied too."""
    changed, at = fan(2, 90.0)
    copy_registers(changed, "top", at, 1)
    assert [name for name in changed["modules"]["top"]["cells"] if name.startswith("first")] == ["first"]
    changed, at = fan(2, 90.0)
    cells = changed["modules"]["top"]["cells"]
    cells["first"]["connections"]["DI"] = [9]
    cells["zeroth"] = cell("TRELLIS_FF", CLK=CLOCK, DI=INPUT, Q=9)
    at["zeroth"] = np.array([60.0, 50.0])
    copy_registers(changed, "top", at, 1)
    assert len([name for name in cells if name.startswith("second")]) == 2
    assert len([name for name in cells if name.startswith("first")]) == 2
    assert len([name for name in cells if name.startswith("zeroth")]) == 1


@pytest.mark.parametrize(
    ("pins", "copied"),
    [
        ({"DI": 20}, True),  # a table of registers
        ({"DI": 21}, False),  # a table of tables
        ({"DI": 20, "CE": 10}, True),
        ({"DI": 20, "CE": 20}, False),  # an enable that is computed
        ({"DI": 20, "LSR": INPUT}, True),
        ({"DI": 22}, False),  # a memory's answer
    ],
)
def test_only_what_comes_straight_from_registers_is_copied(pins, copied):
    changed, at = fan(4, 30.0)
    cells = changed["modules"]["top"]["cells"]
    cells["table"] = cell("LUT4", A=10, B="0", C="0", D="0", Z=20)
    cells["deeper"] = cell("LUT4", A=20, B="0", C="0", D="0", Z=21)
    cells["block"] = cell("DP16KD", ADA0=10, DOA0=22)
    cells["second"] = cell("TRELLIS_FF", CLK=CLOCK, Q=11, **pins)
    at |= {name: np.array([50.0, 50.0]) for name in ("table", "deeper", "block")}
    assert (copy_registers(changed, "top", at, 1) > 0) == copied


def test_a_register_that_is_a_port_stays_alone():
    original, at = fan(3, 60.0)
    changed = netlist(original["modules"]["top"]["cells"], outputs=(11,))
    copy_registers(changed, "top", at, 1)
    assert not [name for name in changed["modules"]["top"]["cells"] if name.startswith("second$")]
