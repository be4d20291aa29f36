"""`weft compare`: a row for every method, each measured once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weft
from golden.input_data import dequantize_output, quantize_input
from golden.interpreter import run
from golden.recipe import Recipe
from golden.schemes import WeightScheme
from golden.training import trainer
from tests.weft.small import Command, Files
from weft.comparison import measure as measuring
from weft.comparison import run as comparing
from weft.comparison.contenders import Contender


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path / "cache"))


def arguments(files: Files, *more: object) -> list[object]:
    return ["compare", "factories:small", "--calibration", files.calibration, "--evaluation", files.test, *more]


def test_a_row_for_every_method(command: Command, files: Files) -> None:
    methods = ("int8 min-max", "W4A8 MSE", "dynamic int8", "weight-only int4, groups of 32")
    options = [word for method in methods for word in ("--method", method)]
    result = command(*arguments(files, *options, "--json"))
    assert (result.code, result.err) == (0, "")
    data: dict[str, Any] = json.loads(result.out)
    rows = {row["name"]: row for row in data["rows"]}
    assert list(rows) == ["float", *methods]
    assert (data["calibration_inputs"], data["evaluation_inputs"], data["draws"]) == (64, 16, 1)
    assert [rows[name]["integer_only"] for name in rows] == [False, True, True, False, False]
    assert rows["float"]["agreement"] == 1.0
    weights, biases = 5 * 2 * 9 + 8 * 5 * 9 + 4 * 8, 5 + 8 + 4
    assert rows["float"]["size"] == 4 * (weights + biases)
    assert rows["int8 min-max"]["size"] == weights + 4 * biases + 5 * biases
    assert rows["W4A8 MSE"]["size"] == weights // 2 + 4 * biases + 5 * biases
    macs = 64 * 90 + 4 * 360 + 32
    assert [rows[name]["bops"] // macs for name in rows] == [1024, 64, 32, 64, 128]
    cycles = weft.analyze(files.network).cycles
    assert [rows[name]["cycles"] for name in rows] == [None, cycles, cycles, None, None]
    assert rows["int8 min-max"]["sqnr"][next(iter(rows["int8 min-max"]["sqnr"]))] == min(rows["int8 min-max"]["sqnr"].values())
    assert min(rows["W4A8 MSE"]["sqnr"].values()) < min(rows["int8 min-max"]["sqnr"].values())


def test_accuracy_is_that_of_the_quantized_network(command: Command, files: Files) -> None:
    row = json.loads(command(*arguments(files, "--method", "int8 min-max", "--json")).out)["rows"][1]
    graph = weft.quantize("factories:small", files.calibration)
    samples = np.load(files.test)
    scores = dequantize_output(graph, run(graph, np.asarray(quantize_input(graph, samples["x"]))))
    assert row["accuracy"] == (scores.argmax(axis=1) == samples["label"]).mean()
    assert row["top5"] is None  # four classes


def test_one_more_method_runs_that_one_alone(command: Command, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[str] = []
    measure = measuring.measure

    def counted(contender: Contender | None, *rest: Any) -> comparing.Row:
        runs.append("float" if contender is None else contender.name)
        return measure(contender, *rest)

    monkeypatch.setattr(measuring, "measure", counted)
    first = command(*arguments(files, "--method", "W4A8", "--json")).out
    assert runs == ["float", "W4A8"]
    second = command(*arguments(files, "--method", "W4A8", "--method", "W6A6", "--json")).out
    assert runs == ["float", "W4A8", "W6A6"]
    assert json.loads(second)["rows"][:2] == json.loads(first)["rows"]


def test_draws_give_a_mean_and_a_deviation(command: Command, files: Files) -> None:
    options = ("--method", "int8 percentile", "--draws", 3, "--calibration-images", 8, "--json")
    row = json.loads(command(*arguments(files, *options)).out)["rows"][1]
    assert row["deviation"] >= 0
    assert 0 <= row["accuracy"] <= 1
    again = json.loads(command(*arguments(files, *options)).out)["rows"][1]
    assert again == row


def test_a_recipe_of_ones_own(command: Command, files: Files, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(Recipe(name="mine", weights=WeightScheme(3)).to_toml())
    result = command(*arguments(files, "--recipe", tmp_path / "mine.toml"))
    assert result.code == 0
    assert "mine" in result.out
    assert "min-max" not in result.out  # a recipe alone is compared alone


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--method", "int9"), "there is no method 'int9'; there are int8 min-max"),
        (("--draws", 2), "2 draw(s) of 64 calibration inputs cannot be made of 64"),
        (("--calibration-images", 100), "100 calibration inputs cannot be made of 64"),
        (("--config", "huge"), "there is no configuration 'huge'"),
        (("--recipe", "nowhere.toml"), "nowhere.toml: No such file"),
    ],
)
def test_bad_arguments(command: Command, files: Files, options: tuple[object, ...], message: str) -> None:
    result = command(*arguments(files, *options))
    assert result.code == 2
    assert message in result.err


def test_labels_that_are_no_classes(command: Command, files: Files, tmp_path: Path) -> None:
    samples = np.load(files.test)
    np.savez(tmp_path / "bad.npz", x=samples["x"], label=samples["label"] + 2)
    result = command("compare", "factories:small", "--calibration", files.calibration, "--evaluation", tmp_path / "bad.npz")
    assert result.code == 2
    assert "the network has 4 classes, from 0 to 3" in result.err


def test_the_names_of_the_methods(command: Command) -> None:
    result = command("compare", "--list")
    assert result.code == 0
    assert result.out.splitlines()[0] == "int8 min-max"
    assert "QAT W4A4" in result.out.splitlines()


@pytest.fixture(scope="module")
def training(files: Files) -> Path:
    """Inputs of the small network with the classes that it gives them."""
    from golden.evaluation import real_outputs
    from golden.passes.pipeline import prepare
    from golden.quantize import float_graph
    from tests.weft.small import small_network

    x = np.random.default_rng(5).normal(size=(96, 2, 8, 8)).astype(np.float32)
    graph = prepare(float_graph(small_network(), x, "NCHW"))
    label = real_outputs(graph, {graph.inputs[0]: x.transpose(0, 2, 3, 1)}, graph.outputs[0]).argmax(axis=1)
    path = files.folder / "training.npz"
    np.savez(path, x=x, label=label)
    return path


def test_methods_of_every_kind(command: Command, files: Files, training: Path) -> None:
    methods = ("ternary", "codebooks of 16, linear layers of 4", "QAT W4A4")
    options = [word for method in methods for word in ("--method", method)]
    result = command(*arguments(files, *options, "--training", training, "--epochs", 2, "--json"))
    assert (result.code, result.err) == (0, "")
    data = json.loads(result.out)
    assert (data["training_inputs"], data["left_out"]) == (96, {})
    rows = {row["name"]: row for row in data["rows"]}
    assert [rows[name]["integer_only"] for name in methods] == [True, True, True]
    assert [rows[name]["uniform"] for name in methods] == [True, False, True]
    assert [rows[name]["trained"] for name in methods] == [False, False, True]
    assert rows["QAT W4A4"]["note"] == "trained for 2 epochs on 96 inputs"
    weights, channels = 90 + 360 + 32, 5 + 8 + 4
    assert rows["ternary"]["weight_bits"] == (8 * 90 + 2 * 360 + 8 * 32) / weights
    assert rows["QAT W4A4"]["size"] == 90 + 360 // 2 + 32 + 9 * channels
    coded = rows["codebooks of 16, linear layers of 4"]
    assert coded["size"] - 9 * channels < weights
    assert coded["weight_bits"] == pytest.approx(8 * (coded["size"] - 9 * channels) / weights, abs=8 / weights)


def test_what_was_trained_is_not_trained_again(
    command: Command, files: Files, training: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--method", "QAT W4A8", "--training", training, "--epochs", 1)
    first = json.loads(command(*arguments(files, *options, "--json")).out)["rows"][1]
    samples = np.load(files.test)
    np.savez(tmp_path / "fewer.npz", x=samples["x"][:8], label=samples["label"][:8])
    monkeypatch.setattr(trainer, "_epoch", None)
    again = command(
        "compare", "factories:small", "--calibration", files.calibration, "--evaluation", tmp_path / "fewer.npz", *options, "--json"
    )
    second = json.loads(again.out)["rows"][1]
    assert (second["note"], second["size"]) == (first["note"], first["size"])
    with pytest.raises(TypeError):  # another number of epochs is another training
        command(*arguments(files, "--method", "QAT W4A8", "--training", training, "--epochs", 2))


def test_methods_that_cannot_take_part_are_left_out(command: Command, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    from weft.comparison import methods

    every = methods.methods()
    few = {name: every[name] for name in ("int8 min-max", "mixed, 60% of the bytes", "QAT W4A8")}
    monkeypatch.setattr(methods, "methods", lambda epochs: few)
    result = command(*arguments(files))
    assert result.code == 0
    assert "QAT W4A8 is left out: method 'QAT W4A8' cannot take part: it learns from labelled inputs; give some (--training)" in result.out
    asked = command(*arguments(files, "--method", "QAT W4A8"))
    assert asked.code == 2
    assert "it learns from labelled inputs" in asked.err


def test_labelled_calibration_inputs_train(command: Command, files: Files, training: Path) -> None:
    result = command(
        "compare", "factories:small", "--calibration", training, "--evaluation", files.test, "--method", "QAT W4A8", "--epochs", 1, "--json"
    )
    assert json.loads(result.out)["training_inputs"] == 96
