"""Copies registers whose readers lie far apart: a pass over a placed netlist of ECP5's cells, which changes no cycle and no value.

A register that many read sits in the middle between them, half a device from each.  A copy for each group of neighbours stands near them
instead, and the way across the device lies before the copies, where it has a cycle of its own.  So only registers are copied whose own
input comes from registers, or through one table from registers; the register before may be copied in its turn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.cluster.vq import kmeans2

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
    module = netlist["modules"][top]
    cells: dict[str, dict[str, Any]] = module["cells"]
    places = dict(at)
    outside = {bit for port in module["ports"].values() for bit in port["bits"]}
    free = 1 + max((bit for net in module["netnames"].values() for bit in net["bits"] if isinstance(bit, int)), default=0)
    copies = 0
    for _ in range(_ROUNDS):
        drivers, readers = _wires(cells)
        before = copies
        for name, cell in list(cells.items()):
            if cell["type"] != _REGISTER or not _shallow(cell, cells, drivers):
                continue
            output = cell["connections"]["Q"][0]
            if output in outside:
                continue
            groups = _groups(readers[output], places, reach, seed)
            for number, group in enumerate(groups[1:], 1):
                copy = f"{name}$near{number}"
                while copy in cells:
                    copy += "_"
                cells[copy] = {
                    **cell,
                    "parameters": dict(cell["parameters"]),
                    "attributes": dict(cell["attributes"]),
                    "connections": {**{port: list(bits) for port, bits in cell["connections"].items()}, "Q": [free]},
                }
                module["netnames"][f"{copy}$q"] = {"hide_name": 1, "bits": [free], "attributes": {}}
                for reader, port in group:
                    bits = cells[reader]["connections"][port]
                    bits[:] = [free if bit == output else bit for bit in bits]
                places[copy] = np.mean([places[reader] for reader, _ in group], axis=0)
                free += 1
                copies += 1
            if len(groups) > 1:
                places[name] = np.mean([places[reader] for reader, _ in groups[0]], axis=0)
        if copies == before:
            break
    return copies


Pin = tuple[str, str]


def _wires(cells: Mapping[str, Mapping[str, Any]]) -> tuple[dict[int, str], dict[int, list[Pin]]]:
    """Of each bit: the cell that drives it, and the pins that read it."""
    drivers: dict[int, str] = {}
    readers: dict[int, list[Pin]] = defaultdict(list)
    for name, cell in cells.items():
        for port, bits in cell["connections"].items():
            for bit in bits:
                if not isinstance(bit, int):
                    continue
                if cell["port_directions"][port] == "output":
                    drivers[bit] = name
                elif (name, port) not in readers[bit][-1:]:
                    readers[bit].append((name, port))
    return drivers, readers


def _shallow(cell: Mapping[str, Any], cells: Mapping[str, Mapping[str, Any]], drivers: Mapping[int, str]) -> bool:
    """Whether what a register takes comes from registers, its data through one table at the most; a reset may come from anywhere."""

    def registered(bit: Any) -> bool:
        return not isinstance(bit, int) or (bit in drivers and cells[drivers[bit]]["type"] == _REGISTER)

    pins = cell["connections"]
    if not all(registered(bit) for bit in pins.get("CE", [])):
        return False
    data = pins.get("DI", pins.get("M", ["x"]))[0]
    if registered(data):
        return True
    table = cells.get(drivers.get(data, ""), {})
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
