"""A flattened netlist of a few cells, as Yosys writes it, and its placement, as nextpnr does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

YES = f"{1:032b}"


def scope(module: str, first: int, last: int) -> dict[str, Any]:
    """What flattening leaves of an instance whose module is in these lines."""
    attributes = {"module": module, "module_src": f"accelerator.v:{first}.1-{last}.10"}
    return {"type": "$scopeinfo", "parameters": {}, "attributes": attributes, "port_directions": {}, "connections": {}}


def cell(
    kind: str, inputs: dict[str, list[Any]], outputs: dict[str, list[Any]], line: int | None = None, **parameters: str
) -> dict[str, Any]:
    """A cell, made by a line of accelerator.v if one is given."""
    source = {} if line is None else {"src": f"accelerator.v:{line}.3-{line}.9|/share/cells_map.v:1.1-2.2"}
    return {
        "type": kind,
        "parameters": parameters,
        "attributes": source,
        "port_directions": {**dict.fromkeys(inputs, "input"), **dict.fromkeys(outputs, "output")},
        "connections": {**inputs, **outputs},
    }


#: The feeder's register has a name of the level above; `_sum` lies between units and feeds the feeder; `far` hangs on nothing known.
CELLS: dict[str, dict[str, Any]] = {
    "weft": scope("weft_uart", 1, 50),
    "weft.accelerator": scope("weft_accelerator", 60, 90),
    "weft.accelerator.core": scope("weft_accelerator.core", 100, 900),
    "weft.accelerator.core.feeder": scope("weft_accelerator.core.feeder", 1000, 1999),
    "weft.accelerator.core.array": scope("weft_accelerator.core.array", 2000, 2999),
    "weft.accelerator.core.array.row_0": scope("weft_row_17_18", 3000, 3099),
    "weft.accelerator.core.array.row_1": scope("weft_row_17_18", 3000, 3099),
    "weft.accelerator.core.pooling.table_3": scope("weft_accelerator.core.pooling.table_3", 4000, 4100),
    "weft.accelerator.host": scope("weft_accelerator.host", 5000, 5999),
    "weft.bridge": scope("weft_uart.bridge", 6000, 6999),
    "weft.accelerator.core.array.row_0.psum_TRELLIS_FF_Q": cell("TRELLIS_FF", {"DI": [2]}, {"Q": [3]}),
    "weft.accelerator.core.array.row_1.product": cell("MULT18X18D", {"A0": [3]}, {"P0": [2]}),
    "weft.accelerator.core.pooling.table_3.mem": cell("DP16KD", {"ADA0": [3]}, {"DOA0": [9]}),
    "weft.accelerator.core.act_TRELLIS_FF_Q": cell("TRELLIS_FF", {"DI": [4]}, {"Q": [5]}, line=1500),
    "weft.accelerator.core.groups_TRELLIS_FF_Q": cell("TRELLIS_FF", {"DI": [6]}, {"Q": [7]}, line=500),
    "weft.accelerator.s_axil_sum_LUT4_Z": cell("LUT4", {"A": [3]}, {"Z": [4]}),
    "weft.accelerator.s_axil_early_LUT4_Z": cell("LUT4", {"A": [3]}, {"Z": [14]}),
    "weft.accelerator.s_axil_late_LUT4_Z": cell("LUT4", {"A": [14]}, {"Z": [4]}),
    "weft.accelerator.read_LUT4_Z": cell("LUT4", {"A": [9]}, {"Z": [10]}),
    "weft.accelerator.host.s_axil_rdata_TRELLIS_FF_Q": cell("TRELLIS_FF", {"DI": [10]}, {"Q": [11]}),
    "weft.bridge.count_TRELLIS_FF_Q": cell("TRELLIS_FF", {"DI": [12]}, {"Q": [13]}),
    "far_LUT4_Z": cell("LUT4", {"A": [20]}, {"Z": [21]}),
}


def write_netlist(path: Path, cells: dict[str, dict[str, Any]] = CELLS, top: str = "top") -> Path:
    """The file of a netlist; library cells are other modules of it."""
    library = {"LUT4": {"attributes": {"blackbox": YES}, "cells": {}}}
    path.write_text(json.dumps({"creator": "test", "modules": {**library, top: {"attributes": {"top": YES}, "cells": cells}}}))
    return path


#: Where nextpnr puts the cells, and what it adds and renames.
PLACES = {
    "weft.accelerator.core.array.row_0.psum_TRELLIS_FF_Q": "X2/Y3/SLICEA.FF0",
    "weft.accelerator.core.array.row_1.product": "X4/Y0/MULT18_0",
    "weft.accelerator.core.pooling.table_3.mem": "X5/Y0/EBR0",
    "weft.accelerator.core.act_TRELLIS_FF_Q": "X2/Y3/SLICEB.FF0",
    "weft.accelerator.host.s_axil_rdata_TRELLIS_FF_Q": "X2/Y3/SLICEB.FF1",
    "weft.bridge.count_TRELLIS_FF_Q": "X3/Y3/SLICEA.FF1",
    "far_LUT4_Z": "X3/Y4/SLICEA.COMB1",
}


def placed_cells() -> dict[str, dict[str, Any]]:
    """The placement."""
    found = {}
    for name, place in PLACES.items():
        placed = {**CELLS[name], "attributes": {"NEXTPNR_BEL": place}}
        found[name] = {**placed, "type": "TRELLIS_COMB"} if placed["type"] == "LUT4" else placed
    carry = cell("TRELLIS_COMB", {"A": [3]}, {"F": [4]}, MODE="CCU2")
    found["weft.accelerator.s_axil_sum_LUT4_Z$CCU2_COMB0"] = {**carry, "attributes": {"NEXTPNR_BEL": "X2/Y3/SLICEA.COMB0"}}
    pin = cell("TRELLIS_IO", {"I": [13]}, {})
    found["tx$tr_io"] = {**pin, "attributes": {"NEXTPNR_BEL": "X0/Y7/PIOA"}}
    return found
