"""The integer graph equals the fake-quantized network; what a textbook's differs in is explained to the last element."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from golden.graph import Conv2d, Graph
from golden.recipe import Recipe
from golden.schemes import ActivationScheme, Granularity, WeightScheme
from golden.training import QuantizedNetwork, agreement, convert, prepare
from golden.training.agreement import AVERAGE, DOUBLE_ROUNDING, FUNCTION, SINGLE_PRECISION, TIE, UNEXPLAINED
from golden.training_scheme import ActivationSteps, Training, WeightSteps
from tests.golden.training.networks import every_operator, recipe, small_data, small_graph

FORMATS = ("tflite", "fixed32", "fixed8", "shift")


def trained(chosen: Recipe, steps: int = 6) -> QuantizedNetwork:
    """A few steps with a large learning rate: every scale and statistic has moved."""
    x, label = small_data()
    network = prepare(small_graph(), x, chosen)
    optimizer = torch.optim.SGD(network.parameters(), 0.02)
    for start in range(steps):
        batch = slice(start * 8 % 64, start * 8 % 64 + 16)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(torch.from_numpy(x[batch])), torch.from_numpy(label[batch])).backward()
        optimizer.step()
    return network.eval()


CASES = [
    *[recipe(4, 4, rescale) for rescale in FORMATS],
    *[recipe(4, 4, "shift", activations=steps) for steps in ActivationSteps],
    *[recipe(2, 4, "fixed16", weights=steps) for steps in (WeightSteps.TERNARY, WeightSteps.BINARY, WeightSteps.RANGE)],
    Recipe(weights=WeightScheme(5, symmetric=False), activations=ActivationScheme(6, signed=False)),
    Recipe(weights=WeightScheme(3, granularity=Granularity.TENSOR), activations=ActivationScheme(8, symmetric=True), rescale="fixed32"),
    Recipe(weights=WeightScheme(4, symmetric=False), training=Training(weights=WeightSteps.RANGE, activations=ActivationSteps.CLIPPING)),
]


@pytest.mark.parametrize("chosen", CASES, ids=lambda chosen: f"W{chosen.weights.bits}A{chosen.activations.bits}-{chosen.rescale}")
def test_every_layer_is_equal(chosen: Recipe) -> None:
    x, _ = small_data(200, seed=2)
    result = agreement(trained(chosen), x)
    assert result.causes == {}
    assert (result.outputs, result.classes, result.largest) == (1.0, 1.0, 0)
    assert all((layer.equal, layer.largest) == (layer.elements, 0) for layer in result.layers)


@pytest.mark.parametrize("rescale", FORMATS)
def test_every_operator_but_softmax_is_equal(rescale: str) -> None:
    x = np.random.default_rng(0).normal(size=(100, 6, 6, 2)).astype(np.float32)
    network = prepare(every_operator(), x, recipe(6, 8, rescale, activations=ActivationSteps.MOVING_AVERAGE), layout="NHWC")
    result = agreement(network.eval(), x)
    assert len({layer.kind for layer in result.layers}) == 11
    for layer in result.layers:
        assert layer.kind == "softmax" or layer.equal == layer.elements, layer
    softmax = result.layers[-1]
    assert softmax.kind == "softmax"
    assert set(softmax.causes) <= {FUNCTION}
    assert softmax.largest <= 1


@pytest.mark.parametrize(("rescale", "cause"), [("tflite", DOUBLE_ROUNDING), ("fixed8", AVERAGE), ("shift", TIE)])
def test_a_textbook_differs_and_every_difference_has_a_cause(rescale: str, cause: str) -> None:
    x, _ = small_data(200, seed=3)
    network = trained(recipe(4, 4, rescale, activations=ActivationSteps.MOVING_AVERAGE))
    textbook = agreement(network, x, exact_rounding=False)
    exact = agreement(network, x)
    assert textbook.outputs <= exact.outputs == 1
    assert textbook.causes[cause] > 0
    assert UNEXPLAINED not in textbook.causes
    assert (DOUBLE_ROUNDING in textbook.causes) == (rescale == "tflite")
    for layer in textbook.layers:
        assert sum(layer.causes.values()) == layer.elements - layer.equal
        assert layer.largest <= 1


def test_precision_matters_to_a_textbook_alone() -> None:
    x, _ = small_data(100, seed=4)
    network = trained(recipe(8, 8, "fixed32"))
    single = agreement(network, x, exact_rounding=False)
    double = agreement(network, x, exact_rounding=False, dtype=torch.float64)
    assert SINGLE_PRECISION not in double.causes
    assert single.outputs <= agreement(network, x).outputs
    assert agreement(network, x, dtype=torch.float64).outputs == agreement(network, x).outputs


def test_a_wrong_weight_is_not_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """The causes are not a bin that takes everything."""

    def changed(network: QuantizedNetwork) -> Graph:
        graph = convert(network)
        ops = [replace(op, weight=op.weight ^ 1) if isinstance(op, Conv2d) else op for op in graph.ops]
        return Graph(graph.name, graph.format, graph.tensors, graph.inputs, graph.outputs, tuple(ops))

    x, _ = small_data(20)
    network = trained(recipe(4, 4, "fixed32"), steps=1)
    monkeypatch.setattr(sys.modules["golden.training.agreement"], "convert", changed)
    assert agreement(network, x).causes[UNEXPLAINED] > 50
