"""The executable definition of a sound integer graph: named rules, run after every pass and on every load (SPEC section 7).

`violations` lists every broken rule at once; `check` raises them as one InputError.  Structure is
judged first: shapes and bounds are only looked at for operators whose tensors exist.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from golden.bounds import INT8_MAX, INT8_MIN, acc_bounds, add_bounds, shifted_accumulator
from golden.errors import InputError
from golden.graph import OPS, Add, AveragePool2d, Conv2d, DepthwiseConv2d, FullyConnected, Graph, MaxPool2d, Op, Reshape, WeightedOp, Window
from golden.rescale import INT32_MAX, INT32_MIN, Int64, Rescale, RescaleKind

#: Smallest and greatest `Rescale.shift` that each format's arithmetic is defined for.
SHIFT_RANGE = {RescaleKind.SHIFT: (-31, 62), RescaleKind.FIXED: (1, 62), RescaleKind.TFLITE: (-31, 30)}


@dataclass(frozen=True)
class Violation:
    """A broken rule: its name, where (an operator or a tensor), and what is wrong."""

    rule: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message} [{self.rule}]"


def check(graph: Graph, after: str = "") -> None:
    """Raises InputError with every violation of a graph; `after` names the pass that made it."""
    found = violations(graph)
    if found:
        made = f" after {after}" if after else ""
        raise InputError(f"network {graph.name!r} is not sound{made}", [str(violation) for violation in found])


def violations(graph: Graph) -> list[Violation]:
    """Every broken rule of a graph, in the order of its tensors and operators; empty for a sound graph."""
    found = [Violation(*item) for item in _structure(graph)]
    for op in graph.ops:
        if type(op) not in OPS:
            found.append(Violation("op-kind", _where(op), f"unknown kind of operator {type(op).__name__}"))
        elif all(name in graph.tensors for name in (*op.inputs, op.output)):
            problems = [Violation(rule, _where(op), message) for rule, message in _operator(graph, op)]
            if not problems:
                problems = [Violation(rule, _where(op), message) for rule, message in _arithmetic(graph, op)]
            found += problems
    return found


def _where(op: Op) -> str:
    return f"{op.kind} {op.name!r}" if type(op) in OPS else f"operator {op.name!r}"


# --- structure ------------------------------------------------------------------------------------


def _structure(graph: Graph) -> Iterator[tuple[str, str, str]]:
    """Names, definitions and uses, as (rule, where, message)."""
    here = f"network {graph.name!r}"
    if not graph.inputs:
        yield "has-input", here, "no input tensor"
    if not graph.outputs:
        yield "has-output", here, "no output tensor"
    if not graph.ops:
        yield "has-operators", here, "no operators"
    for key, tensor in graph.tensors.items():
        if key != tensor.name:
            yield "tensor-name", f"tensor {key!r}", f"is stored under a name other than its own, {tensor.name!r}"
        if len(tensor.shape) not in (1, 3) or not all(_is_int(size) and size >= 1 for size in tensor.shape):
            yield "tensor-shape", f"tensor {key!r}", f"shape must be (N,) or (H, W, C) with positive integers, not {tensor.shape}"
    for kind, names in (("input", graph.inputs), ("output", graph.outputs), ("operator", tuple(op.name for op in graph.ops))):
        for name, count in Counter(names).items():
            if count > 1:
                yield "unique-names", here, f"{kind} {name!r} appears {count} times"
    yield from _definitions(graph, here)


def _definitions(graph: Graph, here: str) -> Iterator[tuple[str, str, str]]:
    """Every tensor is declared, written once, before it is read, and read."""
    defined: dict[str, str] = {}
    for name in graph.inputs:
        if name not in graph.tensors:
            yield "tensor-declared", here, f"input {name!r} is not among its tensors"
        defined[name] = "a network input"
    for op in graph.ops:
        for name in op.inputs:
            if name not in graph.tensors:
                yield "tensor-declared", _where(op), f"reads {name!r}, which is not among the tensors"
            elif name not in defined:
                yield "tensor-defined", _where(op), f"reads {name!r} before any operator writes it"
        if op.output not in graph.tensors:
            yield "tensor-declared", _where(op), f"writes {op.output!r}, which is not among the tensors"
        if op.output in defined:
            yield "single-assignment", _where(op), f"writes {op.output!r}, which is already written by {defined[op.output]}"
        defined.setdefault(op.output, _where(op))
    for name in graph.outputs:
        if name not in defined:
            yield "output-written", here, f"output {name!r} is written by no operator"
    used = {name for op in graph.ops for name in op.inputs} | set(graph.outputs)
    for name in graph.tensors:
        if name not in defined and name not in used:
            yield "tensor-used", f"tensor {name!r}", "is neither written nor read"
        elif name not in used:
            yield "tensor-used", f"tensor {name!r}", "is never read and is no output"


# --- operators ------------------------------------------------------------------------------------


def _operator(graph: Graph, op: Op) -> Iterator[tuple[str, str]]:
    """Arity, shapes and constants of one operator, as (rule, message)."""
    arity = 2 if isinstance(op, Add) else 1
    if len(op.inputs) != arity:
        yield "arity", f"takes {arity} input{'s' * (arity - 1)}, not {len(op.inputs)}"
        return
    if not (_is_int(op.act_min) and _is_int(op.act_max) and INT8_MIN <= op.act_min <= op.act_max <= INT8_MAX):
        yield "act-range", f"clamp must satisfy -128 <= act_min <= act_max <= 127, not {op.act_min!r} to {op.act_max!r}"
    yield from _SHAPES[type(op)](graph, op)
    if isinstance(op, WeightedOp):
        yield from _constants(graph, op)
    if isinstance(op, Add):
        if not (_is_int(op.left_shift) and 0 <= op.left_shift <= 22):
            yield "left-shift", f"left_shift must be an integer from 0 to 22, not {op.left_shift!r}"
        for name in ("rescale_a", "rescale_b", "rescale_out"):
            yield from _rescale(graph, getattr(op, name), name, 1)
    if isinstance(op, (MaxPool2d, AveragePool2d, Reshape)):
        source, target = graph.op_inputs(op)[0], graph.op_output(op)
        if source.affine != target.affine:
            yield "same-affine", f"input and output must share scale and zero point, not {source.affine} and {target.affine}"


def _constants(graph: Graph, op: WeightedOp) -> Iterator[tuple[str, str]]:
    """Vectors of one value per output channel."""
    channels = op.weight.shape[-1 if isinstance(op, DepthwiseConv2d) else 0] if op.weight.ndim else 0
    for name in ("weight_zero_point", "weight_scale", "bias"):
        shape = getattr(op, name).shape
        if shape != (channels,):
            yield "channel-vectors", f"{name} must have the shape ({channels},), one value per output channel, not {shape}"
    if ((op.weight_zero_point < INT8_MIN) | (op.weight_zero_point > INT8_MAX)).any():
        yield "weight-zero-point", "weight zero points must be from -128 to 127"
    if not (np.isfinite(op.weight_scale).all() and (op.weight_scale > 0).all()):
        yield "weight-scale", "weight scales must be finite and greater than 0"
    yield from _rescale(graph, op.rescale, "rescale", channels)


def _rescale(graph: Graph, rescale: Rescale, name: str, channels: int) -> Iterator[tuple[str, str]]:
    """A rescale is in the graph's format, of the right length, and within what its arithmetic is defined for."""
    if rescale.format != graph.format:
        yield "rescale-format", f"{name} is in the format {rescale.format}, but the network's is {graph.format}"
        return
    if len(rescale.shift) not in (1, channels):
        yield "channel-vectors", f"{name} must have 1 or {channels} factors, not {len(rescale.shift)}"
    low, high = SHIFT_RANGE[rescale.format.kind]
    if ((rescale.shift < low) | (rescale.shift > high)).any():
        span = f"{int(rescale.shift.min())} to {int(rescale.shift.max())}"
        yield "rescale-range", f"{name} in the format {rescale.format} shifts by {low} to {high}, not by {span}"
    top = 0 if rescale.format.kind is RescaleKind.SHIFT else 2 ** (rescale.format.bits - 1) - 1
    if ((rescale.multiplier < 0) | (rescale.multiplier > top)).any():
        span = f"{int(rescale.multiplier.min())} to {int(rescale.multiplier.max())}"
        yield "rescale-range", f"{name} in the format {rescale.format} has multipliers from 0 to {top}, not {span}"


# --- shapes ---------------------------------------------------------------------------------------


def _conv_shape(graph: Graph, op: Op) -> Iterator[tuple[str, str]]:
    assert isinstance(op, Conv2d)
    source = graph.op_inputs(op)[0]
    if op.weight.ndim != 4 or op.weight.shape[1:3] != op.window.kernel:
        yield "weight-shape", f"weight must be [Cout, kh, kw, Cin] for the kernel {op.window.kernel}, not {list(op.weight.shape)}"
        return
    yield from _windowed_shape(graph, op, op.window, op.weight.shape[0])
    if len(source.shape) == 3 and op.weight.shape[3] != source.shape[2]:
        yield "weight-shape", f"weight takes {op.weight.shape[3]} input channels, but {source.name!r} has {source.shape[2]}"


def _depthwise_shape(graph: Graph, op: Op) -> Iterator[tuple[str, str]]:
    assert isinstance(op, DepthwiseConv2d)
    source = graph.op_inputs(op)[0]
    if op.weight.ndim != 3 or op.weight.shape[:2] != op.window.kernel:
        yield "weight-shape", f"weight must be [kh, kw, Cout] for the kernel {op.window.kernel}, not {list(op.weight.shape)}"
        return
    yield from _windowed_shape(graph, op, op.window, op.weight.shape[2])
    if len(source.shape) == 3 and op.weight.shape[2] % source.shape[2]:
        yield "weight-shape", f"{op.weight.shape[2]} output channels are no multiple of the {source.shape[2]} channels of {source.name!r}"


def _fully_connected_shape(graph: Graph, op: Op) -> Iterator[tuple[str, str]]:
    assert isinstance(op, FullyConnected)
    source, target = graph.op_inputs(op)[0], graph.op_output(op)
    if op.weight.ndim != 2 or source.shape != op.weight.shape[1:]:
        yield (
            "weight-shape",
            f"weight must be [Cout, {source.shape[0]}] for the vector {source.name!r} {source.shape}, not {list(op.weight.shape)}",
        )
    elif target.shape != op.weight.shape[:1]:
        yield "output-shape", f"output {target.name!r} must have the shape {op.weight.shape[:1]}, not {target.shape}"


def _add_shape(graph: Graph, op: Op) -> Iterator[tuple[str, str]]:
    a, b = graph.op_inputs(op)
    target = graph.op_output(op)
    if not a.shape == b.shape == target.shape:
        yield "output-shape", f"inputs and output must have one shape, not {a.shape}, {b.shape} and {target.shape}"


def _pool_shape(graph: Graph, op: Op) -> Iterator[tuple[str, str]]:
    assert isinstance(op, (MaxPool2d, AveragePool2d))
    source = graph.op_inputs(op)[0]
    problems = list(_windowed_shape(graph, op, op.window, source.shape[-1]))
    yield from problems
    if not problems and not _every_window_sees_a_pixel(op.window, source.shape[0], source.shape[1]):
        yield "pool-window", f"some window of {op.window} covers padding alone"


def _reshape_shape(graph: Graph, op: Op) -> Iterator[tuple[str, str]]:
    source, target = graph.op_inputs(op)[0], graph.op_output(op)
    if source.size != target.size:
        yield "output-shape", f"{source.shape} has {source.size} elements, but the output {target.shape} has {target.size}"
    if (op.act_min, op.act_max) != (INT8_MIN, INT8_MAX):
        yield "reshape-copies", f"a reshape only copies, so its clamp must be -128 to 127, not {op.act_min} to {op.act_max}"


def _windowed_shape(graph: Graph, op: Op, window: Window, channels: int) -> Iterator[tuple[str, str]]:
    source, target = graph.op_inputs(op)[0], graph.op_output(op)
    padding = (window.padding.top, window.padding.bottom, window.padding.left, window.padding.right)
    positive = (*window.kernel, *window.stride, *window.dilation)
    if not all(_is_int(value) and value >= 1 for value in positive) or not all(_is_int(value) and value >= 0 for value in padding):
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
    axes = (
        (height, window.kernel[0], window.stride[0], window.dilation[0], window.padding.top, window.output_size(height, width)[0]),
        (width, window.kernel[1], window.stride[1], window.dilation[1], window.padding.left, window.output_size(height, width)[1]),
    )
    return all(
        any(0 <= out * stride + tap * dilation - before < size for tap in range(kernel))
        for size, kernel, stride, dilation, before, count in axes
        for out in range(count)
    )


_SHAPES: dict[type[Op], Callable[[Graph, Op], Iterator[tuple[str, str]]]] = {
    Conv2d: _conv_shape,
    DepthwiseConv2d: _depthwise_shape,
    FullyConnected: _fully_connected_shape,
    Add: _add_shape,
    MaxPool2d: _pool_shape,
    AveragePool2d: _pool_shape,
    Reshape: _reshape_shape,
}


# --- arithmetic -----------------------------------------------------------------------------------


def _arithmetic(graph: Graph, op: Op) -> Iterator[tuple[str, str]]:
    """No accumulator, shifted accumulator or rescaled value leaves 32 bits for any input (SPEC section 6)."""
    zero_point = graph.op_output(op).affine.zero_point
    if isinstance(op, WeightedOp):
        low, high = acc_bounds(op, graph.op_inputs(op)[0].affine.zero_point)
        if not _fits_int32(low, high):
            yield "acc-bound", f"the accumulator can reach {int(low.min())} to {int(high.max())}, which does not fit 32 bits"
            return
        yield from _rescaled(op.rescale, low, high, zero_point, "rescale")
    if isinstance(op, Add):
        for tensor, rescale, name in zip(graph.op_inputs(op), (op.rescale_a, op.rescale_b), ("rescale_a", "rescale_b"), strict=True):
            ends = [np.array([(end - tensor.affine.zero_point) << op.left_shift]) for end in (INT8_MIN, INT8_MAX)]
            yield from _rescaled(rescale, ends[0], ends[1], 0, name)
        low, high = add_bounds(graph, op)
        if not _fits_int32(low, high):
            yield "acc-bound", f"the sum can reach {int(low.min())} to {int(high.max())}, which does not fit 32 bits"
            return
        yield from _rescaled(op.rescale_out, low, high, zero_point, "rescale_out")


def _rescaled(rescale: Rescale, low: Int64, high: Int64, zero_point: int, name: str) -> Iterator[tuple[str, str]]:
    """Rescaling is monotonic, so the ends of the accumulator's range bound everything."""
    if not _fits_int32(shifted_accumulator(rescale, low), shifted_accumulator(rescale, high)):
        yield "rescale-overflow", f"{name} shifts an accumulator of {int(low.min())} to {int(high.max())} left, out of 32 bits"
    elif not _fits_int32(rescale.apply(low) + zero_point, rescale.apply(high) + zero_point):
        yield "rescale-overflow", f"{name} takes an accumulator of {int(low.min())} to {int(high.max())} out of 32 bits"


def _fits_int32(low: Int64, high: Int64) -> bool:
    return bool((low >= INT32_MIN).all() and (high <= INT32_MAX).all())


def _is_int(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
