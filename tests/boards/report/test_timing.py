"""Clocks and critical paths by component."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from boards.report.components import COMPONENTS
from boards.report.timing import read_timing
from golden.errors import InputError

BY_NAME = {component.name: component for component in COMPONENTS}
OWNERS = {
    "weft.accelerator.core.array.row_0.psum_TRELLIS_FF_Q": BY_NAME["array"],
    "weft.accelerator.core.act_TRELLIS_FF_Q": BY_NAME["feeder"],
}


def part(kind: str, delay: float, source: str, to: str) -> dict[str, object]:
    return {
        "type": kind,
        "delay": delay,
        "from": {"cell": source, "loc": [1, 2], "port": "Q"},
        "to": {"cell": to, "loc": [1, 2], "port": "D"},
    }


REPORT = {
    "fmax": {"$glbnet$clk": {"achieved": 66.5, "constraint": 60.0}, "slow": {"achieved": 20.0, "constraint": 25.0}},
    "critical_paths": [
        {
            "from": "posedge $glbnet$clk",
            "to": "posedge $glbnet$clk",
            "path": [
                part(
                    "clk-to-q",
                    0.5,
                    "weft.accelerator.core.array.row_0.psum_TRELLIS_FF_Q",
                    "weft.accelerator.core.array.row_0.psum_TRELLIS_FF_Q",
                ),
                part("routing", 2.0, "weft.accelerator.core.array.row_0.psum_TRELLIS_FF_Q", "weft.accelerator.core.act_TRELLIS_FF_Q"),
                part("logic", 0.25, "weft.accelerator.core.act_TRELLIS_FF_Q", "weft.accelerator.core.act_TRELLIS_FF_Q"),
                part("routing", 1.0, "weft.accelerator.core.act_TRELLIS_FF_Q", "weft.accelerator.core.array.row_0.psum_TRELLIS_FF_Q"),
                part(
                    "setup",
                    0.125,
                    "weft.accelerator.core.array.row_0.psum_TRELLIS_FF_Q",
                    "weft.accelerator.core.array.row_0.psum_TRELLIS_FF_Q",
                ),
            ],
        },
        {"from": "a", "to": "b", "path": []},
    ],
    "utilization": {"TRELLIS_COMB": {"available": 100, "used": 7}},
}


def test_clocks_and_paths(tmp_path: Path) -> None:
    path = tmp_path / "timing.json"
    path.write_text(json.dumps(REPORT))
    found = read_timing(path, OWNERS)
    assert [(clock.name, clock.reached_mhz, clock.asked_mhz, clock.met) for clock in found.clocks] == [
        ("clk", 66.5, 60.0, True),
        ("slow", 20.0, 25.0, False),
    ]
    assert dict(found.available) == {"TRELLIS_COMB": 100}
    (critical,) = found.paths
    assert (critical.start, critical.end) == ("posedge clk", "posedge clk")
    assert critical.route == "array -> feeder -> array"
    assert [(step.component, step.cells, step.logic_ns, step.routing_ns) for step in critical.steps] == [
        ("array", 1, 0.5, 2.0),
        ("feeder", 1, 0.25, 1.0),
        ("array", 1, 0.125, 0.0),
    ]
    assert (critical.ns, critical.routing_ns) == (3.875, 3.0)


def test_a_file_that_is_no_report(tmp_path: Path) -> None:
    path = tmp_path / "timing.json"
    with pytest.raises(InputError, match="cannot be read"):
        read_timing(path, {})
    path.write_text("[]")
    with pytest.raises(InputError, match="no report of nextpnr"):
        read_timing(path, {})
