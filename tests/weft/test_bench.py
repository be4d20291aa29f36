"""`weft bench`, with everything small: what it measures, how it says it, and how a benchmark is added."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import weft.benchmarks
from golden.graph import Int8
from golden.input_data import quantize_input
from golden.interpreter import run
from sim import tools
from tests.weft.small import Command
from weft.benchmarks import commands, emission, golden_model, quantization, reference_networks, registry, simulation, training
from weft.benchmarks.registry import at_least, at_most
from weft.demo.data import Split
from weft.demo.network import DigitsNet

ADDED = """
from weft.benchmarks.registry import benchmark

@benchmark("added", "A benchmark of another file")
def added(progress):
    progress("adding", 1, 1)
    return [{"answer": 42, "share": 0.123456}]
"""


def results(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)["benchmarks"]
    return found


def test_the_digits_network(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulator = tools.simulators()[-1]
    monkeypatch.setattr(simulation.tools, "simulators", lambda: (simulator,))
    monkeypatch.setattr(simulation, "IMAGES", {simulator: 1})
    monkeypatch.setattr(emission, "SIZES", (4,))
    monkeypatch.setattr(golden_model, "REPEATS", 1)
    names = ("simulation", "emission", "golden")
    result = command("bench", *(word for name in names for word in ("--only", name)), "--json", "-o", tmp_path / "bench.json")
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out) == json.loads((tmp_path / "bench.json").read_text())
    assert json.loads(result.out)["machine"]["cores"] > 0
    measured = results(result.out)
    assert set(measured) == set(names)
    assert all(each["not_measured"] is None for each in measured.values())
    simulated = measured["simulation"]["rows"]
    assert [row["compared"] for row in simulated] == ["every layer", "outputs"]
    for row in simulated:
        assert row["simulator"].startswith(simulator.value)
        assert row["cycles"] > 0
        assert 0 < row["cycles_per_second_overall"] <= row["cycles_per_second"]
    (emitted,) = measured["emission"]["rows"]
    assert emitted["array"] == "4 x 4"
    assert emitted["lines_of_verilog"] > 1000
    assert measured["golden"]["rows"][0]["inputs_per_second"] > 0


@pytest.mark.parametrize("folder", [None, "empty"])
def test_without_reference_networks(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str | None) -> None:
    if folder is None:
        monkeypatch.delenv(reference_networks.VARIABLE, raising=False)
    else:
        monkeypatch.setenv(reference_networks.VARIABLE, str(tmp_path))
    names = ("golden-reference", "verify", "analyze", "quantization", "calibration")
    arguments = [word for name in names for word in ("--only", name)]
    measured = results(command("bench", *arguments, "--json").out)
    for name in names:
        assert measured[name]["rows"] == []
        assert "`make reference` fetches" in measured[name]["not_measured"]
    result = command("bench", *arguments)
    assert result.code == 0
    assert "verify was not measured: " in result.out


@pytest.mark.reference
def test_reference_networks(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but `verify`, which builds for a minute where the cache is empty."""
    network = reference_networks.NETWORKS[-1]
    monkeypatch.setattr(golden_model, "NETWORKS", (network,))
    monkeypatch.setattr(golden_model, "BATCH", 3)
    monkeypatch.setattr(golden_model, "REPEATS", 1)
    monkeypatch.setattr(commands, "NETWORKS", (network,))
    monkeypatch.setattr(commands, "REPEATS", 1)
    measured = results(command("bench", "--only", "golden-reference", "--only", "analyze", "--json").out)
    (speed,) = measured["golden-reference"]["rows"]
    assert speed["ratio"] == pytest.approx(speed["golden"] / speed["tflite_micro"])
    assert (speed["differences"], speed["target"], speed["reached"]) == (0, "at least 1", speed["ratio"] >= 1)
    (analyzed,) = measured["analyze"]["rows"]
    assert 0 < analyzed["cycles"] <= network.cycles_at_most
    assert (analyzed["target"], analyzed["reached"]) == ("at most 12,000", True)
    assert analyzed["cpu_seconds"] > 0


@pytest.mark.reference
def test_quantization_of_a_reference_network(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """DS-CNN on few of its inputs, without the rounding that takes long."""
    if not (Path(os.environ[reference_networks.VARIABLE]) / "samples" / "kws_dscnn_real.npz").is_file():
        pytest.skip("real samples are not part of the reference networks")
    network = reference_networks.NETWORKS[1]
    monkeypatch.setattr(quantization, "LABELLED", (network,))
    monkeypatch.setattr(quantization, "RECOVERED", quantization.MIN_MAX)
    labelled = quantization.labelled

    def few(network: reference_networks.ReferenceNetwork) -> quantization.Labelled:
        case = labelled(network)
        assert (case.calibration.count, case.evaluation.count) == (100, 400)
        return replace(case, calibration=case.calibration.take(slice(0, 10)), evaluation=case.evaluation.take(slice(0, 20)))

    monkeypatch.setattr(quantization, "labelled", few)
    rows = results(command("bench", "--only", "quantization", "--json").out)["quantization"]["rows"]
    assert [row["beside"] for row in rows] == ["TensorFlow Lite's int8", "W8A8 MSE", "float"]
    case = few(network)
    assert case.evaluation.label is not None
    prediction = run(case.converted, _int8(case)).argmax(axis=1)
    assert rows[0]["beside_percent"] == 100 * (prediction == case.evaluation.label).mean()
    for row, points in zip(rows, (0, 1, 3), strict=True):
        assert row["reached"] is (row["percent"] >= row["beside_percent"] - points)
    assert rows[0]["percent"] == rows[2]["percent"]
    assert min(row["percent"] for row in rows) > 60


def _int8(case: quantization.Labelled) -> Int8:
    """The evaluation inputs as the int8 file takes them."""
    (x,) = case.evaluation.x.values()
    integers = quantize_input(case.converted, {case.converted.inputs[0]: x})
    assert isinstance(integers, dict)
    return integers[case.converted.inputs[0]]


def test_a_missing_tool_is_said(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "simulators", lambda: ())
    monkeypatch.setattr(tools.shutil, "which", lambda name: None)
    measured = results(command("bench", "--only", "simulation", "--json").out)
    assert "cannot be used" in measured["simulation"]["not_measured"]


def test_a_command_that_fails_is_an_error(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / reference_networks.RESNET.file).write_bytes(b"no model")
    monkeypatch.setenv(reference_networks.VARIABLE, str(tmp_path))
    result = command("bench", "--only", "analyze")
    assert result.code == 6
    assert "ended with exit code 2" in result.err
    assert reference_networks.RESNET.file in result.err


def test_another_file_adds_a_benchmark(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "added_by_a_test.py").write_text(ADDED)
    monkeypatch.setattr(registry, "_benchmarks", {each.name: each for each in registry.benchmarks()})
    monkeypatch.setattr(weft.benchmarks, "__path__", [*weft.benchmarks.__path__, str(tmp_path)])
    measured = results(command("bench", "--only", "added", "--json").out)
    assert measured["added"] == {
        "name": "added",
        "title": "A benchmark of another file",
        "rows": [{"answer": 42, "share": 0.123456}],
        "not_measured": None,
    }
    shown = command("bench", "--only", "added").out
    assert "0.123" in shown
    assert "0.1234" not in shown


def test_list_and_unknown_names(command: Command) -> None:
    listed = json.loads(command("bench", "--list", "--json").out)["benchmarks"]
    assert {"simulation", "emission", "golden", "golden-reference", "verify", "analyze"} <= set(listed)
    result = command("bench", "--only", "none")
    assert result.code == 2
    assert "there is no benchmark 'none'; there are" in result.err


def test_targets() -> None:
    assert at_least(3.0, 3) == {"target": "at least 3", "reached": True}
    assert at_least(2.99, 3)["reached"] is False
    assert at_most(118_000, 118_000) == {"target": "at most 118,000", "reached": True}
    assert at_most(3.01, 3.0)["reached"] is False


def test_training(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = training.digits()
    few = Split(whole.train_x[:64], whole.train_label[:64], whole.test_x[:32], whole.test_label[:32])
    recipe = training.RECIPES[0]
    monkeypatch.setattr(training, "digits", lambda: few)
    monkeypatch.setattr(training, "train_float", lambda split: DigitsNet().eval())
    monkeypatch.setattr(training, "RECIPES", (replace(recipe, training=replace(recipe.training, epochs=1)),))
    (row,) = results(command("bench", "--only", "training", "--json").out)["training"]["rows"]
    assert row["method"] == "W4A4"
    assert all(0 <= row[figure] <= 100 for figure in ("float", "quantized", "trained"))
    assert row["reached"] == (row["trained"] >= row["float"] - 1)
