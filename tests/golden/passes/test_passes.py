"""What each pass makes of small graphs, and what it must leave alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from golden import float_interpreter
from golden.errors import InputError
from golden.float_checker import check
from golden.float_graph import (
    FloatAdd,
    FloatAveragePool2d,
    FloatBatchNorm,
    FloatClamp,
    FloatConv2d,
    FloatFullyConnected,
    FloatGraph,
    FloatMaxPool2d,
    FloatOp,
    FloatPad,
    FloatReshape,
    FloatTensor,
)
from golden.graph import Padding, Window
from golden.passes.fold_batch_norm import fold_batch_norm
from golden.passes.fold_padding import fold_padding
from golden.passes.fuse_activation import fuse_activation
from golden.passes.lower_clamp import lower_clamp
from golden.passes.pipeline import prepare

RNG = np.random.default_rng(3)
INF = float("inf")


def graph(shapes: dict[str, tuple[int, ...]], ops: list[FloatOp], outputs: tuple[str, ...] = ("y",)) -> FloatGraph:
    made = FloatGraph("g", {name: FloatTensor(name, shape) for name, shape in shapes.items()}, ("x",), outputs, tuple(ops))
    check(made, "construction")
    return made


def conv(name: str, source: str, target: str, channels: tuple[int, int] = (2, 2), **fields: Any) -> FloatConv2d:
    outputs, inputs = channels
    fields = {"weight": RNG.normal(size=(outputs, 1, 1, inputs)), "bias": RNG.normal(size=outputs), "window": Window((1, 1))} | fields
    return FloatConv2d(name, (source,), target, **fields)


def norm(name: str, source: str, target: str, channels: int = 2) -> FloatBatchNorm:
    return FloatBatchNorm(name, (source,), target, scale=RNG.normal(size=channels), offset=RNG.normal(size=channels))


def clamp(name: str, source: str, target: str, low: float = 0.0, high: float = INF) -> FloatClamp:
    return FloatClamp(name, (source,), target, low=low, high=high)


def assert_same_function(before: FloatGraph, transform: Callable[[FloatGraph], FloatGraph]) -> FloatGraph:
    after = transform(before)
    check(after, transform.__name__)
    x = RNG.normal(size=(3, *before.tensors["x"].shape)).astype(np.float32)
    left, right = float_interpreter.run(before, {"x": x}), float_interpreter.run(after, {"x": x})
    for old, new in zip(before.outputs, after.outputs, strict=True):
        np.testing.assert_allclose(left[old], right[new], rtol=1e-5, atol=1e-6)
    return after


def kinds(made: FloatGraph) -> list[str]:
    return [op.kind for op in made.ops]


SQUARE = (4, 4, 2)


# --- fold_padding ---------------------------------------------------------------------------------


def test_padding_folds_into_every_convolution_that_reads_it() -> None:
    shapes = {"x": SQUARE, "p": (7, 4, 2), "q": (7, 6, 2), "a": (7, 6, 2), "b": (8, 6, 2), "y": (7, 6, 2), "z": (8, 6, 2)}
    ops: list[FloatOp] = [
        FloatPad("p", ("x",), "p", padding=Padding(1, 2, 0, 0)),
        FloatPad("q", ("p",), "q", padding=Padding(0, 0, 1, 1)),
        conv("a", "q", "y"),
        conv("b", "q", "z", window=Window((1, 1), padding=Padding(1, 0, 0, 0))),
    ]
    before = graph({name: shapes[name] for name in "xpqyz"}, ops, ("y", "z"))
    after = assert_same_function(before, fold_padding)
    assert kinds(after) == ["conv2d", "conv2d"]
    windows = [op.window for op in after.ops if isinstance(op, FloatConv2d)]
    assert [window.padding for window in windows] == [Padding(1, 2, 1, 1), Padding(2, 2, 1, 1)]


def test_padding_that_a_pool_reads_stays() -> None:
    shapes = {"x": SQUARE, "p": (5, 5, 2), "y": (5, 5, 2), "z": (4, 4, 2)}
    pad = FloatPad("p", ("x",), "p", padding=Padding(1, 0, 1, 0))
    before = graph(shapes, [pad, conv("a", "p", "y"), FloatMaxPool2d("m", ("p",), "z", window=Window((2, 2)))], ("y", "z"))
    assert kinds(assert_same_function(before, fold_padding)) == ["pad", "conv2d", "max_pool2d"]


# --- fold_batch_norm ------------------------------------------------------------------------------


def test_batch_norms_fold_into_the_convolution_before_them() -> None:
    shapes = dict.fromkeys(("x", "a", "b", "y"), SQUARE)
    after = assert_same_function(graph(shapes, [conv("c", "x", "a"), norm("n", "a", "b"), norm("m", "b", "y")]), fold_batch_norm)
    assert kinds(after) == ["conv2d"]
    assert after.outputs == ("a",)


def test_batch_norm_after_a_tensor_that_is_read_elsewhere_becomes_depthwise() -> None:
    shapes = dict.fromkeys(("x", "a", "b", "y"), SQUARE)
    before = graph(shapes, [conv("c", "x", "a"), norm("n", "a", "b"), FloatAdd("s", ("a", "b"), "y")])
    assert kinds(assert_same_function(before, fold_batch_norm)) == ["conv2d", "depthwise_conv2d", "add"]


def test_batch_norm_after_a_network_output_becomes_depthwise() -> None:
    shapes = dict.fromkeys(("x", "a", "y"), SQUARE)
    before = graph(shapes, [conv("c", "x", "a"), norm("n", "a", "y")], ("a", "y"))
    assert kinds(assert_same_function(before, fold_batch_norm)) == ["conv2d", "depthwise_conv2d"]


def test_batch_norm_does_not_fold_through_a_clamp() -> None:
    shapes = dict.fromkeys(("x", "a", "y"), SQUARE)
    before = graph(shapes, [conv("c", "x", "a", low=0.0), norm("n", "a", "y")])
    assert kinds(assert_same_function(before, fold_batch_norm)) == ["conv2d", "depthwise_conv2d"]


# --- fuse_activation ------------------------------------------------------------------------------


def test_clamps_in_a_row_compose() -> None:
    shapes = dict.fromkeys(("x", "a", "b", "y"), SQUARE)
    before = graph(shapes, [conv("c", "x", "a"), clamp("r", "a", "b", -1.0, 0.5), clamp("s", "b", "y", 0.75, 2.0)])
    after = assert_same_function(before, fuse_activation)
    assert [(op.kind, op.low, op.high) for op in after.ops] == [("conv2d", 0.75, 0.75)]


def test_a_clamp_moves_before_max_pool_and_reshape() -> None:
    shapes = {"x": SQUARE, "a": SQUARE, "m": (2, 2, 2), "f": (8,), "y": (8,)}
    pool = FloatMaxPool2d("m", ("a",), "m", window=Window((2, 2), (2, 2)))
    before = graph(shapes, [conv("c", "x", "a"), pool, FloatReshape("f", ("m",), "f"), clamp("r", "f", "y", 0.0, 6.0)])
    after = assert_same_function(before, fuse_activation)
    assert [(op.kind, op.low, op.high) for op in after.ops] == [("conv2d", 0.0, 6.0), ("max_pool2d", -INF, INF), ("reshape", -INF, INF)]


def test_a_clamp_does_not_move_before_an_average() -> None:
    shapes = {"x": SQUARE, "a": SQUARE, "m": (2, 2, 2), "y": (2, 2, 2)}
    pool = FloatAveragePool2d("m", ("a",), "m", window=Window((2, 2), (2, 2)))
    after = assert_same_function(graph(shapes, [conv("c", "x", "a"), pool, clamp("r", "m", "y")]), fuse_activation)
    assert [(op.kind, op.low) for op in after.ops] == [("conv2d", -INF), ("average_pool2d", 0.0)]


def test_a_clamp_does_not_move_before_a_max_pool_with_a_clamp_of_its_own() -> None:
    shapes = {"x": SQUARE, "a": SQUARE, "m": (2, 2, 2), "y": (2, 2, 2)}
    pool = FloatMaxPool2d("m", ("a",), "m", window=Window((2, 2), (2, 2)), low=0.5)
    after = assert_same_function(graph(shapes, [conv("c", "x", "a"), pool, clamp("r", "m", "y", 0.0, 0.6)]), fuse_activation)
    assert [(op.kind, op.low, op.high) for op in after.ops] == [("conv2d", -INF, INF), ("max_pool2d", 0.5, 0.6)]


def test_a_tensor_that_is_read_unclamped_stays() -> None:
    shapes = dict.fromkeys(("x", "a", "r", "y"), SQUARE)
    before = graph(shapes, [conv("c", "x", "a"), clamp("r", "a", "r"), FloatAdd("s", ("a", "r"), "y")])
    assert kinds(assert_same_function(before, fuse_activation)) == ["conv2d", "clamp", "add"]


def test_a_network_output_that_is_read_unclamped_stays() -> None:
    shapes = dict.fromkeys(("x", "a", "y"), SQUARE)
    before = graph(shapes, [conv("c", "x", "a"), clamp("r", "a", "y")], ("a", "y"))
    assert kinds(assert_same_function(before, fuse_activation)) == ["conv2d", "clamp"]


# --- lower_clamp ----------------------------------------------------------------------------------


def test_a_clamp_of_a_map_becomes_a_max_pool() -> None:
    after = assert_same_function(graph({"x": SQUARE, "y": SQUARE}, [clamp("r", "x", "y", -0.5, 0.5)]), lower_clamp)
    assert [(op.kind, op.low, op.high) for op in after.ops] == [("max_pool2d", -0.5, 0.5)]


def test_a_clamp_of_a_vector_passes_through_a_map() -> None:
    after = assert_same_function(graph({"x": (5,), "y": (5,)}, [clamp("r", "x", "y")]), lower_clamp)
    assert kinds(after) == ["reshape", "max_pool2d", "reshape"]


def test_batch_norm_of_a_vector_folds_into_the_linear_layer_after_it() -> None:
    layer = FloatFullyConnected("l", ("n",), "y", weight=RNG.normal(size=(3, 5)), bias=RNG.normal(size=3))
    before = graph({"x": (5,), "n": (5,), "y": (3,)}, [norm("n", "x", "n", 5), layer])
    assert kinds(assert_same_function(before, fold_batch_norm)) == ["fully_connected"]


def test_batch_norm_of_a_vector_that_others_read_passes_through_a_map() -> None:
    layer = FloatFullyConnected("l", ("n",), "z", weight=RNG.normal(size=(5, 5)), bias=RNG.normal(size=5))
    shapes = dict.fromkeys(("x", "n", "z", "y"), (5,))
    before = graph(shapes, [norm("n", "x", "n", 5), layer, FloatAdd("s", ("n", "z"), "y")])
    after = assert_same_function(before, fold_batch_norm)
    assert kinds(after) == ["reshape", "depthwise_conv2d", "reshape", "fully_connected", "add"]


# --- pipeline -------------------------------------------------------------------------------------


def test_prepared_graphs_have_nothing_but_what_integers_have() -> None:
    shapes = {"x": SQUARE, "p": (5, 4, 2), "m": (5, 4, 2), "f": (40,), "n": (40,), "y": (40,)}
    ops: list[FloatOp] = [
        FloatPad("p", ("x",), "p", padding=Padding(1)),
        FloatMaxPool2d("m", ("p",), "m", window=Window((1, 1))),
        FloatReshape("f", ("m",), "f"),
        norm("n", "f", "n", 40),
        clamp("c", "n", "y"),
    ]
    after = assert_same_function(graph(shapes, ops), prepare)
    assert kinds(after) == ["pad", "max_pool2d", "reshape", "reshape", "depthwise_conv2d", "reshape"]


# --- the checker of float graphs ------------------------------------------------------------------


FAULTS: dict[str, tuple[str, FloatOp]] = {
    "arity": ("takes 2 inputs, not 1", FloatAdd("o", ("x",), "y")),
    "act-range": ("low <= high, not 1.0 to 0.0", conv("o", "x", "y", low=1.0, high=0.0)),
    "pad": (r"takes \(4, 4, 2\) to \(5, 4, 2\), not to", FloatPad("o", ("x",), "y", padding=Padding(1))),
    "weight-shape": ("weight must be", FloatFullyConnected("o", ("x",), "y", weight=np.zeros((2, 2)), bias=np.zeros(2))),
    "bias": ("bias must have the shape", conv("o", "x", "y", bias=np.zeros(3))),
    "norm": ("scale and offset must have", norm("o", "x", "y", 3)),
    "finite": ("bias has 1 NaN or infinite values", conv("o", "x", "y", bias=np.array([0.0, np.inf]))),
    "undeclared": ("not among the tensors", conv("o", "x", "z")),
}


@pytest.mark.parametrize("name", FAULTS)
def test_unsound_float_graphs_are_refused(name: str) -> None:
    message, op = FAULTS[name]
    with pytest.raises(InputError, match=message):
        graph({"x": SQUARE, "y": SQUARE}, [op])


def test_constants_are_frozen_copies() -> None:
    bias = np.zeros(2)
    op = conv("o", "x", "y", bias=bias)
    bias[0] = 1
    assert op.bias[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        op.bias[0] = 1
