"""Corrected biases: the means of a quantized network's outputs are those of the float network."""

from __future__ import annotations

import numpy as np
import pytest

from golden import fake_quantize, float_interpreter
from golden.calibration import calibrate
from golden.float_graph import FloatGraph
from golden.parameters import Parameters, choose
from golden.recipe import Recipe
from golden.recovery import correct_biases
from golden.schemes import Granularity, WeightScheme
from tests.golden.recovery.networks import uneven

RECIPE = Recipe(weights=WeightScheme(3, granularity=Granularity.TENSOR))


@pytest.fixture(scope="module")
def made() -> tuple[FloatGraph, dict[str, np.ndarray], Parameters]:
    graph, data = uneven()
    return graph, data, choose(graph, calibrate(graph, data, RECIPE), RECIPE)


def mean_error(graph: FloatGraph, corrected: FloatGraph, parameters: Parameters, data: dict[str, np.ndarray]) -> float:
    """Of the last layer, which has no clamp; in steps of its output."""
    out = graph.outputs[0]
    wanted = float_interpreter.run(graph, data)[out].mean(axis=0)
    got = fake_quantize.run(fake_quantize.quantized_weights(corrected, parameters), parameters, data)[out].mean(axis=0)
    return float(np.abs(got - wanted).max()) / parameters.tensors[out].scale


def test_the_mean_error_goes_away(made: tuple[FloatGraph, dict[str, np.ndarray], Parameters]) -> None:
    graph, data, parameters = made
    corrected = correct_biases(graph, parameters, data, batch_size=24)
    before, after = (mean_error(graph, other, parameters, data) for other in (graph, corrected))
    assert before > 2
    assert after < before / 3  # the rest: the bias is rounded, the output rounded and clamped


def test_batches_matter_no_more_than_a_rounding_or_two(made: tuple[FloatGraph, dict[str, np.ndarray], Parameters]) -> None:
    graph, data, parameters = made
    one, many = (correct_biases(graph, parameters, data, batch_size=size).weighted_ops() for size in (64, 7))
    for a, b in zip(one, many, strict=True):
        assert np.allclose(a.bias, b.bias, rtol=0, atol=0.02 * np.abs(a.bias).max())


def test_weights_stay(made: tuple[FloatGraph, dict[str, np.ndarray], Parameters]) -> None:
    graph, data, parameters = made
    for before, after in zip(graph.weighted_ops(), correct_biases(graph, parameters, data).weighted_ops(), strict=True):
        assert np.array_equal(before.weight, after.weight)
