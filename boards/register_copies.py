"""Copies registers whose readers lie far apart: a pass over a placed netlist of ECP5's cells, which changes no cycle and no value.

A register that many read sits in the middle between them, half a device from each.  A copy for each group of neighbours stands near them
instead, and the way across the device lies before the copies, where it has a cycle of its own.  So only registers are copied whose own
input comes from registers, or through one table from registers; the register before may be copied in its turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.cluster.vq import kmeans2

from hwgen.netlist import Netlist, Pin

Array = np.ndarray[Any, np.dtype[Any]]

#: Tiles, sideways and upwards added up, that the readers of a register may lie apart.
REACH = 50
#: Readers that a register may have.
MOST_READERS = 64
_MOST_COPIES = 8
_ROUNDS = 4
_REGISTER, _TABLE = "TRELLIS_FF", "LUT4"


def copy_registers(netlist: dict[str, Any], top: str, at: Mapping[str, Array], seed: int, reach: int = REACH) -> int:
    """Adds the copies to the flat module `top`, in place; gives their number.

    netlist: Yosys's JSON.
    at:      float[2], where every cell is, by name.
    seed:    of the grouping.
    """
    places = dict(at)
    copies = 0
    for _ in range(_ROUNDS):
        nets = Netlist(netlist, top)
        before = copies
        for name, cell in list(nets.cells.items()):
            if cell["type"] != _REGISTER or not _shallow(cell, nets):
                continue
            output = cell["connections"]["Q"][0]
            if output in nets.visible:
                continue
            groups = _groups(nets.readers[output], places, reach, seed)
            for number, group in enumerate(groups[1:], 1):
                copy = nets.copy(name, "Q", group, f"$near{number}")
                places[copy] = _middle(group, places)
                copies += 1
            if len(groups) > 1:
                places[name] = _middle(groups[0], places)
        if copies == before:
            break
    return copies


def _middle(readers: list[Pin], places: Mapping[str, Array]) -> Array:
    """Of the cells that read."""
    found: Array = np.mean([places[name] for name, _ in readers], axis=0)
    return found


def _shallow(cell: Mapping[str, Any], nets: Netlist) -> bool:
    """Whether what a register takes comes from registers, its data through one table at the most; a reset may come from anywhere."""

    def registered(bit: Any) -> bool:
        return not isinstance(bit, int) or (bit in nets.drivers and nets.cells[nets.drivers[bit]]["type"] == _REGISTER)

    pins = cell["connections"]
    if not all(registered(bit) for bit in pins.get("CE", [])):
        return False
    data = pins.get("DI", pins.get("M", ["x"]))[0]
    if registered(data):
        return True
    table = nets.cells.get(nets.drivers.get(data, ""), {})
    return table.get("type") == _TABLE and all(registered(bit) for port in "ABCD" for bit in table["connections"][port])


def _groups(readers: list[Pin], places: Mapping[str, Array], reach: int, seed: int) -> list[list[Pin]]:
    """As few groups of neighbours as do, none wider than `reach` or larger than MOST_READERS."""
    points = np.array([places[name] for name, _ in readers], dtype=float).reshape(-1, 2)
    if len(points) < 2 or (len(points) <= MOST_READERS and np.ptp(points, axis=0).sum() <= reach):
        return [readers]
    different = len(np.unique(points, axis=0))
    for count in range(2, min(_MOST_COPIES, different) + 1):
        _, labels = kmeans2(points, count, minit="++", seed=seed, missing="warn")
        chosen = [[pin for pin, label in zip(readers, labels, strict=True) if label == group] for group in range(count)]
        chosen = [group for group in chosen if group]
        widths = [np.ptp(np.array([places[name] for name, _ in group]), axis=0).sum() for group in chosen]
        if max(widths) <= reach and max(map(len, chosen)) <= MOST_READERS:
            break
    return chosen
