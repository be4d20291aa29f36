"""Loss landscapes on a loss whose shape is known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pytest

from golden import fake_quantize
from golden.calibration import calibrate
from golden.float_graph import FloatFullyConnected, FloatGraph, FloatTensor
from golden.parameters import choose
from golden.training.landscape import Surroundings, cross_entropy, landscape, random_direction, sharpness
from golden.weight_rows import weight_rows
from tests.golden.training.networks import every_operator, recipe

WEIGHT = np.array([[3.0, 4.0], [0.6, -0.8]])
X = {"x": np.eye(2, dtype=np.float32)}


def linear() -> FloatGraph:
    tensors = {name: FloatTensor(name, (2,)) for name in "xy"}
    return FloatGraph("g", tensors, ("x",), ("y",), (FloatFullyConnected("f", ("x",), "y", weight=WEIGHT, bias=np.zeros(2)),))


def squares(values: Mapping[str, npt.NDArray[np.float32]]) -> float:
    """For the inputs above the sum of the squared weights."""
    return float((values["y"].astype(np.float64) ** 2).sum())


def test_a_direction_is_as_long_as_the_weights_channel_by_channel() -> None:
    graph = every_operator()
    direction = random_direction(graph, np.random.default_rng(0))
    for op in graph.weighted_ops():
        assert np.linalg.norm(direction[op.name], axis=1) == pytest.approx(np.linalg.norm(weight_rows(op), axis=1))


def test_the_sharpness_of_a_parabola() -> None:
    """L = sum of w^2: the mean of both ways is r^2 times the sum of the squared norms, 25 + 1."""
    around = Surroundings(linear(), None, X, squares)
    assert around.at() == pytest.approx(26)
    for radius in (0.1, 0.5):
        assert sharpness(around, radius=radius, directions=3) == pytest.approx(26 * radius**2, rel=1e-5)


def test_the_line_and_the_plane() -> None:
    found = landscape(Surroundings(linear(), None, X, squares), radius=0.5, points=5, seed=3)
    assert found.steps.tolist() == [-0.5, -0.25, 0, 0.25, 0.5]
    assert found.line[2] == found.plane[2, 2] == pytest.approx(26)
    assert found.plane[:, 2] == pytest.approx(found.line)
    assert found.line[0] + found.line[4] - 2 * found.line[2] == pytest.approx(2 * 26 * 0.25, rel=1e-5)
    assert not np.allclose(found.plane, found.plane.T)
    again = landscape(Surroundings(linear(), None, X, squares), radius=0.5, points=5, seed=3)
    assert np.array_equal(found.plane, again.plane)


def test_a_quantized_network_starts_from_its_integers() -> None:
    graph, chosen = linear(), recipe(2, 4)
    parameters = choose(graph, calibrate(graph, X, chosen), chosen)
    around = Surroundings(graph, parameters, X, squares)
    quantized = fake_quantize.run(fake_quantize.quantized_weights(graph, parameters), parameters, X)
    assert around.at() == pytest.approx(squares(quantized))
    assert around.at() != pytest.approx(26)


def test_cross_entropy() -> None:
    scores = np.array([[1.0, 2.0], [1000.0, -1000.0]], np.float32)
    expected = (np.log1p(np.exp(-1.0)) + 2000.0) / 2
    assert cross_entropy(np.array([1, 1]), "y")({"y": scores}) == pytest.approx(expected)
