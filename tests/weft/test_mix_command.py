"""`weft mix`: bits for every layer within limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weft
from golden.recipe import read_recipe
from tests.weft.small import Command, Files


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path / "cache"))


def arguments(files: Files, *more: object) -> list[object]:
    return ["mix", "factories:small", "--calibration", files.calibration, "--measure", "gradient", *more]


def test_bits_within_the_limit(command: Command, files: Files, tmp_path: Path) -> None:
    result = command(*arguments(files, "--bytes", "50%", "-o", tmp_path / "r.toml", "--json"))
    assert result.code == 0, result.err
    data: dict[str, Any] = json.loads(result.out)
    weights = dict(zip(data["bits"], (90, 360, 32), strict=True))
    spent = sum(weights[layer] * bits / 8 for layer, bits in data["bits"].items())
    assert spent == data["costs"]["bytes"]["chosen"] <= 0.5 * data["costs"]["bytes"]["int8"] == 241
    first, _, last = data["bits"].values()
    assert (first, last) == (8, 8)
    recipe = read_recipe(tmp_path / "r.toml")
    assert {layer: bits.weights for layer, bits in recipe.layers.items()} == data["bits"]
    cycles = weft.analyze(files.network).cycles
    assert data["costs"]["cycles"] == {"chosen": cycles, "int8": cycles}


def test_several_limits_and_few_choices(command: Command, files: Files) -> None:
    options = ("--bops", "60%", "--bytes", "400", "--bits", "4,8", "--no-eight-bit-ends", "--json")
    data = json.loads(command(*arguments(files, *options)).out)
    assert set(data["bits"].values()) <= {4, 8}
    assert data["costs"]["bops"]["chosen"] <= 0.6 * data["costs"]["bops"]["int8"]


def test_a_front(command: Command, files: Files) -> None:
    result = command(*arguments(files, "--front", files.test, "--json"))
    assert result.code == 0, result.err
    front = json.loads(result.out)["front"]
    rows = front["comparison"]["rows"][1:]
    assert len(rows) == len(front["allocations"]) >= 3
    best = [row for row in rows if row["name"] in front["best"]]
    assert best
    for row in best:
        assert not any(other["size"] < row["size"] and other["accuracy"] >= row["accuracy"] for other in rows)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--cycles", "50%"), "no choice of bits is within the limits"),
        (("--bytes", "half"), "a limit is a number greater than 0, or a percentage"),
        (("--bytes", "-3"), "a limit is a number greater than 0"),
        (("--bits", "four"), "bits are whole numbers"),
        (("--bits", "1,9"), "a layer has 2 to 8 bits"),
        (("--recipe", "dynamic.toml"), "bits are chosen for static networks"),
    ],
)
def test_bad_arguments(command: Command, files: Files, options: tuple[object, ...], message: str) -> None:
    (files.folder / "dynamic.toml").write_text('method = "dynamic"\n')
    result = command(*arguments(files, *options))
    assert result.code == 2
    assert message in result.err


def test_the_api_takes_labels(files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files.folder)
    x = np.load(files.test)
    np.savez(tmp_path / "labelled.npz", x=x["x"], label=x["label"])
    allocation, front = weft.mix("factories:small", tmp_path / "labelled.npz", limits={}, measure="one-at-a-time")
    assert front is None
    assert set(allocation.bits.values()) <= set(range(2, 9))
