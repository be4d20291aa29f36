"""Accuracy and signal-to-noise ratio on values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from golden.calibration import calibrate
from golden.evaluation import Noise, real_outputs, real_tensors, top_k
from golden.float_graph import FloatFullyConnected, FloatGraph, FloatTensor
from golden.integer_graph import build
from golden.parameters import choose
from golden.recipe import Method, Recipe
from golden.simulated import simulate


def test_top_k() -> None:
    scores = np.array([[0.1, 0.9, 0.5], [0.3, 0.2, 0.1], [1.0, 1.0, 0.0]])
    labels = np.array([2, 2, 1])
    assert top_k(scores, labels) == 0.0
    assert top_k(scores, labels, 2) == pytest.approx(2 / 3)
    assert top_k(scores, labels, 3) == 1.0
    assert top_k(scores, np.array([1, 0, 0])) == 1.0


def test_signal_to_noise() -> None:
    noise = Noise()
    noise.update({"a": np.array([3.0, 4.0]), "b": np.ones(2), "left": np.ones(1)}, {"a": np.array([3.0, 4.5]), "b": np.ones(2)})
    noise.update({"a": np.array([5.0])}, {"a": np.array([5.0])})
    assert noise.sqnr() == {"a": pytest.approx(10 * math.log10(50 / 0.25)), "b": math.inf}
    assert list(noise.sqnr()) == ["a", "b"]


def test_every_kind_of_network_gives_real_tensors() -> None:
    rng = np.random.default_rng(0)
    tensors = {"x": FloatTensor("x", (6,)), "y": FloatTensor("y", (4,))}
    op = FloatFullyConnected("fc", ("x",), "y", weight=rng.normal(size=(4, 6)), bias=rng.normal(size=4))
    graph = FloatGraph("g", tensors, ("x",), ("y",), (op,))
    x = {"x": rng.normal(size=(70, 6)).astype(np.float32)}
    recipe = Recipe()
    integers = build(graph, choose(graph, calibrate(graph, x, recipe), recipe))
    expected = x["x"] @ op.weight.T + op.bias
    for network, limit in ((graph, 1e-5), (integers, 0.1), (simulate(graph, Recipe(method=Method.DYNAMIC)), 0.1)):
        got = real_tensors(network, x)["y"]
        assert np.abs(got - expected).max() < limit
        assert np.array_equal(real_outputs(network, x, "y", batch_size=70), got)
        assert np.allclose(real_outputs(network, x, "y", batch_size=16), got, atol=1e-5)
