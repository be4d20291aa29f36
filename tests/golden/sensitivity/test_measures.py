"""Every measure finds the layer that a network minds most."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from golden.calibration import calibrate
from golden.errors import InputError
from golden.float_graph import FloatFullyConnected, FloatGraph, FloatTensor
from golden.parameters import choose
from golden.recipe import Recipe
from golden.schemes import WeightScheme
from golden.sensitivity import MEASURES, Measure, sensitivity
from golden.trainable_graph import TrainableGraph


def network() -> FloatGraph:
    """The middle layer's outputs are almost ignored by the last: the network hardly minds it."""
    rng = np.random.default_rng(0)
    tensors = {name: FloatTensor(name, (8,)) for name in ("x", "a", "b", "c")} | {"y": FloatTensor("y", (4,))}
    first = FloatFullyConnected("first", ("x",), "a", weight=rng.normal(size=(8, 8)), bias=rng.normal(size=8), low=0.0)
    minor = FloatFullyConnected("minor", ("a",), "b", weight=rng.normal(size=(8, 8)), bias=rng.normal(size=8), low=0.0)
    last = rng.normal(size=(4, 8)) * 1e-3
    graph_ops = (first, minor, FloatFullyConnected("last", ("b",), "y", weight=last, bias=rng.normal(size=4) * 0.1))
    tensors.pop("c")
    return FloatGraph("g", tensors, ("x",), ("y",), graph_ops)


@pytest.fixture(scope="module")
def made() -> tuple[FloatGraph, dict[int, dict[str, np.ndarray]], np.ndarray]:
    graph = network()
    x = np.random.default_rng(1).normal(size=(96, 8)).astype(np.float32)
    ranges = calibrate(graph, {"x": x})
    quantized = {}
    for bits in (2, 4, 8):
        parameters = choose(graph, ranges, Recipe(weights=WeightScheme(bits)))
        quantized[bits] = {op.name: parameters.quantized_weight(op) for op in graph.weighted_ops()}
    return graph, quantized, x


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.value)
def test_more_bits_are_minded_less(made: tuple[FloatGraph, dict[int, dict[str, np.ndarray]], np.ndarray], measure: Measure) -> None:
    graph, quantized, x = made
    calls: list[tuple[int, int]] = []
    found = sensitivity(graph, quantized, x, None, measure, progress=lambda done, total: calls.append((done, total)))
    assert list(found.scores) == ["first", "minor", "last"]
    assert calls == [(1, 3), (2, 3), (3, 3)]
    for scores in found.scores.values():
        assert abs(scores[2]) >= abs(scores[8])
    assert all(scores[2] >= scores[8] for scores in found.scores.values()) or measure in (Measure.ONE_AT_A_TIME, Measure.LANDSCAPE)


def test_one_at_a_time_is_the_rise_of_the_loss(made: tuple[FloatGraph, dict[int, dict[str, np.ndarray]], np.ndarray]) -> None:
    graph, quantized, x = made
    labels = np.arange(96) % 4
    found = sensitivity(graph, quantized, x, labels, Measure.ONE_AT_A_TIME, batch_size=96)
    model = TrainableGraph(graph)

    def loss() -> float:
        with torch.no_grad():
            return float(torch.nn.functional.cross_entropy(model(torch.tensor(x)), torch.tensor(labels)))

    start = loss()
    with torch.no_grad():
        model.layers["minor"].weight.copy_(torch.tensor(quantized[2]["minor"]))
    assert found.scores["minor"][2] == pytest.approx(loss() - start, rel=1e-4)


def test_weights_are_put_back(made: tuple[FloatGraph, dict[int, dict[str, np.ndarray]], np.ndarray]) -> None:
    graph, quantized, x = made
    first, second = (sensitivity(graph, quantized, x, None, Measure.LANDSCAPE).scores for _ in range(2))
    assert first == second


def test_networks_without_class_scores_are_refused(made: tuple[FloatGraph, dict[int, dict[str, np.ndarray]], np.ndarray]) -> None:
    graph, quantized, x = made
    tensors = graph.tensors | {"y": FloatTensor("y", (1, 1, 4))}
    with pytest.raises(InputError, match="one vector of class scores"):
        sensitivity(FloatGraph("g", tensors, ("x",), ("y",), graph.ops), quantized, x, None, Measure.TRACE)
