"""Place and route: which seed is kept, the command line, and what a log says of a design that does not fit."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from boards import placement
from boards.definitions import BOARDS
from boards.placement import Placement, place_seeds
from boards.stages import StageResult
from boards.timing import Clock, TimingReport
from golden.errors import DoesNotFitError, ToolFailedError
from hwgen.family import Family
from hwgen.process import CancelledError
from hwgen.programs import FoundProgram

PATIENCE = 20.0


def result(seed: int, mhz: float) -> Placement:
    timing = TimingReport((Clock("clk", mhz, 80.0),), (), {})
    return Placement(seed, StageResult(f"place and route, seed {seed}", 1.0, False), Path(), timing)


def test_the_lowest_seed_that_meets_the_clock_is_kept_whichever_ends_first() -> None:
    second_ended = threading.Event()

    def attempt(seed: int, cancel: threading.Event) -> Placement:
        if seed == 1:
            assert second_ended.wait(PATIENCE)
        return result(seed, 90.0 + seed)

    told: list[int] = []

    def tried(each: Placement) -> None:
        told.append(each.seed)
        if each.seed == 2:
            second_ended.set()

    chosen, ended = place_seeds(2, 2, 80.0, attempt, tried)
    assert chosen.seed == 1
    assert [each.seed for each in ended] == [1, 2]
    assert told == [2, 1]


def test_seeds_that_are_no_longer_needed_are_ended() -> None:
    cancelled = []
    running = threading.Event()

    def attempt(seed: int, cancel: threading.Event) -> Placement:
        if seed == 1:
            assert running.wait(PATIENCE)
            return result(1, 100.0)
        running.set()
        assert cancel.wait(PATIENCE)
        cancelled.append(seed)
        raise CancelledError

    chosen, ended = place_seeds(3, 2, 80.0, attempt, lambda each: None)
    assert (chosen.seed, [each.seed for each in ended]) == (1, [1])
    assert cancelled == [2]


def test_without_a_seed_that_meets_the_clock_the_fastest_is_kept() -> None:
    speeds = {1: 70.0, 2: 75.0, 3: 75.0}
    chosen, ended = place_seeds(3, 1, 80.0, lambda seed, cancel: result(seed, speeds[seed]), lambda each: None)
    assert (chosen.seed, len(ended)) == (2, 3)


def test_a_failure_ends_the_other_seeds() -> None:
    ended = []

    def attempt(seed: int, cancel: threading.Event) -> Placement:
        if seed == 1:
            raise ToolFailedError("nextpnr is broken")
        if not cancel.wait(PATIENCE):
            raise AssertionError("not ended")
        ended.append(seed)
        raise CancelledError

    start = time.monotonic()
    with pytest.raises(ToolFailedError, match="broken"):
        place_seeds(2, 2, 80.0, attempt, lambda each: None)
    assert ended in ([], [2])
    assert time.monotonic() - start < PATIENCE


_NEXTPNR = r"""#!/bin/sh
case "$*" in *--tmg-ripup*) late=.again;; esac
echo "run$late" >> {folder}/runs
test -e {folder}/fails$late && exit 1
echo "Info: Max frequency for clock 'clk': $(cat {folder}/placed) MHz (PASS at 80.00 MHz)"
mhz=$(cat {folder}/routed$late)
echo "Warning: Max frequency for clock 'clk': $mhz MHz (FAIL at 80.00 MHz)"
echo "$mhz" > placed.json
echo "$mhz" > chip.config
echo "{{\"fmax\": {{\"clk\": {{\"achieved\": $mhz, \"constraint\": 80}}}}, \"utilization\": {{}}, \"critical_paths\": []}}" > timing.json
"""


@pytest.mark.parametrize(
    ("placed", "routed", "again", "reached", "runs"),
    [
        (90.0, 85.0, None, 85.0, ["run"]),  # met
        (90.0, 66.0, 88.0, 88.0, ["run", "run.again"]),  # a detour
        (90.0, 66.0, 64.0, 66.0, ["run", "run.again"]),
        (90.0, 66.0, None, 66.0, ["run", "run.again"]),  # a router that gives up
        (79.0, 66.0, None, 66.0, ["run"]),  # out of reach
    ],
)
def test_a_placement_with_a_detour_is_routed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, placed: float, routed: float, again: float | None, reached: float, runs: list[str]
) -> None:
    """placed: what the placement would allow; routed, again: what routes do, None where the tool fails."""
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "nextpnr").write_text(_NEXTPNR.format(folder=tmp_path))
    (tmp_path / "nextpnr").chmod(0o755)
    for name, mhz in (("placed", placed), ("routed", routed), ("routed.again", again)):
        (tmp_path / name).write_text(f"{mhz}")
    if again is None:
        (tmp_path / "fails.again").touch()
    (tmp_path / "netlist.json").write_text('{"modules": {"top": {"cells": {}}}}')
    (tmp_path / "top.lpf").write_text("")
    nextpnr = FoundProgram(tmp_path / "nextpnr", "0.99", None)
    sources = {name: tmp_path / name for name in ("netlist.json", "top.lpf")}
    for _ in range(2):  # the second time from the cache, but for what failed
        found = placement.place(BOARDS["ulx3s_85f"], nextpnr, sources, "top.lpf", 80.0, 1, tmp_path / "out")
        assert found.timing.mhz == reached
        assert float((found.folder / "chip.config").read_text()) == reached
        assert [name for name in placement.outputs(Family.ECP5) if not (found.folder / name).is_file()] == []
    assert (tmp_path / "runs").read_text().split() == runs + ["run.again"] * (again is None and len(runs) == 2)


def test_command_lines() -> None:
    ecp5 = placement.options(BOARDS["ulx3s_85f"], "top.lpf", 80.0, 3)
    assert ecp5[:5] == ["--85k", "--package", "CABGA381", "--speed", "6"]
    assert ecp5[ecp5.index("--router") + 1] == "router2"
    assert ecp5[ecp5.index("--freq") + 1] == "80.000000"
    assert ecp5[ecp5.index("--seed") + 1] == "3"
    gowin = placement.options(BOARDS["tang_nano_20k"], "top.cst", 54.0, 1)
    assert gowin[:4] == ["--device", "GW2AR-LV18QN88C8/I7", "--vopt", "family=GW2A-18C"]
    assert "cst=top.cst" in gowin
    assert gowin[gowin.index("--router") + 1] == "router2"
    ice40 = placement.options(BOARDS["icebreaker"], "top.pcf", 24.0, 1)
    assert "--asc" in ice40
    assert ice40[ice40.index("--router") + 1] == "router2"


LOG = """Info: Device utilisation:
Info:            ICESTORM_LC:    7312/   5280   138%
Info:           ICESTORM_RAM:      30/     30   100%
Info:                  SB_IO:       5/     96     5%
Info: Placed 5 cells based on constraints.
ERROR: Unable to place cell 'weft.host.data_SB_DFFE_Q_DFFLC', no BELs remaining to implement cell type 'ICESTORM_LC'
"""


def test_the_lines_of_utilization() -> None:
    assert placement.utilization_lines(LOG) == [("ICESTORM_LC", 7312, 5280), ("ICESTORM_RAM", 30, 30), ("SB_IO", 5, 96)]


def fake_nextpnr(folder: Path, output: str) -> Path:
    tool = folder / "nextpnr"
    tool.write_text(f"#!/bin/sh\ncat <<'END'\n{output}END\nexit 1\n", encoding="utf-8")
    tool.chmod(0o755)
    return tool


@pytest.mark.parametrize(
    ("output", "error", "said"),
    [
        (LOG, DoesNotFitError, "ICESTORM_LC: 7312 needed, 5280 there"),
        ("ERROR: cannot read netlist.json\n", ToolFailedError, "ERROR: cannot read netlist.json"),
    ],
)
def test_failures_of_nextpnr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, error: type[Exception], said: str) -> None:
    from hwgen.programs import FoundProgram

    monkeypatch.setenv("WEFT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "netlist.json").write_text("{}", encoding="utf-8")
    nextpnr = FoundProgram(fake_nextpnr(tmp_path, output), "1", None)
    sources = {"netlist.json": tmp_path / "netlist.json"}
    with pytest.raises(error, match=said):
        placement.place(BOARDS["icebreaker"], nextpnr, sources, "top.pcf", 24.0, 1, tmp_path / "seed")
    assert not [entry for entry in (tmp_path / "cache").iterdir() if entry.suffix != ".lock"]
