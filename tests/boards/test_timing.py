"""Timing reports of nextpnr: the clocks, the critical paths by our components, slack.

The recorded reports are nextpnr 0.11.1's of real builds: ECP5, the digits network on 4 x 4 for ULX3S 85F at 100 MHz; iCE40, a network of
six layers on 4 x 2 for iCEBreaker at 24 MHz.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from boards.build import timing_error
from boards.definitions import BOARDS
from boards.placement import Placement
from boards.stages import StageResult
from boards.timing import Clock, CriticalPath, Step, TimingReport, place_of, read_timing
from golden.errors import InputError, ToolFailedError

DATA = Path(__file__).parent / "data"
OWNERS = {
    "weft.accelerator.core.array.row_0.psum_TRELLIS_FF_Q": "array",
    "weft.accelerator.core.act_TRELLIS_FF_Q": "feeder",
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


@pytest.mark.parametrize(
    ("name", "clock", "mhz", "asked", "first", "last"),
    [
        ("timing_ecp5.json", "clock.clk", 60.6907, 100.0, "post", "post.word"),
        ("timing_ice40.json", "clk", 23.5710, 24.0, "post", "post.place"),
    ],
)
def test_a_real_report(name: str, clock: str, mhz: float, asked: float, first: str, last: str) -> None:
    report = read_timing(DATA / name)
    assert report.slowest.name == clock
    assert report.slowest.asked_mhz == pytest.approx(asked, rel=1e-3)
    assert round(report.mhz, 4) == mhz
    assert not report.meets(asked)
    assert report.meets(report.mhz)
    assert report.slack_ns(asked) == pytest.approx(1000 / asked - 1000 / report.mhz)
    assert report.path is not None
    assert (report.path.steps[0].place, report.path.steps[-1].place) == (first, last)
    # The delays of the path are the period of the clock that is reached.
    assert report.path.logic_ns + report.path.routing_ns == pytest.approx(1000 / report.mhz, abs=0.01)
    assert len(report.path.lines()) == len(report.path.steps)


def test_utilization_of_a_real_report() -> None:
    report = read_timing(DATA / "timing_ecp5.json")
    assert report.utilization["MULT18X18D"] == (20, 156)
    assert report.utilization["DP16KD"] == (33, 208)


@pytest.mark.parametrize(
    ("cell", "place"),
    [
        ("weft.accelerator.core.array.row_3.pe_2.psum_TRELLIS_FF_Q_5", "array.row_3.pe_2.psum"),
        ("weft.accelerator.core.feeder.at_pixels_x_TRELLIS_FF_Q_3_DI_LUT4_Z_C_CCU2C_S0_S1", "feeder.at_pixels_x"),
        ("weft.accelerator.core.weight_memory.ram.mem.0.10", "weight_memory.ram.mem.0.10"),
        ("weft.accelerator.core.post.$signal_TRELLIS_FF_Q_5_DI_CCU2C_S1_S0_CCU2C_S1$CCU2_COMB0", "post"),
        ("weft.accelerator.core.post.$7_LUT4_C_Z", "post"),
        ("weft.accelerator.core.read_addr$66_TRELLIS_FF_Q_CE_LUT4_Z", "core.read_addr"),
        ("weft.accelerator.host.scratch_SB_DFFESR_Q_3", "host.scratch"),
        ("weft.bridge.crc.bits_SB_LUT4_O_1", "bridge.crc.bits"),
        ("weft.accelerator.s_axil_rdata_DFF_Q_1", "core.s_axil_rdata"),
        ("weft.accelerator.core.array.row_0.pe_1.product_MULT18X18D_P0", "array.row_0.pe_1.product"),
    ],
)
def test_cells_are_named_by_component(cell: str, place: str) -> None:
    assert place_of(cell) == place


def write(path: Path, fmax: dict[str, float], paths: list[dict[str, object]]) -> Path:
    clocks = {name: {"achieved": mhz, "constraint": 10.0} for name, mhz in fmax.items()}
    path.write_text(json.dumps({"fmax": clocks, "critical_paths": paths, "utilization": {}}), encoding="utf-8")
    return path


def test_the_slowest_clock_counts(tmp_path: Path) -> None:
    report = read_timing(write(tmp_path / "t.json", {"a": 90.0, "b": 70.0}, []))
    assert (report.slowest.name, report.mhz, report.path) == ("b", 70.0, None)


def test_the_slowest_clocks_own_path_decides(tmp_path: Path) -> None:
    ends = [("posedge a", "posedge a", 11.0), ("posedge $glbnet$b", "posedge $glbnet$b", 14.0), ("<async>", "posedge $glbnet$b", 20.0)]
    paths: list[dict[str, object]] = [
        {"from": start, "to": end, "path": [part("logic", ns, "weft.bridge.crc.bits_SB_LUT4_O_1", "")]} for start, end, ns in ends
    ]
    report = read_timing(write(tmp_path / "t.json", {"a": 90.0, "$glbnet$b": 70.0}, paths))
    assert report.path is not None
    assert (report.path.start, report.path.end, report.path.ns) == ("posedge b", "posedge b", 14.0)
    (step,) = report.path.steps
    assert step.to_json() == {"place": "bridge.crc.bits", "cells": 1, "logic_ns": 14.0, "routing_ns": 0.0}, "nobody says which component"


def test_a_report_without_a_clock_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolFailedError, match="reports no clock"):
        read_timing(write(tmp_path / "t.json", {}, []))


def test_clocks_and_paths(tmp_path: Path) -> None:
    path = tmp_path / "timing.json"
    path.write_text(json.dumps(REPORT))
    found = read_timing(path, lambda cell: OWNERS.get(cell, "other"))
    assert [(clock.name, clock.reached_mhz, clock.asked_mhz, clock.met) for clock in found.clocks] == [
        ("clk", 66.5, 60.0, True),
        ("slow", 20.0, 25.0, False),
    ]
    assert found.utilization == {"TRELLIS_COMB": (7, 100)}
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
        read_timing(path)
    path.write_text("[]")
    with pytest.raises(InputError, match="no report of nextpnr"):
        read_timing(path)


def placement(seed: int, mhz: float, path: CriticalPath | None = None) -> Placement:
    timing = TimingReport((Clock("clk", mhz, 100.0),), () if path is None else (path,), {})
    return Placement(seed, StageResult(f"seed {seed}", 1.0, False), Path(), timing)


def test_a_clock_that_is_not_met_says_by_how_much_where_and_what_to_try() -> None:
    steps = (Step("array.row_3.pe_2.product", 1, 3.0, 4.0), Step("accumulator.bank_0.ram.write_data", 2, 1.0, 4.5))
    path = CriticalPath("posedge clk", "posedge clk", steps)
    tried = [placement(1, 75.0), placement(2, 80.0, path)]
    error = timing_error(BOARDS["ulx3s_85f"], tried[1], tried, 100.0)
    assert error.exit_code == 5
    assert "80.0 MHz of 100 MHz (2 seeds, 75.0, 80.0 MHz); the slowest path is 2.50 ns too long" in error.message
    text = "\n".join(error.problems)
    assert "4.00 ns in cells and 8.50 ns on wires" in text
    assert "from array.row_3.pe_2.product " in text
    assert "to   accumulator.bank_0.ram.write_data" in text
    assert "--freq 80" in text
    assert "--seeds 4" in text
    assert "--allow-timing-failure" in text
