"""A flat netlist: who drives and reads what, new wires, and copies of cells."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from hwgen.netlist import Netlist


def cell(kind: str, outputs: str, **pins: list[int | str]) -> dict[str, Any]:
    directions = {pin: "output" if pin in outputs.split() else "input" for pin in pins}
    return {"type": kind, "parameters": {"INIT": "1"}, "attributes": {}, "port_directions": directions, "connections": pins}


@pytest.fixture
def module() -> dict[str, Any]:
    """in -> register -> table (twice) and block; the table's output is out, the block's second bit is read by nobody."""
    return {
        "ports": {"in": {"direction": "input", "bits": [2]}, "out": {"direction": "output", "bits": [4]}},
        "cells": {
            "register": cell("TRELLIS_FF", "Q", DI=[2], CE=["1"], Q=[3]),
            "table": cell("LUT4", "Z", A=[3], B=[3], C=["0"], Z=[4]),
            "block": cell("DP16KD", "DO", ADDRESS=[3, 3, "x"], DO=[5, 6]),
            "reader": cell("TRELLIS_FF", "Q", DI=[5], Q=[7]),
        },
        "netnames": {"in": {"bits": [2]}, "spare": {"bits": [9]}},
    }


@pytest.fixture
def netlist(module: dict[str, Any]) -> Netlist:
    return Netlist({"modules": {"top": module}}, "top")


def test_drivers_and_readers(netlist: Netlist) -> None:
    assert netlist.drivers == {3: "register", 4: "table", 5: "block", 6: "block", 7: "reader"}
    assert netlist.readers[3] == [("table", "A"), ("table", "B"), ("block", "ADDRESS")]
    assert netlist.visible == {2, 4}
    assert netlist.inputs("block") == [3, 3]
    assert netlist.outputs("block") == [5], "what nobody reads is no output"
    assert netlist.outputs("table") == [4], "seen from outside"


def test_a_new_wire_is_nobodys(netlist: Netlist, module: dict[str, Any]) -> None:
    assert (netlist.new_wire("one"), netlist.new_wire("two")) == (10, 11)
    assert module["netnames"]["two"]["bits"] == [11]


def test_rewire(netlist: Netlist, module: dict[str, Any]) -> None:
    netlist.rewire([("table", "B"), ("block", "ADDRESS")], 3, 8)
    assert module["cells"]["table"]["connections"] == {"A": [3], "B": [8], "C": ["0"], "Z": [4]}
    assert module["cells"]["block"]["connections"]["ADDRESS"] == [8, 8, "x"]


def test_a_copy_is_like_its_cell_but_for_what_it_drives(netlist: Netlist, module: dict[str, Any]) -> None:
    before = copy.deepcopy(module["cells"]["register"])
    names = [netlist.copy("register", "Q", readers, "$copy") for readers in ([("table", "A")], [("block", "ADDRESS")])]
    assert names == ["register$copy", "register$copy_"], "a name that is taken gets longer"
    assert module["cells"]["register"] == before
    for name, bit in zip(names, (10, 11), strict=True):
        made = module["cells"][name]
        assert made["connections"] == {"DI": [2], "CE": ["1"], "Q": [bit]}
        assert {**made, "connections": 0} == {**before, "connections": 0}
        assert module["netnames"][f"{name}$q"]["bits"] == [bit]
        assert all(made[part] is not module["cells"]["register"][part] for part in ("parameters", "attributes", "connections"))
    assert module["cells"]["table"]["connections"]["A"] == [10]
    assert module["cells"]["table"]["connections"]["B"] == [3]
    assert module["cells"]["block"]["connections"]["ADDRESS"] == [11, 11, "x"]
