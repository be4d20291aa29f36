"""Operators with weights: exact sums in floating-point BLAS, or in integers where a layer is too long for that (SPEC eq. 18 to 20, 27)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from golden.bounds import centred_weight, exact_dtype, raw_sum_bound
from golden.graph import Conv2d, DepthwiseConv2d, Graph, Int8, Padding, WeightedOp, Window
from golden.kernels.windows import pad, taps
from golden.rescale import Int64, Rescale

#: Accumulators that are rescaled at once: what stays in the fastest caches while a dozen steps go over it.
_BLOCK = 1 << 13


@dataclass(frozen=True)
class Plan:
    """A weighted operator made ready: centred weights [K, Cout] in a type in which their sums are exact, and the folded bias.

    folded:       int64[Cout] = bias - Z_x * sum of centred weights (SPEC eq. 24), so that raw x can be summed.
    input_zero, output_zero: Z_x and Z_y.
    rows:         how many rows of Cout accumulators `block_folded` and `block_rescale` repeat the constants for: numpy is
                  several times faster over one long axis than over many short ones.
    """

    weight: npt.NDArray[Any]
    folded: Int64
    input_zero: int
    output_zero: int
    rows: int
    block_folded: Int64
    block_rescale: Rescale


def plan(graph: Graph, op: WeightedOp) -> Plan:
    """Prepares an operator for `weighted`."""
    weight = centred_weight(op)
    zero_point = graph.op_inputs(op)[0].affine.zero_point
    dtype = exact_dtype(raw_sum_bound(weight))
    folded = op.bias.astype(np.int64) - zero_point * weight.sum(axis=1)
    rows = max(1, _BLOCK // len(folded))
    rescale = op.rescale
    if len(rescale.shift) > 1:
        rescale = Rescale(rescale.format, np.tile(rescale.multiplier, rows), np.tile(rescale.shift, rows))
    output_zero = graph.op_output(op).affine.zero_point
    kernel = np.ascontiguousarray(weight.T.astype(dtype))
    return Plan(kernel, folded, zero_point, output_zero, rows, np.tile(folded, rows), rescale)


def weighted(x: Int8, op: WeightedOp, plan: Plan) -> Int8:
    """The operator's clamped output, int8[N, ..., Cout]."""
    if isinstance(op, Conv2d):
        sums = _conv_sums(x, op.window, plan)
    elif isinstance(op, DepthwiseConv2d):
        sums = _depthwise_sums(x, op.window, plan)
    else:
        sums = x.astype(plan.weight.dtype) @ plan.weight
    rows = sums.reshape(-1, sums.shape[-1])
    result = np.empty(rows.shape, np.int8)
    whole = len(rows) // plan.rows * plan.rows
    for start in range(0, whole, plan.rows):
        block = slice(start, start + plan.rows)
        values = _finished(rows[block].reshape(-1), plan.block_folded, plan.block_rescale, op, plan)
        result[block] = values.reshape(plan.rows, -1)
    if whole < len(rows):
        result[whole:] = _finished(rows[whole:], plan.folded, op.rescale, op, plan)
    return result.reshape(sums.shape)


def _finished(sums: npt.NDArray[Any], folded: Int64, rescale: Rescale, op: WeightedOp, plan: Plan) -> Int64:
    """Sums of w * x to clamped outputs: the folded bias, the rescale, the zero point, the clamp."""
    acc: Int64 = sums.astype(np.int64)
    acc += folded
    values = rescale.apply(acc)
    values += plan.output_zero
    return np.clip(values, op.act_min, op.act_max, out=values)


def _conv_sums(x: Int8, window: Window, plan: Plan) -> npt.NDArray[Any]:
    """Sums of w * x over each window, [N, rows, cols, Cout] (the sum of SPEC eq. 18, with the zero point folded out)."""
    count, height, width, channels = x.shape
    rows, cols = window.output_size(height, width)
    if window.kernel == (1, 1) and window.stride == (1, 1) and window.padding == Padding():
        patches = x.reshape(-1, channels).astype(plan.weight.dtype)
    else:
        padded = pad(x, window.padding, plan.input_zero, dtype=plan.weight.dtype)
        patches = _patches(padded, window, rows, cols).reshape(count * rows * cols, -1)
    sums: npt.NDArray[Any] = patches @ plan.weight
    return sums.reshape(count, rows, cols, -1)


def _patches(padded: npt.NDArray[Any], window: Window, rows: int, cols: int) -> npt.NDArray[Any]:
    """What each window sees, [N, rows, cols, kh, kw * C]; the pixels of a kernel row without dilation lie one after the other."""
    count, _, _, channels = padded.shape
    (ky, kx), (sy, sx), (dy, dx) = window.kernel, window.stride, window.dilation
    if dx == 1:
        along_n, along_y, along_x, along_c = padded.strides
        shape = (count, rows, cols, ky, kx * channels)
        strides = (along_n, along_y * sy, along_x * sx, along_y * dy, along_c)
        return np.lib.stride_tricks.as_strided(padded, shape, strides, writeable=False)
    patches = np.empty((count, rows, cols, ky * kx, channels), padded.dtype)
    for tap, view in enumerate(taps(padded, window, rows, cols)):
        patches[:, :, :, tap] = view
    return patches


def _depthwise_sums(x: Int8, window: Window, plan: Plan) -> npt.NDArray[Any]:
    """Sums of w * x over each window, channel by channel, [N, rows, cols, Cout] (the sum of SPEC eq. 19).

    One multiplication and one addition per tap over whole rows of pixels: the columns that a stride steps over are
    separated first, so that the pixels of each tap lie one after the other.
    """
    count, height, width, channels = x.shape
    rows, cols = window.output_size(height, width)
    outputs = plan.weight.shape[1]
    (ky, kx), (sy, sx), (dy, dx) = window.kernel, window.stride, window.dilation
    padded = pad(x, window.padding, plan.input_zero, dtype=plan.weight.dtype)
    if outputs > channels:
        padded = np.repeat(padded, outputs // channels, axis=3)
    phases = {phase: padded[:, :, phase::sx].reshape(count, padded.shape[1], -1) for phase in {j * dx % sx for j in range(kx)}}
    sums = np.zeros((count, rows, cols * outputs), plan.weight.dtype)
    products = np.empty_like(sums)
    for i in range(ky):
        lines = slice(i * dy, i * dy + (rows - 1) * sy + 1, sy)
        for j in range(kx):
            first = j * dx // sx * outputs
            view = phases[j * dx % sx][:, lines, first : first + cols * outputs]
            np.multiply(view, np.tile(plan.weight[i * kx + j], cols), out=products)
            sums += products
    return sums.reshape(count, rows, cols, outputs)
