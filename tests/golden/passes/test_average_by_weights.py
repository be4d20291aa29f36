"""The shift-only format averages by weights where it cannot divide."""

from __future__ import annotations

import numpy as np
import pytest

from golden import float_interpreter
from golden.float_graph import FloatAveragePool2d, FloatDepthwiseConv2d, FloatGraph, FloatTensor
from golden.graph import Padding, Window
from golden.input_data import dequantize_output, quantize_input
from golden.interpreter import run
from golden.passes.average_by_weights import average_by_weights
from golden.quantize import quantize
from golden.recipe import Recipe
from golden.rescale import SHIFT, TFLITE


def pooled(window: Window, size: tuple[int, int] = (5, 6)) -> FloatGraph:
    shapes = {"x": (*size, 3), "y": (*window.output_size(*size), 3)}
    tensors = {name: FloatTensor(name, shape) for name, shape in shapes.items()}
    return FloatGraph("g", tensors, ("x",), ("y",), (FloatAveragePool2d("pool", ("x",), "y", window=window, low=-0.5),))


@pytest.mark.parametrize("window", [Window((3, 3), (2, 1)), Window((5, 6)), Window((1, 3), dilation=(1, 2))])
def test_the_network_computes_the_same(window: Window) -> None:
    graph = pooled(window)
    changed = average_by_weights(graph, SHIFT)
    assert isinstance(changed.ops[0], FloatDepthwiseConv2d)
    x = {"x": np.random.default_rng(0).normal(size=(4, 5, 6, 3)).astype(np.float32)}
    assert np.allclose(float_interpreter.run(changed, x)["y"], float_interpreter.run(graph, x)["y"], atol=1e-6)


@pytest.mark.parametrize(
    ("window", "format"), [(Window((3, 3)), TFLITE), (Window((2, 4)), SHIFT), (Window((3, 3), padding=Padding(1, 1, 1, 1)), SHIFT)]
)
def test_what_can_be_divided_is_left_and_so_are_padded_averages(window: Window, format: object) -> None:
    assert average_by_weights(pooled(window), format).ops[0].kind == "average_pool2d"  # type: ignore[arg-type]


def test_quantized_averages_are_near() -> None:
    x = np.random.default_rng(1).normal(size=(32, 5, 6, 3)).astype(np.float32)
    graph = quantize(pooled(Window((5, 6))), x, recipe=Recipe(rescale="shift"))
    got = dequantize_output(graph, run(graph, np.asarray(quantize_input(graph, x))))
    assert np.abs(got - np.maximum(x.mean(axis=(1, 2), keepdims=True), -0.5)).max() <= 2.5 * graph.tensors["y"].affine.scale
