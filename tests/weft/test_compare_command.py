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
from tests.weft.small import Command, Files
from weft.comparison import measure as measuring
from weft.comparison import run as comparing


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

    def counted(recipe: Recipe | None, *rest: Any) -> comparing.Row:
        runs.append("float" if recipe is None else recipe.name)
        return measure(recipe, *rest)

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
