"""Operators with weights: exact sums in floating-point BLAS, or in integers where a layer is too long for that (SPEC eq. 18 to 20, 27)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from golden.bounds import centred_weight, exact_dtype, raw_sum_bound
from golden.graph import Conv2d, DepthwiseConv2d, Graph, Int8, Padding, WeightedOp, Window
from golden.kernels.windows import pad, taps
from golden.rescale import Int64


@dataclass(frozen=True)
class Plan:
    """A weighted operator made ready: centred weights [K, Cout] in a type in which their sums are exact, and the folded bias.

    folded: int64[Cout] = bias - Z_x * sum of centred weights (SPEC eq. 24), so that raw x can be summed.
    """

    weight: npt.NDArray[Any]
    folded: Int64


def plan(graph: Graph, op: WeightedOp) -> Plan:
    """Prepares an operator for `accumulators`."""
    weight = centred_weight(op)
    zero_point = graph.op_inputs(op)[0].affine.zero_point
    dtype = exact_dtype(raw_sum_bound(weight))
    return Plan(np.ascontiguousarray(weight.T.astype(dtype)), op.bias.astype(np.int64) - zero_point * weight.sum(axis=1))


def accumulators(x: Int8, op: WeightedOp, zero_point: int, plan: Plan) -> Int64:
    """acc of SPEC eq. 18, 19 or 20, int64[N, ..., Cout]; zero_point is the input's."""
    if isinstance(op, Conv2d):
        sums = _conv_sums(x, op.window, zero_point, plan)
    elif isinstance(op, DepthwiseConv2d):
        sums = _depthwise_sums(x, op.window, zero_point, plan)
    else:
        sums = x.astype(plan.weight.dtype) @ plan.weight
    acc: Int64 = sums.astype(np.int64)
    acc += plan.folded
    return acc


def _conv_sums(x: Int8, window: Window, zero_point: int, plan: Plan) -> npt.NDArray[Any]:
    """Sums of w * x over each window, [N, rows, cols, Cout] (the sum of SPEC eq. 18, with the zero point folded out)."""
    count, height, width, channels = x.shape
    rows, cols = window.output_size(height, width)
    if window.kernel == (1, 1) and window.stride == (1, 1) and window.padding == Padding():
        patches = x.reshape(-1, channels).astype(plan.weight.dtype)
    else:
        padded = pad(x, window.padding, zero_point)
        count_taps = window.kernel[0] * window.kernel[1]
        buffer = np.empty((count, rows, cols, count_taps, channels), plan.weight.dtype)
        for tap, view in enumerate(taps(padded, window, rows, cols)):
            buffer[:, :, :, tap, :] = view
        patches = buffer.reshape(-1, count_taps * channels)
    sums: npt.NDArray[Any] = patches @ plan.weight
    return sums.reshape(count, rows, cols, -1)


def _depthwise_sums(x: Int8, window: Window, zero_point: int, plan: Plan) -> npt.NDArray[Any]:
    """Sums of w * x over each window, channel by channel, [N, rows, cols, Cout] (the sum of SPEC eq. 19)."""
    count, height, width, channels = x.shape
    rows, cols = window.output_size(height, width)
    outputs = plan.weight.shape[1]
    padded = pad(x, window.padding, zero_point).astype(plan.weight.dtype)
    sums = np.zeros((count, rows, cols, channels, outputs // channels), plan.weight.dtype)
    for tap, view in enumerate(taps(padded, window, rows, cols)):
        sums += view[..., None] * plan.weight[tap].reshape(channels, -1)
    return sums.reshape(count, rows, cols, outputs)
