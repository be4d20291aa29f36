"""The interpreter: it defines what an integer graph computes (SPEC section 5).

Batched and exact.  Sums of products run in floating-point BLAS where the layer's own weights prove that
exact (SPEC eq. 27), and everything after them in 64-bit integers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from typing import Any, Literal, overload
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from golden.bounds import INT8_MAX, INT8_MIN
from golden.checker import check
from golden.errors import InputError
from golden.graph import (
    Add,
    AveragePool2d,
    Concatenation,
    Conv2d,
    Graph,
    Int8,
    Lookup,
    MaxPool2d,
    Mean,
    Op,
    Pad,
    Requantize,
    Reshape,
    Softmax,
    WeightedOp,
)
from golden.kernels.elementwise import add, requantize
from golden.kernels.pooling import average_pool, max_pool, mean
from golden.kernels.softmax import softmax
from golden.kernels.weighted import Plan, plan, weighted
from golden.kernels.windows import pad

Progress = Callable[[int, int], None]

#: Elements that one operator may hold at once for a chunk of the batch: about what stays in a cache.
_CHUNK_ELEMENTS = 1 << 17

#: Graphs that have passed the checker, with their operators made ready by name.
_ready: WeakKeyDictionary[Graph, dict[str, Plan]] = WeakKeyDictionary()


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
    if graph not in _ready:
        check(graph)
        _ready[graph] = {op.name: plan(graph, op) for op in graph.ops if isinstance(op, WeightedOp)}
    plans = _ready[graph]
    inputs = _inputs(graph, x)
    if not tensors and len(graph.outputs) != 1:
        raise InputError(f"network {graph.name!r} has {len(graph.outputs)} outputs {list(graph.outputs)}: run it with tensors=True")
    count = len(next(iter(inputs.values())))
    wanted = tuple(graph.tensors) if tensors else graph.outputs
    results = {name: np.empty((count, *graph.tensors[name].shape), np.int8) for name in wanted}
    chunk = _chunk_images(graph, count)

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
        if plans:
            stack.enter_context(_blas().limit(limits=1, user_api="blas"))
        in_order = stack.enter_context(ThreadPoolExecutor(cores())).map if len(starts) > 1 else map
        for done in in_order(evaluate, starts):
            if progress is not None:
                progress(done, count)
    return results if tensors else results[graph.outputs[0]]


def cores() -> int:
    """The cores that this process may use, which in a container or under taskset are not all that there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _blas() -> Any:
    """The control of numpy's BLAS threads; a host that multiplies no matrices needs no package for it."""
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

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


def _chunk_images(graph: Graph, count: int) -> int:
    """How many of `count` images to run at once: what stays in a cache, and a share for every core where that is worth a thread."""
    largest = 1
    for op in graph.ops:
        size = graph.op_output(op).size
        if isinstance(op, Conv2d):
            size = max(size, size // op.weight.shape[0] * op.weight[0].size)  # the patches
        largest = max(largest, size, *(tensor.size for tensor in graph.op_inputs(op)))
    shares = max(1, min(cores(), 2 * count * largest // _CHUNK_ELEMENTS))
    return max(1, min(_CHUNK_ELEMENTS // largest, -(-count // shares)))


def _evaluate(graph: Graph, op: Op, inputs: list[Int8], plans: Mapping[str, Plan]) -> Int8:
    """One operator on a chunk: int8[N, ...] inputs to its int8[N, *output shape]."""
    if isinstance(op, Reshape):
        return inputs[0].reshape(-1, *graph.op_output(op).shape)
    if isinstance(op, WeightedOp):
        return weighted(inputs[0], op, plans[op.name])
    return _clamp(_values(graph, op, inputs), op)


def _values(graph: Graph, op: Op, inputs: list[Int8]) -> npt.NDArray[np.integer]:
    """The operator's integers before the clamp."""
    x = inputs[0]
    zero_points = [tensor.affine.zero_point for tensor in graph.op_inputs(op)]
    output_zero_point = graph.op_output(op).affine.zero_point
    if isinstance(op, Add):
        return add(x, inputs[1], op, (zero_points[0], zero_points[1])) + output_zero_point
    if isinstance(op, MaxPool2d):
        return max_pool(x, op)
    if isinstance(op, AveragePool2d):
        return average_pool(x, op)
    if isinstance(op, Mean):
        return mean(x, op, zero_points[0]) + output_zero_point
    if isinstance(op, Requantize):
        return requantize(x, op, zero_points[0]) + output_zero_point
    if isinstance(op, Pad):
        return pad(x, op.padding, zero_points[0], op.channels)
    if isinstance(op, Concatenation):
        return np.concatenate(inputs, axis=op.axis + 1)
    if isinstance(op, Lookup):
        return np.take(op.table, x.view(np.uint8) ^ 128)
    if isinstance(op, Softmax):
        return softmax(x, op)
    raise InputError(f"operator {op.name!r} is of an unknown kind {op.kind!r}")


def _clamp(values: npt.NDArray[np.integer], op: Op) -> Int8:
    """The output clamp, within int8."""
    clipped: Int8 = np.clip(values, max(op.act_min, INT8_MIN), min(op.act_max, INT8_MAX)).astype(np.int8)
    return clipped
