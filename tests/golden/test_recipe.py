"""Recipes: a TOML file says everything, a mistake in it is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from golden.errors import InputError
from golden.float_graph import FloatFullyConnected, FloatGraph, FloatTensor
from golden.recipe import LayerBits, Method, Order, Recipe, Recovery, parse_recipe, read_recipe
from golden.schemes import ActivationScheme, Calibrator, Granularity, WeightRange, WeightScheme
from golden.training_scheme import ActivationSteps, Folding, Training, WeightSteps

FULL = Recipe(
    name="everything",
    method=Method.STATIC,
    weights=WeightScheme(4, symmetric=False, narrow=False, granularity=Granularity.TENSOR, group_size=8, range=WeightRange.MSE),
    activations=ActivationScheme(6, signed=False, calibration=Calibrator.PERCENTILE, percentile=99.9, momentum=0.5),
    rescale="fixed16",
    order=Order.FORWARD,
    recovery=(Recovery.EQUALIZATION, Recovery.BIAS_CORRECTION),
    eight_bit_ends=True,
    layers={"conv.1": LayerBits(weights=2), "fc": LayerBits(activations=5)},
    training=Training(WeightSteps.TERNARY, ActivationSteps.CLIPPING, Folding.FROZEN, epochs=3, distillation=0.25),
)


def chain() -> FloatGraph:
    """Three linear layers in a row: x a b y."""
    tensors = {name: FloatTensor(name, (2,)) for name in "xaby"}
    ops = tuple(
        FloatFullyConnected(f"fc{i}", (source,), target, weight=np.eye(2), bias=np.zeros(2))
        for i, (source, target) in enumerate(("xa", "ab", "by"))
    )
    return FloatGraph("g", tensors, ("x",), ("y",), ops)


@pytest.mark.parametrize("recipe", [Recipe(), FULL], ids=lambda recipe: recipe.name)
def test_a_recipe_comes_back_from_its_file(tmp_path: Path, recipe: Recipe) -> None:
    (tmp_path / "r.toml").write_text(recipe.to_toml())
    assert read_recipe(tmp_path / "r.toml") == recipe


def test_fields_that_are_not_named_keep_their_defaults(tmp_path: Path) -> None:
    (tmp_path / "few.toml").write_text('rescale = "shift"\n[weights]\nbits = 4\n')
    assert read_recipe(tmp_path / "few.toml") == Recipe(name="few", rescale="shift", weights=WeightScheme(bits=4))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name =", "not a TOML document"),
        ("[weights]\nbits = 9", "weights: bits must be from 2 to 8, not 9"),
        ("[weights]\nbits = 'four'", r"\[weights\] bits: Expected `int`, got `str`"),
        ("[weights]\ngranularity = 'rows'", r"\[weights\] granularity: Invalid .* it may be 'tensor', 'channel', 'group'"),
        ("[weights]\nbit = 4", r"\[weights\] bit: no such field; there are bits, "),
        ("[layers.conv]\nweigths = 4", r"\[layers.conv\] weigths: no such field; there are activations, weights"),
        ("[training]\nepoch = 4", r"\[training\] epoch: no such field; there are activations, batch_size, "),
        ("[training]\nepochs = 0", "training: epochs must be 1 or more, not 0"),
        ("[layers.conv]\nweights = 1\nactivations = 9", "layer 'conv': bits of weights must be from 2 to 8, not 1"),
        ("activation = 4", "activation: no such field"),
        ("order = 'sideways'", "Invalid enum value 'sideways'"),
        ("rescale = 'float'", "rescale format must be"),
        ("recovery = ['equalization', 'equalization']", "named twice"),
        ("[activations]\nsymmetric = true\nsigned = false", "a symmetric range needs signed integers"),
        ("[activations]\npercentile = 20.0\nmomentum = 1.0", "momentum must be"),
    ],
)
def test_a_mistake_is_named(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_recipe(text)
    assert "\n" not in caught.value.message


def test_all_mistakes_are_named_at_once() -> None:
    text = "order = 'sideways'\ncolour = 1\n[weights]\nbits = 9\n[activations]\nbits = 'four'\n[layers.a]\nbits = 3\n"
    with pytest.raises(InputError) as caught:
        parse_recipe(text)
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "colour",
        "order",
        "weights",
        "[activations] bits",
        "[layers.a] bits",
    ]


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(InputError, match=r"nowhere.toml: No such file"):
        read_recipe("nowhere.toml")


def test_bits_of_single_layers_and_of_the_ends() -> None:
    graph = chain()
    recipe = Recipe(weights=WeightScheme(4), activations=ActivationScheme(5), layers={"fc1": LayerBits(3, 2)})
    assert [recipe.weight_scheme(graph, op.name).bits for op in graph.ops] == [4, 3, 4]
    assert [recipe.activation_scheme(graph, name).bits for name in "xaby"] == [5, 5, 2, 5]
    ends = Recipe(weights=WeightScheme(4), activations=ActivationScheme(5), eight_bit_ends=True, layers={"fc0": LayerBits(weights=2)})
    assert [ends.weight_scheme(graph, op.name).bits for op in graph.ops] == [2, 4, 8]
    assert [ends.activation_scheme(graph, name).bits for name in "xaby"] == [8, 5, 5, 8]


def test_bits_of_a_layer_that_is_not_there_are_refused() -> None:
    with pytest.raises(InputError, match="whose layers with weights are fc0, fc1, fc2") as caught:
        Recipe(layers={"fc9": LayerBits(4)}).check_layers(chain())
    assert caught.value.problems == ("'fc9': no such layer",) or list(caught.value.problems) == ["'fc9': no such layer"]
