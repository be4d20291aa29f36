"""`weft recipe`, and recipes given to `weft quantize`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import weft
from golden import network_file
from golden.graph import WeightedOp
from golden.recipe import Order, Recipe, parse_recipe
from golden.rescale import SHIFT
from golden.schemes import ActivationScheme, Calibrator, WeightRange, WeightScheme
from tests.weft.small import Command, Files, small_network


def test_the_default_is_printed_with_comments(command: Command) -> None:
    result = command("recipe")
    assert (result.code, result.err) == (0, "")
    assert parse_recipe(result.out) == Recipe()
    assert "# Of the calibrator" in result.out


def test_options_and_a_file_are_brought_together(command: Command, tmp_path: Path) -> None:
    options = ["--weight-bits", 4, "--activation-bits", 6, "--weight-range", "mse", "--calibrator", "kl", "--order", "forward"]
    first = command("recipe", *options)
    wanted = Recipe(
        weights=WeightScheme(4, range=WeightRange.MSE), activations=ActivationScheme(6, calibration=Calibrator.KL), order=Order.FORWARD
    )
    assert parse_recipe(first.out) == wanted
    (tmp_path / "r.toml").write_text(first.out)
    second = command("recipe", "--recipe", tmp_path / "r.toml", "--weight-bits", 5, "--json")
    data = json.loads(second.out)
    assert (data["weights"]["bits"], data["weights"]["range"], data["activations"]["bits"], data["order"]) == (5, "mse", 6, "forward")


def test_quantize_follows_a_recipe(command: Command, files: Files, tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text('rescale = "shift"\n[weights]\nbits = 5\n[layers."0"]\nweights = 3\n')
    output = tmp_path / "n.weft"
    options = ["--recipe", tmp_path / "r.toml", "--activation-bits", 6]
    result = command("quantize", "factories:small", "--calibration", files.calibration, "-o", output, *options)
    assert result.code == 0
    graph = network_file.load(output)
    assert graph.format == SHIFT
    assert [op.weight_bits for op in graph.ops if isinstance(op, WeightedOp)] == [3, 5, 5]
    assert {tensor.bits for tensor in graph.tensors.values()} == {6}
    shown = json.loads(command("inspect", output, "--json").out)
    assert [layer["weight_bits"] for layer in shown["layers"] if layer["weights"]] == [3, 5, 5]
    assert {layer["bits"] for layer in shown["layers"]} == {6}
    with np.load(files.calibration) as data:
        same = weft.quantize(small_network(), data["x"], recipe=tmp_path / "r.toml", rescale="tflite")
    assert str(same.format) == "tflite"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[weights]\nbit = 4\n", "[weights] bit: no such field"),
        ("[layers.nowhere]\nweights = 4\n", "'nowhere': no such layer"),
        ('method = "dynamic"\n', "the golden model only"),
        ('[weights]\ngranularity = "group"\n', "take the granularity 'channel' or 'tensor'"),
        ("weights =", "not a TOML document"),
        ('[layers."0"]\nweights = 9\n', "layer '0': bits of weights must be from 2 to 8, not 9"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused(command: Command, files: Files, tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "r.toml").write_text(text)
    output = tmp_path / "n.weft"
    result = command("quantize", "factories:small", "--calibration", files.calibration, "-o", output, "--recipe", tmp_path / "r.toml")
    assert result.code == 2
    assert problem in result.err
    assert not output.exists()


@pytest.mark.parametrize("option", [["--weight-bits", "9"], ["--calibrator", "best"], ["--rescale", "float"], ["--recipe", "nowhere.toml"]])
def test_options_that_make_no_sense_are_refused(command: Command, option: list[str]) -> None:
    result = command("recipe", *option)
    assert result.code == 2
    assert option[1] in result.err
