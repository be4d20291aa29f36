"""Rules that every graph obeys, float or integer: names, definitions, uses, shapes (SPEC section 7)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from golden.graph import Window


class TensorLike(Protocol):
    """What the rules see of a tensor."""

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...


class OpLike(Protocol):
    """What the rules see of an operator."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def inputs(self) -> tuple[str, ...]: ...
    @property
    def output(self) -> str: ...


class GraphLike(Protocol):
    """What the rules see of a graph."""

    @property
    def name(self) -> str: ...
    @property
    def tensors(self) -> Mapping[str, TensorLike]: ...
    @property
    def inputs(self) -> tuple[str, ...]: ...
    @property
    def outputs(self) -> tuple[str, ...]: ...
    @property
    def ops(self) -> Sequence[OpLike]: ...


@dataclass(frozen=True)
class Violation:
    """A broken rule: its name, where (an operator or a tensor), and what is wrong."""

    rule: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message} [{self.rule}]"


def where(op: OpLike) -> str:
    """How messages call an operator."""
    return f"{getattr(op, 'kind', 'operator')} {op.name!r}"


def structure(graph: GraphLike) -> Iterator[Violation]:
    """Violations of names, definitions and uses."""
    here = f"network {graph.name!r}"
    if not graph.inputs:
        yield Violation("has-input", here, "no input tensor")
    if not graph.outputs:
        yield Violation("has-output", here, "no output tensor")
    if not graph.ops:
        yield Violation("has-operators", here, "no operators")
    for key, tensor in graph.tensors.items():
        if key != tensor.name:
            yield Violation("tensor-name", f"tensor {key!r}", f"is stored under a name other than its own, {tensor.name!r}")
        if len(tensor.shape) not in (1, 3) or not all(is_int(size) and size >= 1 for size in tensor.shape):
            message = f"shape must be (N,) or (H, W, C) with positive integers, not {tensor.shape}"
            yield Violation("tensor-shape", f"tensor {key!r}", message)
    for kind, names in (("input", graph.inputs), ("output", graph.outputs), ("operator", tuple(op.name for op in graph.ops))):
        for name, count in Counter(names).items():
            if count > 1:
                yield Violation("unique-names", here, f"{kind} {name!r} appears {count} times")
    yield from _definitions(graph, here)


def _definitions(graph: GraphLike, here: str) -> Iterator[Violation]:
    """Every tensor is declared, written once, before it is read, and read."""
    defined: dict[str, str] = {}
    for name in graph.inputs:
        if name not in graph.tensors:
            yield Violation("tensor-declared", here, f"input {name!r} is not among its tensors")
        defined[name] = "a network input"
    for op in graph.ops:
        for name in op.inputs:
            if name not in graph.tensors:
                yield Violation("tensor-declared", where(op), f"reads {name!r}, which is not among the tensors")
            elif name not in defined:
                yield Violation("tensor-defined", where(op), f"reads {name!r} before any operator writes it")
        if op.output not in graph.tensors:
            yield Violation("tensor-declared", where(op), f"writes {op.output!r}, which is not among the tensors")
        if op.output in defined:
            yield Violation("single-assignment", where(op), f"writes {op.output!r}, which is already written by {defined[op.output]}")
        defined.setdefault(op.output, where(op))
    for name in graph.outputs:
        if name not in defined:
            yield Violation("output-written", here, f"output {name!r} is written by no operator")
    used = {name for op in graph.ops for name in op.inputs} | set(graph.outputs)
    for name in graph.tensors:
        if name not in used:
            state = "is never read and is no output" if name in defined else "is neither written nor read"
            yield Violation("tensor-used", f"tensor {name!r}", state)


def shape_problems(op: OpLike, sources: Sequence[TensorLike], target: TensorLike) -> Iterator[tuple[str, str]]:
    """Violations of the shapes of one operator, as (rule, message).  Kinds with no rule of their own keep their inputs' shape."""
    rules: dict[str, Callable[[Any, Sequence[TensorLike], TensorLike], Iterator[tuple[str, str]]]] = {
        "conv2d": _conv2d,
        "depthwise_conv2d": _depthwise_conv2d,
        "fully_connected": _fully_connected,
        "max_pool2d": _pool,
        "average_pool2d": _pool,
        "reshape": _reshape,
        "mean": _mean,
        "pad": _pad,
        "concatenation": _concatenation,
    }
    yield from rules.get(op.kind, _same_shape)(op, sources, target)


def _conv2d(op: Any, sources: Sequence[TensorLike], target: TensorLike) -> Iterator[tuple[str, str]]:
    weight, source = op.weight.shape, sources[0]
    if len(weight) != 4 or weight[1:3] != op.window.kernel:
        yield "weight-shape", f"weight must be [Cout, kh, kw, Cin] for the window {op.window}, not {list(weight)}"
        return
    yield from _windowed(source, target, op.window, weight[0])
    if len(source.shape) == 3 and weight[3] != source.shape[2]:
        yield "weight-shape", f"weight takes {weight[3]} input channels, but {source.name!r} has {source.shape[2]}"


def _depthwise_conv2d(op: Any, sources: Sequence[TensorLike], target: TensorLike) -> Iterator[tuple[str, str]]:
    weight, source = op.weight.shape, sources[0]
    if len(weight) != 3 or weight[:2] != op.window.kernel:
        yield "weight-shape", f"weight must be [kh, kw, Cout] for the window {op.window}, not {list(weight)}"
        return
    yield from _windowed(source, target, op.window, weight[2])
    if len(source.shape) == 3 and weight[2] % source.shape[2]:
        yield "weight-shape", f"{weight[2]} output channels are no multiple of the {source.shape[2]} channels of {source.name!r}"


def _fully_connected(op: Any, sources: Sequence[TensorLike], target: TensorLike) -> Iterator[tuple[str, str]]:
    weight, source = op.weight.shape, sources[0]
    if len(weight) != 2 or source.shape != weight[1:]:
        yield "weight-shape", f"weight must be [Cout, N] for the input {source.name!r} of shape {source.shape}, not {list(weight)}"
    elif target.shape != weight[:1]:
        yield "output-shape", f"output {target.name!r} must have the shape {weight[:1]}, not {target.shape}"


def _pool(op: Any, sources: Sequence[TensorLike], target: TensorLike) -> Iterator[tuple[str, str]]:
    source = sources[0]
    problems = list(_windowed(source, target, op.window, source.shape[-1]))
    yield from problems
    if not problems and not _every_window_sees_a_pixel(op.window, source.shape[0], source.shape[1]):
        yield "pool-window", f"some window of {op.window} covers padding alone"


def _reshape(op: Any, sources: Sequence[TensorLike], target: TensorLike) -> Iterator[tuple[str, str]]:
    source = sources[0]
    sizes = [math.prod(tensor.shape) for tensor in (source, target)]
    if sizes[0] != sizes[1]:
        yield "output-shape", f"{source.shape} has {sizes[0]} elements, but the output {target.shape} has {sizes[1]}"


def _mean(op: Any, sources: Sequence[TensorLike], target: TensorLike) -> Iterator[tuple[str, str]]:
    source = sources[0]
    if len(source.shape) != 3:
        yield "input-shape", f"the input {source.name!r} must be a map (H, W, C), not {source.shape}"
    elif op.axes not in ((0,), (1,), (0, 1)):
        yield "mean-axes", f"axes must be (0,), (1,) or (0, 1), not {op.axes!r}"
    else:
        expected = tuple(1 if axis in op.axes else size for axis, size in enumerate(source.shape))
        if target.shape != expected:
            yield "output-shape", f"output {target.name!r} must have the shape {expected}, not {target.shape}"


def _pad(op: Any, sources: Sequence[TensorLike], target: TensorLike) -> Iterator[tuple[str, str]]:
    source, padding = sources[0], op.padding
    sides = ((padding.top, padding.bottom), (padding.left, padding.right), getattr(op, "channels", (0, 0)))
    if len(source.shape) != 3:
        yield "input-shape", f"the input {source.name!r} must be a map (H, W, C), not {source.shape}"
    elif not all(len(pair) == 2 and all(is_int(count) and count >= 0 for count in pair) for pair in sides):
        yield "window", f"padding must be at least 0: {sides}"
    else:
        expected = tuple(size + before + after for size, (before, after) in zip(source.shape, sides, strict=True))
        if target.shape != expected:
            yield "output-shape", f"padding of {sides} takes {source.shape} to {expected}, not to {target.shape}"


def _concatenation(op: Any, sources: Sequence[TensorLike], target: TensorLike) -> Iterator[tuple[str, str]]:
    axis, ranks = op.axis, {len(tensor.shape) for tensor in (*sources, target)}
    shapes = ", ".join(str(tensor.shape) for tensor in sources)
    if len(ranks) != 1:
        yield "input-shape", f"inputs and output must all be maps or all vectors, not {shapes} and {target.shape}"
    elif not (is_int(axis) and 0 <= axis < min(ranks)):
        yield "concat-axis", f"axis must be from 0 to {min(ranks) - 1}, not {axis!r}"
    else:
        first = sources[0].shape
        length = sum(tensor.shape[axis] for tensor in sources)
        alike = all((*t.shape[:axis], *t.shape[axis + 1 :]) == (*first[:axis], *first[axis + 1 :]) for t in sources)
        if not alike or target.shape != (*first[:axis], length, *first[axis + 1 :]):
            yield "output-shape", f"{shapes} joined along axis {axis} do not make {target.shape}"


def _same_shape(op: Any, sources: Sequence[TensorLike], target: TensorLike) -> Iterator[tuple[str, str]]:
    if any(tensor.shape != target.shape for tensor in sources):
        shapes = ", ".join(str(tensor.shape) for tensor in sources)
        yield "output-shape", f"inputs and output must have one shape, not {shapes} and {target.shape}"


def _windowed(source: TensorLike, target: TensorLike, window: Window, channels: int) -> Iterator[tuple[str, str]]:
    """A window over a map gives a map of the right size."""
    padding = (window.padding.top, window.padding.bottom, window.padding.left, window.padding.right)
    positive = (*window.kernel, *window.stride, *window.dilation)
    if not all(is_int(value) and value >= 1 for value in positive) or not all(is_int(value) and value >= 0 for value in padding):
        yield "window", f"kernel, stride and dilation must be at least 1 and padding at least 0: {window}"
        return
    if len(source.shape) != 3:
        yield "input-shape", f"the input {source.name!r} must be a map (H, W, C), not {source.shape}"
        return
    rows, cols = window.output_size(source.shape[0], source.shape[1])
    if rows < 1 or cols < 1:
        yield "window", f"a window of {window.extent()} does not fit the padded map {source.shape}"
    elif target.shape != (rows, cols, channels):
        yield "output-shape", f"output {target.name!r} must have the shape {(rows, cols, channels)}, not {target.shape}"


def _every_window_sees_a_pixel(window: Window, height: int, width: int) -> bool:
    """Whether each window covers at least one pixel that is not padding."""
    rows, cols = window.output_size(height, width)
    axes = (
        (height, window.kernel[0], window.stride[0], window.dilation[0], window.padding.top, rows),
        (width, window.kernel[1], window.stride[1], window.dilation[1], window.padding.left, cols),
    )
    return all(_axis_sees_a_pixel(*axis) for axis in axes)


def _axis_sees_a_pixel(size: int, kernel: int, stride: int, dilation: int, before: int, count: int) -> bool:
    """The same along one axis, in closed form: the first tap at or after pixel 0 must be a tap, and lie on a pixel."""
    starts = np.arange(count, dtype=np.int64) * stride - before
    tap = np.maximum(-(starts // dilation), 0)
    return bool(((tap < kernel) & (starts + tap * dilation < size)).all())


def is_int(value: object) -> bool:
    """Whether a value is a plain or numpy integer (and no truth value)."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
