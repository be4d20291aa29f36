"""Bounds on accumulators, from a layer's own weights (SPEC section 6).

Everything is exact integer arithmetic over the whole input range, so a bound that holds is a proof.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from golden.graph import Add, DepthwiseConv2d, Graph, WeightedOp
from golden.rescale import Int64, Rescale, RescaleKind

INT8_MIN, INT8_MAX = -128, 127

#: Integers up to this magnitude are exact in float32 and float64.
FLOAT32_EXACT, FLOAT64_EXACT = 2**24, 2**53


def centred_weight(op: WeightedOp) -> Int64:
    """w - Z_w as int64[Cout, K]: one row per output channel, taps and input channels in the order of `op.weight`."""
    weight = op.weight.astype(np.int64)
    rows = weight.reshape(-1, weight.shape[-1]).T if isinstance(op, DepthwiseConv2d) else weight.reshape(weight.shape[0], -1)
    return np.ascontiguousarray(rows - op.weight_zero_point.astype(np.int64)[:, None])


def acc_bounds(op: WeightedOp, input_zero_point: int) -> tuple[Int64, Int64]:
    """The least and the greatest accumulator of each output channel over every int8 input (SPEC eq. 25).

    Returns two int64[Cout].  Padding pixels hold the zero point, which is an int8 value, so they are covered.
    """
    weight = centred_weight(op)
    positive, negative = np.maximum(weight, 0).sum(axis=1), np.minimum(weight, 0).sum(axis=1)
    low, high = INT8_MIN - input_zero_point, INT8_MAX - input_zero_point
    bias = op.bias.astype(np.int64)
    return positive * low + negative * high + bias, positive * high + negative * low + bias


def add_bounds(graph: Graph, op: Add) -> tuple[Int64, Int64]:
    """The least and the greatest sum of the two rescaled inputs of an add, two int64[1] (SPEC eq. 21)."""
    total: list[Int64] = []
    for end in (INT8_MIN, INT8_MAX):
        terms = (
            rescale.apply(np.array([(end - tensor.affine.zero_point) << op.left_shift]))
            for tensor, rescale in zip(graph.op_inputs(op), (op.rescale_a, op.rescale_b), strict=True)
        )
        total.append(np.asarray(sum(terms), dtype=np.int64))
    return total[0], total[1]


def shifted_accumulator(rescale: Rescale, acc: Int64) -> Int64:
    """What the arithmetic holds after its left shift, before any rounding: it must fit 32 bits (SPEC eq. 26)."""
    if rescale.format.kind is RescaleKind.FIXED:
        return acc
    exponent = rescale.shift if rescale.format.kind is RescaleKind.TFLITE else -rescale.shift
    return acc * np.left_shift(np.int64(1), np.maximum(exponent, 0))


def exact_dtype(bound: int) -> np.dtype[np.float32] | np.dtype[np.float64] | np.dtype[np.int64]:
    """The fastest type in which a sum of integers is exact, whatever the order of its terms (SPEC eq. 27).

    bound: the sum of the magnitudes of all terms.  Every partial sum, in any order and with or without
    fused multiply-add, is an integer of at most this magnitude, so float32 is exact up to 2^24 and float64 up to 2^53.
    """
    if bound <= FLOAT32_EXACT:
        return np.dtype(np.float32)
    return np.dtype(np.float64) if bound <= FLOAT64_EXACT else np.dtype(np.int64)


def raw_sum_bound(weight: npt.NDArray[np.int64]) -> int:
    """The largest sum of magnitudes of w * x over raw int8 x, for centred weights int64[Cout, K]: max |x| is 128."""
    return int(np.abs(weight).sum(axis=1).max(initial=0)) * 128
