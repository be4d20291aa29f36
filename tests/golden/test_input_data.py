"""Data that users hand over: what is accepted, what is refused, and with which words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from golden.affine import Affine
from golden.errors import InputError
from golden.formats import Rounding
from golden.graph import Graph, MaxPool2d, Tensor, Window
from golden.input_data import checked_data, dequantize_output, quantize_input
from golden.rescale import TFLITE

SHAPES = {"x": (4, 5, 3)}


def data(*shape: int, dtype: type = np.float32) -> Any:
    return np.zeros(shape, dtype)


def with_value(value: float) -> Any:
    array = np.zeros((2, 4, 5, 3), np.float32)
    array[1, 2, 3, 0] = value
    return array


REFUSED: dict[str, tuple[Any, str, str]] = {
    "nan": (with_value(np.nan), "NHWC", r"1 of 120 values are NaN or infinite, the first at index \[1, 2, 3, 0\]"),
    "infinity": (with_value(-np.inf), "NHWC", "NaN or infinite"),
    "beyond-float32": (np.full((1, 4, 5, 3), 1e300), "NHWC", "beyond the range of float32"),
    "empty": (data(0, 4, 5, 3), "NHWC", "is empty; at least one image"),
    "integers": (data(2, 4, 5, 3, dtype=np.uint8), "NHWC", "must hold real values .float32., not uint8"),
    "truth-values": (data(2, 4, 5, 3, dtype=bool), "NHWC", "must hold real values .float32., not bool"),
    "list": ([[1.0]], "NHWC", "must be a numpy array, not list"),
    "one-image": (data(4, 5, 3), "NHWC", r"must have the shape \[N, 4, 5, 3\] \(NHWC\), not \[4, 5, 3\]"),
    "other-size": (data(2, 5, 5, 3), "NHWC", r"must have the shape \[N, 4, 5, 3\]"),
    "looks-nchw": (data(2, 3, 4, 5), "NHWC", "it looks like NCHW: say so with the layout"),
    "looks-nhwc": (data(2, 4, 5, 3), "NCHW", r"must have the shape \[N, 3, 4, 5\] \(NCHW\), .*it looks like NHWC"),
    "layout": (data(2, 4, 5, 3), "CHWN", "layout must be NHWC or NCHW, not 'CHWN'"),
    "names": ({"z": data(2, 4, 5, 3)}, "NHWC", r"the network's inputs are \['x'\], not \['z'\]"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_data_is_refused(name: str) -> None:
    array, layout, message = REFUSED[name]
    with pytest.raises(InputError, match=message):
        checked_data(SHAPES, array, layout)


def test_problems_of_all_inputs_are_listed_at_once() -> None:
    shapes = {"a": (2,), "b": (3,)}
    with pytest.raises(InputError) as caught:
        checked_data(shapes, {"a": data(1, 3), "b": data(0, 3)}, "NHWC")
    assert len(caught.value.problems) == 2
    with pytest.raises(InputError, match="differ in their number of images"):
        checked_data(shapes, {"a": data(1, 2), "b": data(2, 3)}, "NHWC")
    with pytest.raises(InputError, match="has 2 inputs; hand over one array for each"):
        checked_data(shapes, data(1, 2), "NHWC")


def test_nchw_is_brought_to_nhwc() -> None:
    array = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    checked = checked_data(SHAPES, array, "NCHW")["x"]
    assert checked.dtype == np.float32
    assert np.array_equal(checked, array.transpose(0, 2, 3, 1).astype(np.float32))


def network() -> Graph:
    affine = Affine(0.5, -3)
    tensors = {name: Tensor(name, (1, 2, 1), affine) for name in "xy"}
    return Graph("g", TFLITE, tensors, ("x",), ("y",), (MaxPool2d("op", ("x",), "y", window=Window((1, 1))),))


def test_inputs_are_quantized_and_outputs_dequantized() -> None:
    graph = network()
    x = np.array([[0.25, -0.75], [1000, -1000]]).reshape(2, 1, 2, 1)
    quantized = quantize_input(graph, x)
    assert isinstance(quantized, np.ndarray)
    assert quantized.dtype == np.int8
    assert quantized.ravel().tolist() == [-3, -5, 127, -128]
    away = quantize_input(graph, {"x": x}, rounding=Rounding.HALF_AWAY)
    assert isinstance(away, dict)
    assert away["x"].ravel().tolist() == [-2, -5, 127, -128]
    nchw = quantize_input(graph, x.transpose(0, 3, 1, 2), layout="NCHW")
    assert isinstance(nchw, np.ndarray)
    assert np.array_equal(nchw, quantized)
    assert dequantize_output(graph, quantized).ravel().tolist() == [0.0, -1.0, 65.0, -62.5]
    assert dequantize_output(graph, quantized, "x").shape == (2, 1, 2, 1)


def test_maps_of_one_row_may_come_without_rows() -> None:
    x = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    for layout, given in (("NHWC", x), ("NCHW", x.transpose(0, 2, 1))):
        assert np.array_equal(checked_data({"x": (1, 4, 3)}, given, layout)["x"], x[:, None])
    with pytest.raises(InputError, match=r"must have the shape \[N, 1, 4, 3\] \(NHWC\), not \[2, 1, 3, 4\]"):
        checked_data({"x": (1, 4, 3)}, x.transpose(0, 2, 1), "NHWC")
