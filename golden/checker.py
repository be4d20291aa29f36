"""The executable definition of a sound integer graph: named rules, run after every pass and on every load (SPEC section 7).

`violations` lists every broken rule at once; `check` raises them as one InputError.  Structure is
judged first: shapes and bounds are only looked at for operators whose tensors exist.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from golden.affine import Affine
from golden.bounds import INT8_MAX, INT8_MIN, acc_bounds, add_bounds, shifted_accumulator
from golden.errors import InputError
from golden.graph import (
    OPS,
    Add,
    AveragePool2d,
    Concatenation,
    DepthwiseConv2d,
    Graph,
    Lookup,
    MaxPool2d,
    Mean,
    Op,
    Pad,
    Requantize,
    Reshape,
    Softmax,
    Tensor,
    WeightedOp,
)
from golden.rescale import INT32_MAX, INT32_MIN, Int64, Rescale, RescaleKind
from golden.structure import Violation, is_int, shape_problems, structure, where

#: Smallest and greatest `Rescale.shift` that each format's arithmetic is defined for.
SHIFT_RANGE = {RescaleKind.SHIFT: (-31, 62), RescaleKind.FIXED: (1, 62), RescaleKind.TFLITE: (-31, 30)}

#: What the integers of a softmax's output stand for, and how many elements its sum in Q12.19 holds.
SOFTMAX_OUTPUT, SOFTMAX_LENGTH = Affine(1 / 256, -128), 4095


def check(graph: Graph, after: str = "") -> None:
    """Raises InputError with every violation of a graph; `after` names the pass that made it."""
    found = violations(graph)
    if found:
        made = f" after {after}" if after else ""
        raise InputError(f"network {graph.name!r} is not sound{made}", [str(violation) for violation in found])


def violations(graph: Graph) -> list[Violation]:
    """Every broken rule of a graph, in the order of its tensors and operators; empty for a sound graph."""
    found = list(structure(graph))
    for tensor in graph.tensors.values():
        if not _sound_bits(tensor):
            found.append(Violation("tensor-bits", f"tensor {tensor.name!r}", f"bits must be from 2 to 8, not {tensor.bits!r}"))
    for op in graph.ops:
        if type(op) not in OPS:
            found.append(Violation("op-kind", f"operator {op.name!r}", f"unknown kind of operator {type(op).__name__}"))
        elif all(name in graph.tensors for name in (*op.inputs, op.output)):
            problems = [Violation(rule, where(op), message) for rule, message in _operator(graph, op)]
            if not problems:
                problems = [Violation(rule, where(op), message) for rule, message in _arithmetic(graph, op)]
            found += problems
    return found


# --- operators ------------------------------------------------------------------------------------


def _operator(graph: Graph, op: Op) -> Iterator[tuple[str, str]]:
    """Arity, shapes and constants of one operator, as (rule, message)."""
    if isinstance(op, Concatenation):
        if len(op.inputs) < 2:
            yield "arity", f"takes 2 inputs or more, not {len(op.inputs)}"
            return
    elif len(op.inputs) != (arity := 2 if isinstance(op, Add) else 1):
        yield "arity", f"takes {arity} input{'s' * (arity - 1)}, not {len(op.inputs)}"
        return
    if not (is_int(op.act_min) and is_int(op.act_max) and INT8_MIN <= op.act_min <= op.act_max <= INT8_MAX):
        yield "act-range", f"clamp must satisfy -128 <= act_min <= act_max <= 127, not {op.act_min!r} to {op.act_max!r}"
    yield from shape_problems(op, graph.op_inputs(op), graph.op_output(op))
    if isinstance(op, (Reshape, Pad, Concatenation)) and (op.act_min, op.act_max) != (INT8_MIN, INT8_MAX):
        yield "copy-clamp", f"a {op.kind} only copies, so its clamp must be -128 to 127, not {op.act_min} to {op.act_max}"
    if isinstance(op, WeightedOp):
        yield from _constants(graph, op)
    if isinstance(op, Add):
        if not (is_int(op.left_shift) and 0 <= op.left_shift <= 22):
            yield "left-shift", f"left_shift must be an integer from 0 to 22, not {op.left_shift!r}"
        for name in ("rescale_a", "rescale_b", "rescale_out"):
            yield from _rescale(graph, getattr(op, name), name, 1)
    if isinstance(op, (Requantize, Mean)):
        yield from _rescale(graph, op.rescale, "rescale", 1)
    if isinstance(op, (MaxPool2d, AveragePool2d, Reshape, Pad, Concatenation)):
        target = graph.op_output(op)
        for source in graph.op_inputs(op):
            if source.affine != target.affine:
                yield "same-affine", f"input and output must share scale and zero point, not {source.affine} and {target.affine}"
    yield from _bits(graph, op)
    if isinstance(op, Lookup) and op.table.shape != (256,):
        yield "lookup-table", f"table must have one int8 per input value, the shape (256,), not {op.table.shape}"
    if isinstance(op, Softmax):
        yield from _softmax(graph, op)


def _bits(graph: Graph, op: Op) -> Iterator[tuple[str, str]]:
    """An operator writes nothing beyond the bits of its output, and reads it as it was written."""
    target = graph.op_output(op)
    if not all(_sound_bits(tensor) for tensor in (*graph.op_inputs(op), target)):
        return
    reach = 1 << (target.bits - 1)
    copied = (
        max(source.bits for source in graph.op_inputs(op)) if isinstance(op, (MaxPool2d, AveragePool2d, Reshape, Pad, Concatenation)) else 8
    )
    if copied > target.bits and not (-reach <= op.act_min and op.act_max < reach):
        yield (
            "tensor-bits",
            f"values from {op.act_min} to {op.act_max} are written to tensor {target.name!r} of {target.bits} bits",
        )


def _sound_bits(tensor: Tensor) -> bool:
    return is_int(tensor.bits) and 2 <= tensor.bits <= 8


def _softmax(graph: Graph, op: Softmax) -> Iterator[tuple[str, str]]:
    """The fixed-point formats of a softmax hold what it computes."""
    target = graph.op_output(op)
    if target.affine != SOFTMAX_OUTPUT:
        yield "softmax-affine", f"output {target.name!r} must have the scale 1/256 and the zero point -128, not {target.affine}"
    if (length := target.shape[-1]) > SOFTMAX_LENGTH:
        yield "softmax-length", f"a sum over {length} elements does not fit 12 integer bits; {SOFTMAX_LENGTH} are the most"
    if not (is_int(op.multiplier) and 2**30 <= op.multiplier < 2**31 and is_int(op.left_shift) and 0 <= op.left_shift <= 31):
        message = f"multiplier must be from 2^30 to 2^31 - 1 and left_shift from 0 to 31, not {op.multiplier!r} and {op.left_shift!r}"
        yield "softmax-scale", message


def _constants(graph: Graph, op: WeightedOp) -> Iterator[tuple[str, str]]:
    """Vectors of one value per output channel."""
    channels = op.weight.shape[-1 if isinstance(op, DepthwiseConv2d) else 0] if op.weight.ndim else 0
    for name in ("weight_zero_point", "weight_scale", "bias"):
        shape = getattr(op, name).shape
        if shape != (channels,):
            yield "channel-vectors", f"{name} must have the shape ({channels},), one value per output channel, not {shape}"
    if ((op.weight_zero_point < INT8_MIN) | (op.weight_zero_point > INT8_MAX)).any():
        yield "weight-zero-point", "weight zero points must be from -128 to 127"
    reach = 1 << (op.weight_bits - 1) if is_int(op.weight_bits) and 2 <= op.weight_bits <= 8 else 0
    if ((op.weight < -reach) | (op.weight >= reach)).any():
        yield "weight-bits", f"weights of {op.weight_bits!r} bits (2 to 8) cannot be from {op.weight.min()} to {op.weight.max()}"
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
    if isinstance(op, (Requantize, Mean)):
        source = graph.op_inputs(op)[0]
        count = source.size // graph.op_output(op).size if isinstance(op, Mean) else 1
        low, high = (np.array([count * (end - source.affine.zero_point)]) for end in (INT8_MIN, INT8_MAX))
        if not _fits_int32(low, high):
            yield "acc-bound", f"the sum can reach {int(low.min())} to {int(high.max())}, which does not fit 32 bits"
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
