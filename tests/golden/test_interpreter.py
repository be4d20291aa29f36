"""The interpreter against an oracle that loops over pixels in Python integers, on generated operators."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.affine import Affine
from golden.checker import violations
from golden.errors import InputError
from golden.graph import (
    Add,
    AveragePool2d,
    Conv2d,
    DepthwiseConv2d,
    FullyConnected,
    Graph,
    MaxPool2d,
    Mean,
    Op,
    Padding,
    Requantize,
    Reshape,
    Tensor,
    WeightedOp,
    Window,
)
from golden.interpreter import run
from golden.rescale import SHIFT, TFLITE, Rescale, RescaleFormat, RescaleKind

FORMATS = [SHIFT, TFLITE, RescaleFormat(RescaleKind.FIXED, 8), RescaleFormat(RescaleKind.FIXED, 32)]


# --- the oracle -----------------------------------------------------------------------------------


def rescaled(rescale: Rescale, channel: int, acc: int) -> int:
    """The three formats in Python integers, from their equations."""
    index = channel if len(rescale.shift) > 1 else 0
    multiplier, shift = int(rescale.multiplier[index]), int(rescale.shift[index])
    if rescale.format.kind is RescaleKind.SHIFT:
        return (acc + (1 << (shift - 1))) >> shift if shift > 0 else acc << -shift
    if rescale.format.kind is RescaleKind.FIXED:
        return (acc * multiplier + (1 << (shift - 1))) >> shift
    high = ((acc << max(shift, 0)) * multiplier + (1 << 30)) >> 31
    right = max(-shift, 0)
    mask = (1 << right) - 1
    return (high >> right) + int((high & mask) > (mask >> 1) + int(high < 0))


def clamped(op: Op, value: int) -> int:
    return max(op.act_min, min(op.act_max, value))


def pixels(window: Window, shape: tuple[int, ...], row: int, col: int) -> list[tuple[int, int, int, int]]:
    """(tap y, tap x, pixel y, pixel x) of the valid taps of one window."""
    found = []
    for ky, kx in itertools.product(range(window.kernel[0]), range(window.kernel[1])):
        y = row * window.stride[0] + ky * window.dilation[0] - window.padding.top
        x = col * window.stride[1] + kx * window.dilation[1] - window.padding.left
        if 0 <= y < shape[0] and 0 <= x < shape[1]:
            found.append((ky, kx, y, x))
    return found


def oracle(graph: Graph, op: Op, values: list[Any]) -> Any:
    """One operator on one image, as nested loops: padding is real 0, so it is left out of every sum."""
    sources, target = graph.op_inputs(op), graph.op_output(op)
    a, zero_in, zero_out = values[0], sources[0].affine.zero_point, target.affine.zero_point
    result = np.zeros(target.shape, object)
    for index in np.ndindex(*target.shape):
        channel = index[-1]
        if isinstance(op, WeightedOp):
            zero_weight = int(op.weight_zero_point[channel])
            acc = int(op.bias[channel])
            if isinstance(op, FullyConnected):
                terms = [(int(op.weight[channel, k]), int(a[k])) for k in range(sources[0].size)]
            elif isinstance(op, Conv2d):
                terms = [
                    (int(op.weight[channel, ky, kx, k]), int(a[y, x, k]))
                    for ky, kx, y, x in pixels(op.window, sources[0].shape, *index[:2])
                    for k in range(sources[0].shape[2])
                ]
            else:
                assert isinstance(op, DepthwiseConv2d)
                source_channel = channel // (target.shape[2] // sources[0].shape[2])
                terms = [
                    (int(op.weight[ky, kx, channel]), int(a[y, x, source_channel]))
                    for ky, kx, y, x in pixels(op.window, sources[0].shape, *index[:2])
                ]
            acc += sum((w - zero_weight) * (x - zero_in) for w, x in terms)
            result[index] = clamped(op, rescaled(op.rescale, channel, acc) + zero_out)
        elif isinstance(op, Add):
            left = rescaled(op.rescale_a, 0, (int(a[index]) - zero_in) << op.left_shift)
            right = rescaled(op.rescale_b, 0, (int(values[1][index]) - sources[1].affine.zero_point) << op.left_shift)
            result[index] = clamped(op, rescaled(op.rescale_out, 0, left + right) + zero_out)
        elif isinstance(op, (MaxPool2d, AveragePool2d)):
            seen = [int(a[y, x, channel]) for _, _, y, x in pixels(op.window, sources[0].shape, *index[:2])]
            if isinstance(op, MaxPool2d):
                result[index] = clamped(op, max(seen))
            else:
                total, count = sum(seen), len(seen)
                rounded = (total + count // 2) if total > 0 else (total - count // 2)
                quotient = abs(rounded) // count
                result[index] = clamped(op, quotient if rounded >= 0 else -quotient)
        else:
            result[index] = a.ravel()[np.ravel_multi_index(index, target.shape)]
    return result


# --- generated operators --------------------------------------------------------------------------


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Graph, int]:
    """A sound graph of one operator, and a seed for its data."""
    kind = draw(st.sampled_from([Conv2d, DepthwiseConv2d, FullyConnected, Add, MaxPool2d, AveragePool2d]))
    format = draw(st.sampled_from(FORMATS))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    zero_points = st.integers(-128, 127)
    height, width, channels = draw(st.integers(1, 6)), draw(st.integers(1, 6)), draw(st.integers(1, 3))
    act_min = draw(st.sampled_from([-128, -5]))
    clamp = {"act_min": act_min, "act_max": draw(st.sampled_from([127, 60]))}
    source = Tensor("x", (height, width, channels), Affine(0.5, draw(zero_points)))

    def rescale(low: float, high: float, count: int) -> Rescale:
        return Rescale.from_real(format, rng.uniform(low, high, count))

    def constants(weight_shape: tuple[int, ...], outputs: int) -> dict[str, Any]:
        return {
            "weight": rng.integers(-128, 128, weight_shape).astype(np.int8),
            "weight_zero_point": rng.integers(-128, 128, outputs) if draw(st.booleans()) else np.zeros(outputs, int),
            "weight_scale": np.ones(outputs),
            "bias": rng.integers(-20000, 20000, outputs),
            "rescale": rescale(0.0005, 0.01, draw(st.sampled_from([1, outputs]))),
        }

    if kind is FullyConnected:
        source = Tensor("x", (height * 3,), source.affine)
        outputs = draw(st.integers(1, 4))
        op: Op = FullyConnected("op", ("x",), "y", **clamp, **constants((outputs, height * 3), outputs))
        return Graph("g", format, tensors(source, (outputs,), draw(zero_points)), ("x",), ("y",), (op,)), seed
    if kind is Add:
        other = Tensor("z", source.shape, Affine(0.25, draw(zero_points)))
        out = rescale(0.5 * 2.0**-20, 2.0**-18, 1)
        op = Add(
            "op", ("x", "z"), "y", **clamp, left_shift=20, rescale_a=rescale(0.1, 0.6, 1), rescale_b=rescale(0.1, 0.6, 1), rescale_out=out
        )
        declared = tensors(source, source.shape, draw(zero_points)) | {"z": other}
        return Graph("g", format, declared, ("x", "z"), ("y",), (op,)), seed
    window = draw(windows(height, width, pool=kind in (MaxPool2d, AveragePool2d)))
    rows, cols = window.output_size(height, width)
    if kind is Conv2d:
        outputs = draw(st.integers(1, 4))
        op = Conv2d("op", ("x",), "y", **clamp, window=window, **constants((outputs, *window.kernel, channels), outputs))
    elif kind is DepthwiseConv2d:
        outputs = channels * draw(st.integers(1, 3))
        op = DepthwiseConv2d("op", ("x",), "y", **clamp, window=window, **constants((*window.kernel, outputs), outputs))
    else:
        outputs = channels
        op = kind("op", ("x",), "y", **clamp, window=window)
    zero_point = source.affine.zero_point if kind in (MaxPool2d, AveragePool2d) else draw(zero_points)
    return Graph("g", format, tensors(source, (rows, cols, outputs), zero_point), ("x",), ("y",), (op,)), seed


def tensors(source: Tensor, shape: tuple[int, ...], zero_point: int) -> dict[str, Tensor]:
    return {"x": source, "y": Tensor("y", shape, Affine(source.affine.scale, zero_point))}


@st.composite
def windows(draw: st.DrawFn, height: int, width: int, pool: bool) -> Window:
    """A window that fits, of any kernel, stride, dilation and asymmetric padding; for pools, each sees a pixel."""
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    dilation = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    sides = []
    for size, taps, step in ((height, kernel[0], dilation[0]), (width, kernel[1], dilation[1])):
        extent = (taps - 1) * step + 1
        most = (taps - 1 if step == 1 else 0) if pool else extent
        before, after = draw(st.integers(0, most)), draw(st.integers(0, most))
        sides.append((before, max(after, extent - size - before)))
    (top, bottom), (left, right) = sides
    window = Window(kernel, stride, Padding(top, bottom, left, right), dilation)
    seen = all(pixels(window, (height, width), row, col) for row, col in itertools.product(*map(range, window.output_size(height, width))))
    return window if seen or not pool else Window((1, 1))


@settings(max_examples=400)
@given(graphs())
def test_every_operator_equals_the_oracle(case: tuple[Graph, int]) -> None:
    graph, seed = case
    assert violations(graph) == []
    rng = np.random.default_rng(seed)
    inputs = {name: rng.integers(-128, 128, (2, *graph.tensors[name].shape)).astype(np.int8) for name in graph.inputs}
    result = run(graph, inputs)
    for image in range(2):
        expected = oracle(graph, graph.ops[0], [inputs[name][image] for name in graph.inputs])
        assert result[image].tolist() == expected.tolist()


# --- where the sums are made ----------------------------------------------------------------------


@pytest.mark.parametrize("length", [1032, 1033, 5000])
def test_long_sums_are_exact_on_both_sides_of_the_float32_bound(length: int) -> None:
    """Extreme weights and inputs: 1032 * 127 * 128 < 2^24 is the last length that float32 holds."""
    rng = np.random.default_rng(length)
    weight = rng.choice([-127, 127], (3, length)).astype(np.int8)
    weight[0] = 127
    factor = Rescale.from_real(TFLITE, 0.25 / length / 127)
    op = FullyConnected(
        "fc",
        ("x",),
        "y",
        weight=weight,
        weight_zero_point=np.zeros(3, int),
        weight_scale=np.ones(3),
        bias=np.array([1, -1, 0]),
        rescale=factor,
    )
    declared = {"x": Tensor("x", (length,), Affine(1.0, 0)), "y": Tensor("y", (3,), Affine(1.0, 3))}
    graph = Graph("g", TFLITE, declared, ("x",), ("y",), (op,))
    x = np.stack([np.full(length, -128), rng.integers(-128, 128, length), rng.choice([-128, 127], length)]).astype(np.int8)
    for image in range(3):
        acc = [sum(w * v for w, v in zip(row, x[image].tolist(), strict=True)) for row in weight.tolist()]
        expected = [clamped(op, rescaled(factor, 0, a + b) + 3) for a, b in zip(acc, (1, -1, 0), strict=True)]
        assert run(graph, x)[image].tolist() == expected


@pytest.mark.parametrize("length", [1031, 1041, 2049, 66001])
def test_the_last_bit_of_a_long_sum_survives(length: int) -> None:
    """An odd sum beyond 2^24 has no float32: a bias cancels all but its last bits, and a factor of 1 shows them."""
    total = length * 127 * 127
    op = FullyConnected(
        "fc",
        ("x",),
        "y",
        weight=np.full((2, length), 127, np.int8),
        weight_zero_point=np.zeros(2, int),
        weight_scale=np.ones(2),
        bias=np.array([5 - total, -6 - total]),
        rescale=Rescale.from_real(SHIFT, 1.0),
    )
    declared = {"x": Tensor("x", (length,), Affine(1.0, 0)), "y": Tensor("y", (2,), Affine(1.0, 0))}
    graph = Graph("g", SHIFT, declared, ("x",), ("y",), (op,))
    assert run(graph, np.full((1, length), 127, np.int8)).tolist() == [[5, -6]]


def network() -> Graph:
    """A map that is pooled, reshaped and pooled again: several tensors, no weights."""
    affine = Affine(1.0, -4)
    shapes = {"x": (4, 4, 3), "a": (2, 2, 3), "b": (2, 2, 3), "y": (12,)}
    declared = {name: Tensor(name, shape, affine) for name, shape in shapes.items()}
    pool = MaxPool2d("pool", ("x",), "a", window=Window((2, 2), (2, 2)))
    mean = AveragePool2d("mean", ("a",), "b", window=Window((2, 2), padding=Padding(1, 0, 0, 1)))
    return Graph("net", TFLITE, declared, ("x",), ("y",), (pool, mean, Reshape("flat", ("b",), "y")))


def test_every_tensor_is_returned_and_the_batch_may_be_any_size() -> None:
    graph = network()
    x = np.random.default_rng(1).integers(-128, 128, (50_000, 4, 4, 3)).astype(np.int8)
    calls: list[tuple[int, int]] = []
    values = run(graph, x, tensors=True, progress=lambda done, total: calls.append((done, total)))
    assert {name: value.shape for name, value in values.items()} == {
        name: (50_000, *tensor.shape) for name, tensor in graph.tensors.items()
    }
    assert len(calls) > 1
    assert calls[-1] == (50_000, 50_000)
    assert (values["y"] == run(graph, x)).all()
    assert (values["y"] == values["b"].reshape(-1, 12)).all()
    assert (values["a"] == x.reshape(-1, 2, 2, 2, 2, 3).max(axis=(2, 4))).all()
    assert run(graph, x[:0]).shape == (0, 12)


def test_average_pool_rounds_halves_away_from_zero() -> None:
    affine = Affine(1.0, 0)
    declared = {"x": Tensor("x", (1, 2, 1), affine), "y": Tensor("y", (1, 1, 1), affine)}
    graph = Graph("g", TFLITE, declared, ("x",), ("y",), (AveragePool2d("mean", ("x",), "y", window=Window((1, 2))),))
    x = np.array([[-3, 0], [-1, 0], [0, 0], [1, 0], [3, 0], [-128, -127], [127, 126]], np.int8).reshape(-1, 1, 2, 1)
    assert run(graph, x).ravel().tolist() == [-2, -1, 0, 1, 2, -128, 127]


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((1, 4, 4, 3), np.float32), "must be an int8 array, not float32"),
        (np.zeros((1, 4, 4, 3), np.uint8), "must be an int8 array, not uint8"),
        ([[0]], "must be an int8 array, not list"),
        (np.zeros((1, 3, 4, 4), np.int8), r"must have the shape \[N, 4, 4, 3\], not \[1, 3, 4, 4\]"),
        (np.zeros((4, 4, 3), np.int8), r"must have the shape \[N, 4, 4, 3\], not \[4, 4, 3\]"),
        ({"z": np.zeros((1, 4, 4, 3), np.int8)}, r"takes the inputs \['x'\], not \['z'\]"),
    ],
)
def test_bad_input_is_refused(x: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(network(), x)


def test_inputs_of_different_lengths_are_refused() -> None:
    affine = Affine(1.0, 0)
    one = Rescale.from_real(TFLITE, 0.5)
    op = Add("add", ("x", "z"), "y", left_shift=20, rescale_a=one, rescale_b=one, rescale_out=Rescale.from_real(TFLITE, 2.0**-20))
    graph = Graph("g", TFLITE, {name: Tensor(name, (2,), affine) for name in "xyz"}, ("x", "z"), ("y",), (op,))
    with pytest.raises(InputError, match="differ in their number of images"):
        run(graph, {"x": np.zeros((1, 2), np.int8), "z": np.zeros((2, 2), np.int8)})
    with pytest.raises(InputError, match="has 2 inputs: hand over a dict"):
        run(graph, np.zeros((1, 2), np.int8))


def test_several_outputs_need_tensors() -> None:
    graph = network()
    several = Graph(graph.name, graph.format, graph.tensors, graph.inputs, ("a", "y"), graph.ops)
    x = np.zeros((1, 4, 4, 3), np.int8)
    with pytest.raises(InputError, match="tensors=True"):
        run(several, x)
    assert run(several, x, tensors=True)["a"].shape == (1, 2, 2, 3)


def test_an_unsound_graph_is_refused() -> None:
    graph = network()
    with pytest.raises(InputError, match="not sound"):
        run(Graph(graph.name, graph.format, graph.tensors, graph.inputs, ("nowhere",), graph.ops), np.zeros((1, 4, 4, 3), np.int8))


@pytest.mark.parametrize("format", FORMATS, ids=str)
@pytest.mark.parametrize("seed", range(6))
def test_requantize_and_mean_equal_the_oracle_in_every_format(format: RescaleFormat, seed: int) -> None:
    """TensorFlow Lite's format alone has an independent implementation to compare with; the others have this one."""
    rng = np.random.default_rng(seed)
    zero_in, zero_out = (int(value) for value in rng.integers(-128, 128, 2))
    axes = [(0,), (1,), (0, 1)][seed % 3]
    shape = (3, 5, 2)
    reduced = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    again, over = (Rescale.from_real(format, rng.uniform(0.05, 1.5)) for _ in range(2))
    declared = {
        "x": Tensor("x", shape, Affine(1.0, zero_in)),
        "r": Tensor("r", shape, Affine(1.0, zero_out)),
        "m": Tensor("m", reduced, Affine(1.0, zero_out)),
    }
    requantize, mean = Requantize("r", ("x",), "r", rescale=again), Mean("m", ("x",), "m", axes=axes, rescale=over)
    graph = Graph("g", format, declared, ("x",), ("r", "m"), (requantize, mean))
    x = rng.integers(-128, 128, (4, *shape)).astype(np.int8)
    values = run(graph, x, tensors=True)
    for image in range(4):
        for index in np.ndindex(*shape):
            expected = rescaled(again, 0, int(x[image][index]) - zero_in) + zero_out
            assert values["r"][image][index] == clamped(requantize, expected)
        for index in np.ndindex(*reduced):
            seen = x[image][tuple(slice(None) if axis in axes else index[axis] for axis in range(3))].ravel().tolist()
            expected = rescaled(over, 0, sum(value - zero_in for value in seen)) + zero_out
            assert values["m"][image][index] == clamped(mean, expected)
