"""Adaptive rounding: neighbouring integers, chosen for the layer's output."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from golden import fake_quantize, float_interpreter
from golden.calibration import calibrate
from golden.float_graph import FloatFullyConnected, FloatGraph, FloatTensor
from golden.input_data import dequantize_output, quantize_input
from golden.interpreter import run
from golden.parameters import Parameters, choose
from golden.quantize import quantize
from golden.recipe import Recipe, Recovery
from golden.recovery.adaptive_rounding import AdaptiveRounding, _patches, round_adaptively, stretched_sigmoid
from golden.schemes import WeightScheme
from golden.weight_rows import weight_rows
from tests.golden.recovery.networks import uneven

SHORT = AdaptiveRounding(iterations=300, samples=512, batch=128)


def test_stretched_sigmoid_reaches_both_ends() -> None:
    h = stretched_sigmoid(torch.tensor([-50.0, 0.0, 50.0]))
    assert h.tolist() == [0.0, 0.5, 1.0]
    v = torch.tensor([3.0], requires_grad=True)
    stretched_sigmoid(v).sum().backward()
    assert v.grad is not None
    assert v.grad.item() == 0.0  # saturated: 1.2 * sigmoid(3) - 0.1 > 1


def layer_errors(graph: FloatGraph, parameters: Parameters, data: dict[str, np.ndarray]) -> float:
    out = graph.outputs[0]
    wanted = float_interpreter.run(graph, data)[out]
    got = fake_quantize.run(fake_quantize.quantized_weights(graph, parameters), parameters, data)[out]
    return float(((got - wanted) ** 2).mean())


@pytest.mark.parametrize("symmetric", [True, False])
def test_the_output_error_shrinks_and_integers_are_neighbours(symmetric: bool) -> None:
    graph, data = uneven()
    recipe = Recipe(weights=WeightScheme(3, symmetric=symmetric))
    parameters = choose(graph, calibrate(graph, data, recipe), recipe)
    rounded = round_adaptively(graph, parameters, data, SHORT)
    assert layer_errors(graph, rounded, data) < 0.9 * layer_errors(graph, parameters, data)
    moved = 0
    for op in graph.weighted_ops():
        quantizer, integers = parameters.weights[op.name], rounded.integers[op.name]
        exact = weight_rows(op) / quantizer.scale[:, None] + quantizer.zero_point[:, None]
        inside = (exact >= quantizer.format.low) & (exact <= quantizer.format.high)
        assert (np.abs(integers - exact)[inside] < 1 + 1e-6).all()
        assert integers.min() >= quantizer.format.low
        assert integers.max() <= quantizer.format.high
        moved += int((integers != parameters.weight_integers(op)).sum())
    assert moved > 0


def test_against_every_rounding_of_a_small_layer() -> None:
    """Four weights, sixteen roundings: the one that is found is the best, or within a tenth of it."""
    rng = np.random.default_rng(3)
    base = rng.normal(size=(256, 1))
    x = (base + 0.3 * rng.normal(size=(256, 4))).astype(np.float32)  # inputs that go together
    weight = np.array([[0.4, 0.45, 0.38, 1.0]])
    tensors = {"x": FloatTensor("x", (4,)), "y": FloatTensor("y", (1,))}
    graph = FloatGraph("g", tensors, ("x",), ("y",), (FloatFullyConnected("fc", ("x",), "y", weight=weight, bias=np.zeros(1)),))
    recipe = Recipe(weights=WeightScheme(2))
    parameters = choose(graph, calibrate(graph, {"x": x}, recipe), recipe)
    errors = {
        choice: layer_errors(graph, replace(parameters, integers={"fc": np.array([choice])}), {"x": x})
        for choice in itertools.product((0, 1), repeat=4)
    }
    nearest = tuple(parameters.weight_integers(graph.weighted_ops()[0])[0])
    assert errors[nearest] > 2 * min(errors.values())
    found = round_adaptively(graph, parameters, {"x": x}, AdaptiveRounding(iterations=500, samples=256, batch=256))
    assert errors[tuple(found.integers["fc"][0])] <= 1.1 * min(errors.values()) < errors[nearest] / 10


def test_the_same_seed_gives_the_same_integers() -> None:
    graph, data = uneven()
    recipe = Recipe(weights=WeightScheme(3))
    parameters = choose(graph, calibrate(graph, data, recipe), recipe)
    first, second = (round_adaptively(graph, parameters, data, replace(SHORT, iterations=30)) for _ in range(2))
    assert all(np.array_equal(first.integers[name], second.integers[name]) for name in first.integers)


def test_patches_are_what_each_pixel_reads() -> None:
    graph, data = uneven()
    (source,) = graph.inputs
    values = float_interpreter.run(graph, data)
    assert source in values
    for op in graph.weighted_ops():
        patches = _patches(op, torch.tensor(values[op.inputs[0]]))
        rows = torch.tensor(weight_rows(op), dtype=torch.float32)
        total = patches @ rows.T if patches.ndim == 2 else (patches * rows).sum(dim=2)
        got = (total + torch.tensor(op.bias, dtype=torch.float32)).clamp(op.low, op.high).numpy()
        expected = values[op.output].reshape(got.shape)
        assert np.allclose(got, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_recovery_in_a_recipe_brings_few_bits_nearer() -> None:
    graph, data = uneven()
    (x,) = data.values()
    wanted = float_interpreter.run(graph, data)[graph.outputs[0]]

    def error(*recovery: Recovery) -> float:
        integers = quantize(graph, x, recipe=Recipe(weights=WeightScheme(3), recovery=recovery))
        return float(((dequantize_output(integers, run(integers, np.asarray(quantize_input(integers, x)))) - wanted) ** 2).mean())

    plain = error()
    assert error(Recovery.BIAS_CORRECTION) < plain
    assert error(Recovery.EQUALIZATION, Recovery.BIAS_CORRECTION) < plain
    assert error(Recovery.EQUALIZATION, Recovery.ADAPTIVE_ROUNDING, Recovery.BIAS_CORRECTION) < 0.7 * plain
