"""The interpreter: it defines what an integer graph computes (SPEC section 5).

Batched and exact.  Sums of products run in floating-point BLAS where the layer's own weights prove that
exact (SPEC eq. 27), and everything after them in 64-bit integers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeVar, overload
from weakref import WeakSet

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from golden.bounds import INT8_MAX, INT8_MIN, centred_weight, exact_dtype, raw_sum_bound
from golden.checker import check
from golden.errors import InputError
from golden.graph import Add, AveragePool2d, Conv2d, DepthwiseConv2d, Graph, Int8, MaxPool2d, Op, Padding, Reshape, WeightedOp, Window
from golden.rescale import Int64

Progress = Callable[[int, int], None]
T = TypeVar("T", bound=np.generic)

#: Elements that one operator may hold at once for a chunk of the batch: about what stays in a cache.
_CHUNK_ELEMENTS = 1 << 20

_checked: WeakSet[Graph] = WeakSet()


@overload
def run(graph: Graph, x: Int8 | Mapping[str, Int8], *, tensors: Literal[False] = False, progress: Progress | None = None) -> Int8: ...


@overload
def run(graph: Graph, x: Int8 | Mapping[str, Int8], *, tensors: Literal[True], progress: Progress | None = None) -> dict[str, Int8]: ...


def run(graph: Graph, x: Int8 | Mapping[str, Int8], *, tensors: bool = False, progress: Progress | None = None) -> Int8 | dict[str, Int8]:
    """Runs a batch through a graph.

    x:        int8[N, *input shape], or a dict of one such array per input.
    tensors:  return every tensor of the graph, inputs included, as {name: int8[N, *shape]}.
    progress: called with (images done, images in all) after each chunk of the batch.

    Returns int8[N, *output shape]; a graph of several outputs needs tensors=True.
    Raises InputError for inputs of another name, type or shape, and for an unsound graph.
    """
    if graph not in _checked:
        check(graph)
        _checked.add(graph)
    inputs = _inputs(graph, x)
    if not tensors and len(graph.outputs) != 1:
        raise InputError(f"network {graph.name!r} has {len(graph.outputs)} outputs {list(graph.outputs)}: run it with tensors=True")
    count = len(next(iter(inputs.values())))
    plans = {op.name: _plan(graph, op) for op in graph.ops if isinstance(op, WeightedOp)}
    wanted = tuple(graph.tensors) if tensors else graph.outputs
    results = {name: np.empty((count, *graph.tensors[name].shape), np.int8) for name in wanted}
    chunk = _chunk_images(graph)

    def evaluate(start: int) -> int:
        """Runs one chunk into its place in the results; returns where it ends."""
        values = {name: array[start : start + chunk] for name, array in inputs.items()}
        for op in graph.ops:
            values[op.output] = _evaluate(graph, op, [values[name] for name in op.inputs], plans)
        for name in wanted:
            results[name][start : start + chunk] = values[name]
        return min(start + chunk, count)

    # One thread per chunk, each with a BLAS of one thread: numpy works outside the interpreter lock, and BLAS threads that wait
    # for each other on small products are several times slower where the machine has other work.
    starts = range(0, count, chunk)
    with ExitStack() as stack:
        stack.enter_context(_blas().limit(limits=1, user_api="blas"))
        in_order = stack.enter_context(ThreadPoolExecutor(os.cpu_count())).map if len(starts) > 1 else map
        for done in in_order(evaluate, starts):
            if progress is not None:
                progress(done, count)
    return results if tensors else results[graph.outputs[0]]


@cache
def _blas() -> ThreadpoolController:
    """The control of numpy's BLAS threads."""
    return ThreadpoolController()


def _inputs(graph: Graph, x: Int8 | Mapping[str, Int8]) -> dict[str, Int8]:
    """The batch by input name, checked."""
    if isinstance(x, Mapping):
        given = dict(x)
    elif len(graph.inputs) == 1:
        given = {graph.inputs[0]: x}
    else:
        raise InputError(f"network {graph.name!r} has {len(graph.inputs)} inputs: hand over a dict with the keys {list(graph.inputs)}")
    if set(given) != set(graph.inputs):
        raise InputError(f"network {graph.name!r} takes the inputs {sorted(graph.inputs)}, not {sorted(given)}")
    problems = []
    for name, value in given.items():
        shape = graph.tensors[name].shape
        if not isinstance(value, np.ndarray) or value.dtype != np.int8:
            kind = value.dtype if isinstance(value, np.ndarray) else type(value).__name__
            problems.append(
                f"input {name!r} must be an int8 array, not {kind}; real values are quantized with golden.input_data.quantize_input"
            )
        elif value.ndim != len(shape) + 1 or value.shape[1:] != shape:
            problems.append(f"input {name!r} must have the shape [N, {', '.join(map(str, shape))}], not {list(value.shape)}")
    if not problems and len({value.shape[0] for value in given.values()}) != 1:
        problems.append(f"the inputs differ in their number of images: { {name: value.shape[0] for name, value in given.items()} }")
    if problems:
        raise InputError(f"network {graph.name!r} cannot take this input", problems)
    return given


def _chunk_images(graph: Graph) -> int:
    """How many images to run at once."""
    largest = 1
    for op in graph.ops:
        size = graph.op_output(op).size
        if isinstance(op, Conv2d):
            size = max(size, size // op.weight.shape[0] * op.weight[0].size)  # the patches
        largest = max(largest, size, *(tensor.size for tensor in graph.op_inputs(op)))
    return max(1, _CHUNK_ELEMENTS // largest)


# --- operators with weights -----------------------------------------------------------------------


@dataclass(frozen=True)
class _Plan:
    """A weighted operator made ready: centred weights [K, Cout] in a type in which their sums are exact, and the folded bias.

    folded: int64[Cout] = bias - Z_x * sum of centred weights (SPEC eq. 24), so that raw x can be summed.
    """

    weight: npt.NDArray[Any]
    folded: Int64


def _plan(graph: Graph, op: WeightedOp) -> _Plan:
    weight = centred_weight(op)
    zero_point = graph.op_inputs(op)[0].affine.zero_point
    dtype = exact_dtype(raw_sum_bound(weight))
    return _Plan(np.ascontiguousarray(weight.T.astype(dtype)), op.bias.astype(np.int64) - zero_point * weight.sum(axis=1))


def _evaluate(graph: Graph, op: Op, inputs: list[Int8], plans: Mapping[str, _Plan]) -> Int8:
    """One operator on a chunk: int8[N, ...] inputs to its int8[N, *output shape]."""
    affine = graph.op_output(op).affine
    if isinstance(op, WeightedOp):
        plan = plans[op.name]
        if isinstance(op, Conv2d):
            sums = _conv_sums(inputs[0], op.window, graph.op_inputs(op)[0].affine.zero_point, plan)
        elif isinstance(op, DepthwiseConv2d):
            sums = _depthwise_sums(inputs[0], op.window, graph.op_inputs(op)[0].affine.zero_point, plan)
        else:
            sums = inputs[0].astype(plan.weight.dtype) @ plan.weight
        acc = sums.astype(np.int64) + plan.folded
        return _clamp(op.rescale.apply(acc) + affine.zero_point, op)
    if isinstance(op, Add):
        a, b = graph.op_inputs(op)
        left = (inputs[0].astype(np.int64) - a.affine.zero_point) << op.left_shift
        right = (inputs[1].astype(np.int64) - b.affine.zero_point) << op.left_shift
        return _clamp(op.rescale_out.apply(op.rescale_a.apply(left) + op.rescale_b.apply(right)) + affine.zero_point, op)
    if isinstance(op, MaxPool2d):
        return _max_pool(inputs[0], op)
    if isinstance(op, AveragePool2d):
        return _average_pool(inputs[0], op)
    if isinstance(op, Reshape):
        return inputs[0].reshape(-1, *graph.op_output(op).shape)
    raise InputError(f"operator {op.name!r} is of an unknown kind {op.kind!r}")


def _conv_sums(x: Int8, window: Window, zero_point: int, plan: _Plan) -> npt.NDArray[Any]:
    """Sums of w * x over each window, [N, rows, cols, Cout] (the sum of SPEC eq. 18, with the zero point folded out)."""
    count, height, width, channels = x.shape
    rows, cols = window.output_size(height, width)
    if window.kernel == (1, 1) and window.stride == (1, 1) and window.padding == Padding():
        patches = x.reshape(-1, channels).astype(plan.weight.dtype)
    else:
        padded = _pad(x, window.padding, zero_point)
        taps = window.kernel[0] * window.kernel[1]
        buffer = np.empty((count, rows, cols, taps, channels), plan.weight.dtype)
        for tap, view in enumerate(_taps(padded, window, rows, cols)):
            buffer[:, :, :, tap, :] = view
        patches = buffer.reshape(-1, taps * channels)
    sums: npt.NDArray[Any] = patches @ plan.weight
    return sums.reshape(count, rows, cols, -1)


def _depthwise_sums(x: Int8, window: Window, zero_point: int, plan: _Plan) -> npt.NDArray[Any]:
    """Sums of w * x over each window, channel by channel, [N, rows, cols, Cout] (the sum of SPEC eq. 19)."""
    count, height, width, channels = x.shape
    rows, cols = window.output_size(height, width)
    outputs = plan.weight.shape[1]
    padded = _pad(x, window.padding, zero_point).astype(plan.weight.dtype)
    sums = np.zeros((count, rows, cols, channels, outputs // channels), plan.weight.dtype)
    for tap, view in enumerate(_taps(padded, window, rows, cols)):
        sums += view[..., None] * plan.weight[tap].reshape(channels, -1)
    return sums.reshape(count, rows, cols, outputs)


# --- operators without weights --------------------------------------------------------------------


def _max_pool(x: Int8, op: MaxPool2d) -> Int8:
    """SPEC eq. 22.  Padding holds the least int8 value, which no maximum over a window with a valid pixel can come from."""
    rows, cols = op.window.output_size(*x.shape[1:3])
    padded = _pad(x, op.window.padding, INT8_MIN)
    best = np.full((x.shape[0], rows, cols, x.shape[3]), INT8_MIN, np.int8)
    for view in _taps(padded, op.window, rows, cols):
        np.maximum(best, view, out=best)
    return _clamp(best, op)


def _average_pool(x: Int8, op: AveragePool2d) -> Int8:
    """SPEC eq. 23: the mean of the valid pixels, rounded half away from zero."""
    rows, cols = op.window.output_size(*x.shape[1:3])
    sums = np.zeros((x.shape[0], rows, cols, x.shape[3]), np.int64)
    for view in _taps(_pad(x, op.window.padding, 0), op.window, rows, cols):
        sums += view
    valid = _pad(np.ones((1, *x.shape[1:3], 1), np.int8), op.window.padding, 0)
    counts = np.zeros((1, rows, cols, 1), np.int64)
    for view in _taps(valid, op.window, rows, cols):
        counts += view
    means = np.sign(sums) * ((np.abs(sums) + counts // 2) // counts)
    return _clamp(means, op)


# --- windows --------------------------------------------------------------------------------------


def _pad(x: Int8, padding: Padding, value: int) -> Int8:
    """A map with `value` around it, int8[N, H, W, C]."""
    if padding == Padding():
        return x
    sides = ((0, 0), (padding.top, padding.bottom), (padding.left, padding.right), (0, 0))
    return np.pad(x, sides, constant_values=value)


def _taps(padded: npt.NDArray[T], window: Window, rows: int, cols: int) -> list[npt.NDArray[T]]:
    """For each kernel tap, in (y, x) order, the pixels it sees: views [N, rows, cols, C] of a padded map."""
    (sy, sx), (dy, dx) = window.stride, window.dilation
    return [
        padded[:, y * dy : y * dy + (rows - 1) * sy + 1 : sy, x * dx : x * dx + (cols - 1) * sx + 1 : sx]
        for y in range(window.kernel[0])
        for x in range(window.kernel[1])
    ]


def _clamp(values: npt.NDArray[np.integer], op: Op) -> Int8:
    """The output clamp, within int8."""
    clipped: Int8 = np.clip(values, max(op.act_min, INT8_MIN), min(op.act_max, INT8_MAX)).astype(np.int8)
    return clipped
