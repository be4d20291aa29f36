"""`weft bench`, with everything small: what it measures and how it says it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sim import tools
from tests.weft.small import Command
from weft import bench


def test_command(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulator = tools.simulators()[-1]
    monkeypatch.setattr(bench.tools, "simulators", lambda: (simulator,))
    monkeypatch.setattr(bench, "IMAGES", {simulator: 1})
    monkeypatch.setattr(bench, "SIZES", (4,))
    monkeypatch.setattr(bench, "GOLDEN_REPEATS", 1)
    result = command("bench", "--json", "-o", tmp_path / "bench.json")
    assert (result.code, result.err) == (0, "")
    measured = json.loads(result.out)
    assert measured == json.loads((tmp_path / "bench.json").read_text())
    assert [(entry["simulator"], entry["layers_compared"]) for entry in measured["simulation"]] == [
        (simulator.value, True),
        (simulator.value, False),
    ]
    for entry in measured["simulation"]:
        assert entry["cycles"] > 0
        assert 0 < entry["overall_per_second"] <= entry["simulated_per_second"]
    assert [(entry["rows"], entry["cols"]) for entry in measured["emission"]] == [(4, 4)]
    assert measured["emission"][0]["verilog_lines"] > 0
    assert measured["golden_images_per_second"] > 0
