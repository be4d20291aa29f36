"""A network with fake quantization computes with the values that the integers stand for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from golden import fake_quantize, float_interpreter
from golden.calibration import calibrate
from golden.float_graph import FloatFullyConnected, FloatGraph, FloatTensor
from golden.formats import IntegerFormat, Quantizer
from golden.input_data import dequantize_output, quantize_input
from golden.integer_graph import build
from golden.interpreter import run
from golden.parameters import choose
from golden.recipe import Recipe
from golden.schemes import ActivationScheme, WeightScheme


def network() -> FloatGraph:
    rng = np.random.default_rng(0)
    tensors = {name: FloatTensor(name, (40,)) for name in "xay"}
    ops = tuple(
        FloatFullyConnected(name, (source,), target, weight=rng.normal(size=(40, 40)), bias=rng.normal(size=40), low=low)
        for name, source, target, low in (("first", "x", "a", 0.0), ("second", "a", "y", -np.inf))
    )
    return FloatGraph("g", tensors, ("x",), ("y",), ops)


@pytest.mark.parametrize("quantizer", [Quantizer(IntegerFormat(4), 0.3, -2), Quantizer(IntegerFormat(8, signed=False), 0.01, 7)])
def test_values_go_through_the_integers(quantizer: Quantizer) -> None:
    values = np.random.default_rng(1).uniform(-4, 4, 1000)
    expected = quantizer.dequantize(quantizer.quantize(values))
    assert np.allclose(fake_quantize.fake_quantize(torch.tensor(values), quantizer).numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(8, 8), (4, 8), (3, 5)])
def test_outputs_are_within_a_step_of_the_integer_graph(weight_bits: int, activation_bits: int) -> None:
    graph = network()
    x = np.random.default_rng(2).normal(size=(200, 40)).astype(np.float32)
    # TensorFlow Lite's rescale rounds twice, which moves a few small accumulators of coarse weights up.
    recipe = Recipe(weights=WeightScheme(weight_bits), activations=ActivationScheme(activation_bits), rescale="fixed32")
    parameters = choose(graph, calibrate(graph, {"x": x}, recipe), recipe)
    fake = fake_quantize.run(fake_quantize.quantized_weights(graph, parameters), parameters, {"x": x})["y"]
    integers = build(graph, parameters)
    steps = (dequantize_output(integers, run(integers, np.asarray(quantize_input(integers, x)))) - fake) / parameters.tensors["y"].scale
    assert np.abs(steps).max() < 1.01  # a step where both round differently
    assert (np.abs(steps) < 0.01).mean() > 0.98
    plain = float_interpreter.run(graph, {"x": x})["y"]
    assert np.abs(fake - plain).max() > 0


def test_single_layers_and_tensors_can_be_chosen() -> None:
    graph = network()
    x = np.random.default_rng(3).normal(size=(20, 40)).astype(np.float32)
    recipe = Recipe(weights=WeightScheme(2), activations=ActivationScheme(2))
    parameters = choose(graph, calibrate(graph, {"x": x}, recipe), recipe)
    one = fake_quantize.quantized_weights(graph, parameters, {"second"})
    assert one.ops[0] is graph.ops[0] or np.array_equal(one.weighted_ops()[0].weight, graph.weighted_ops()[0].weight)
    assert len(np.unique(one.weighted_ops()[1].weight[0])) <= 3
    values = fake_quantize.run(graph, parameters, {"x": x}, tensors={"a"})
    assert np.array_equal(values["x"], x)
    assert len(np.unique(values["a"])) <= 4
    assert len(np.unique(values["y"])) > 4
