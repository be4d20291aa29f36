"""Weight-only and dynamic networks against sums written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from golden import float_interpreter
from golden.errors import InputError
from golden.float_graph import FloatConv2d, FloatFullyConnected, FloatGraph, FloatTensor
from golden.group_quantizer import group_quantizer
from golden.importers.torch_export import import_module
from golden.passes.pipeline import prepare
from golden.recipe import LayerBits, Method, Recipe
from golden.schemes import ActivationScheme, Granularity, WeightScheme
from golden.simulated import simulate
from golden.simulated.dynamic import corrected_product, dynamic_parameters


def linear(rng: np.random.Generator, inputs: int = 12, outputs: int = 5, low: float = -np.inf) -> FloatGraph:
    tensors = {"x": FloatTensor("x", (inputs,)), "y": FloatTensor("y", (outputs,))}
    op = FloatFullyConnected("fc", ("x",), "y", weight=rng.normal(size=(outputs, inputs)), bias=rng.normal(size=outputs), low=low)
    return FloatGraph("g", tensors, ("x",), ("y",), (op,))


def layer(graph: FloatGraph) -> FloatFullyConnected:
    (op,) = graph.ops
    assert isinstance(op, FloatFullyConnected)
    return op


def dynamic(**fields: object) -> Recipe:
    return Recipe(method=Method.DYNAMIC, **fields)  # type: ignore[arg-type]


@given(st.integers(2, 8), st.integers(2, 8), st.booleans(), st.integers(0, 2**32 - 1))
def test_dynamic_linear_layer_by_the_corrected_sum(weight_bits: int, bits: int, symmetric: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = linear(rng, low=-0.5)
    x = rng.normal(size=(4, 12)) * rng.uniform(0.1, 10, size=(4, 1))
    x[0] = 0  # an image of nothing
    recipe = dynamic(weights=WeightScheme(weight_bits, symmetric=symmetric), activations=ActivationScheme(bits))
    network = simulate(graph, recipe)
    quantizer, q_w = network.weights["fc"], network.integers["fc"]
    got = network.run({"x": x})["y"]
    for image, values in enumerate(x):
        low, high = min(values.min(), 0), max(values.max(), 0)
        scale = (high - low) / (2**bits - 1) or 1.0
        z_x = round(-low / scale)
        q_x = np.clip(np.rint(values / scale) + z_x, 0, 2**bits - 1).astype(np.int64)
        total = corrected_product(q_x[None], q_w, z_x, quantizer.zero_point[:, 0])[0]
        assert np.array_equal(total, (q_w - quantizer.zero_point) @ (q_x - z_x))
        expected = np.maximum(total * scale * quantizer.scale[:, 0] + layer(graph).bias, -0.5)
        assert np.allclose(got[image], expected, rtol=1e-6, atol=1e-6)


def test_every_image_has_a_range_of_its_own() -> None:
    scale, zero_point = dynamic_parameters(torch.tensor([[-1.0, 2.0], [0.5, 4.0], [-3.0, -1.0]], dtype=torch.float64), 8)
    assert scale.tolist() == [3 / 255, 4 / 255, 3 / 255]
    assert zero_point.tolist() == [85.0, 0.0, 255.0]


def test_dynamic_convolutions_pad_with_real_zero() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(2, 6, 3, 2, 1), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 6, 3, 1, 1, groups=6), nn.ReLU6()).eval()
    x = np.random.default_rng(0).uniform(-1, 3, (5, 7, 7, 2)).astype(np.float32)
    graph = prepare(import_module(module, (torch.zeros(2, 2, 7, 7),)))
    expected = float_interpreter.run(graph, {graph.inputs[0]: x})[graph.outputs[0]]
    for bits, limit in ((8, 0.02), (5, 0.2)):
        recipe = dynamic(weights=WeightScheme(bits), activations=ActivationScheme(bits))
        network = simulate(graph, recipe)
        got = network.run({graph.inputs[0]: x})[graph.outputs[0]]
        assert 0 < np.abs(got - expected).max() < limit * np.abs(expected).max()
        alone = network.run({graph.inputs[0]: x[2:3]})[graph.outputs[0]]
        assert np.array_equal(alone[0], got[2])  # the rest of the batch has no say


@given(st.integers(2, 8), st.integers(1, 14), st.booleans(), st.integers(0, 2**32 - 1))
def test_groups_are_quantized_each_for_itself(bits: int, size: int, symmetric: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = linear(rng)
    scheme = WeightScheme(bits, symmetric=symmetric, granularity=Granularity.GROUP, group_size=size)
    network = simulate(graph, Recipe(method=Method.WEIGHT_ONLY, weights=scheme))
    rows, got = layer(graph).weight, layer(network.graph).weight
    one = WeightScheme(bits, symmetric=symmetric)
    for start in range(0, rows.shape[1], size):
        part = rows[:, start : start + size]
        alone = group_quantizer(part, one)
        assert np.array_equal(got[:, start : start + size], alone.dequantize(alone.quantize(part)))
        half = alone.scale / 2
        assert (np.abs(got[:, start : start + size] - part) <= half * (1 + 1e-9)).all() or not symmetric


def test_finer_scales_are_nearer() -> None:
    graph = linear(np.random.default_rng(1), inputs=256, outputs=16)
    errors = []
    for granularity in (Granularity.TENSOR, Granularity.CHANNEL, Granularity.GROUP):
        network = simulate(graph, Recipe(method=Method.WEIGHT_ONLY, weights=WeightScheme(4, granularity=granularity, group_size=16)))
        errors.append(float(((layer(network.graph).weight - layer(graph).weight) ** 2).sum()))
    assert errors[0] > errors[1] > errors[2] > 0


def test_storage_counts_integers_scales_zero_points_and_biases() -> None:
    graph = linear(np.random.default_rng(0))
    weight_only = {"method": Method.WEIGHT_ONLY}
    bits = {
        "tensor": WeightScheme(4, granularity=Granularity.TENSOR),
        "channel": WeightScheme(4, symmetric=False),
        "group": WeightScheme(4, granularity=Granularity.GROUP, group_size=5),
    }
    found = {name: simulate(graph, Recipe(**weight_only, weights=scheme)).storage_bits for name, scheme in bits.items()}  # type: ignore[arg-type]
    weights, biases = 60 * 4, 5 * 32
    assert found == {"tensor": weights + 32 + biases, "channel": weights + 5 * (32 + 4) + biases, "group": weights + 5 * 3 * 32 + biases}


def test_bits_of_single_layers_count() -> None:
    recipe = Recipe(method=Method.WEIGHT_ONLY, layers={"fc": LayerBits(weights=2)})
    assert np.abs(simulate(linear(np.random.default_rng(0)), recipe).integers["fc"]).max() == 1


def test_recipes_of_another_kind_are_refused() -> None:
    graph = linear(np.random.default_rng(0))
    with pytest.raises(InputError, match="is static"):
        simulate(graph, Recipe())
    with pytest.raises(InputError, match="one scale for each output channel"):
        simulate(graph, dynamic(weights=WeightScheme(granularity=Granularity.GROUP)))


def test_a_convolution_keeps_the_order_of_its_weights() -> None:
    module = nn.Conv2d(3, 4, 3)
    graph = prepare(import_module(module, (torch.zeros(2, 3, 6, 6),)))
    network = simulate(graph, Recipe(method=Method.WEIGHT_ONLY))
    (before,), (after,) = graph.ops, network.graph.ops
    assert isinstance(before, FloatConv2d)
    assert isinstance(after, FloatConv2d)
    assert np.abs(before.weight - after.weight).max() <= np.abs(before.weight).max() / 127
