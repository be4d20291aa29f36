"""Sizes, multiply-accumulates and array fields of the integer graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.affine import Affine
from golden.graph import Conv2d, DepthwiseConv2d, FullyConnected, Graph, MaxPool2d, Op, Padding, Tensor, Window, op_arrays, op_macs
from golden.rescale import TFLITE, Rescale


@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 4), st.integers(1, 3), st.integers(0, 4), st.integers(0, 4))
def test_output_size_counts_the_places_of_the_window(size: int, kernel: int, stride: int, dilation: int, before: int, after: int) -> None:
    window = Window((kernel, 1), (stride, 1), Padding(before, after), (dilation, 1))
    last = size + after - ((kernel - 1) * dilation + 1)
    assert max(window.output_size(size, 1)[0], 0) == len(range(-before, last + 1, stride))
    assert window.output_size(size, 7)[1] == 7


def constants(shape: tuple[int, ...], channels: int) -> dict[str, Any]:
    return {
        "weight": np.ones(shape, np.int8),
        "weight_zero_point": np.zeros(channels, int),
        "weight_scale": np.ones(channels),
        "bias": np.zeros(channels, int),
        "rescale": Rescale.from_real(TFLITE, 0.5),
    }


CONV = Conv2d("op", ("x",), "y", window=Window((3, 3), padding=Padding(1, 1, 1, 1)), **constants((4, 3, 3, 2), 4))
DEPTHWISE = DepthwiseConv2d("op", ("x",), "y", window=Window((3, 3), padding=Padding(1, 1, 1, 1)), **constants((3, 3, 4), 4))
POOL = MaxPool2d("op", ("x",), "y", window=Window((1, 1)))


@pytest.mark.parametrize(("op", "macs"), [(CONV, 6 * 5 * 4 * 18), (DEPTHWISE, 6 * 5 * 4 * 9), (POOL, 0)])
def test_macs_of_maps(op: Op, macs: int) -> None:
    tensors = {name: Tensor(name, (6, 5, channels), Affine(1.0, 0)) for name, channels in (("x", 2), ("y", 4))}
    graph = Graph("g", TFLITE, tensors, ("x",), ("y",), (op,))
    assert op_macs(graph, op) == macs
    assert list(graph.consumers("x")) == [op]
    assert list(graph.consumers("y")) == []


def test_macs_of_vectors() -> None:
    op = FullyConnected("op", ("x",), "y", **constants((5, 7), 5))
    tensors = {name: Tensor(name, (size,), Affine(1.0, 0)) for name, size in (("x", 7), ("y", 5))}
    assert op_macs(Graph("g", TFLITE, tensors, ("x",), ("y",), (op,)), op) == 35


def test_array_fields() -> None:
    assert {name: array.dtype for name, array in op_arrays(CONV).items()} == {
        "weight": np.int8,
        "weight_zero_point": np.int32,
        "weight_scale": np.float64,
        "bias": np.int32,
    }
    assert op_arrays(POOL) == {}


def test_arrays_are_frozen_copies() -> None:
    weight = np.ones((5, 7), np.int8)
    op = FullyConnected("op", ("x",), "y", **{**constants((5, 7), 5), "weight": weight})
    weight[0, 0] = 2
    assert op.weight[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        op.weight[0, 0] = 3
