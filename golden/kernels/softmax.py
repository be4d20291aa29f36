"""TensorFlow Lite's softmax in integers (SPEC eq. 36 and 37)."""

from __future__ import annotations

import math

import numpy as np

from golden.graph import Int8, Softmax
from golden.kernels.fixed_point import exp_on_negative_values, one_over_one_plus_x
from golden.rescale import Int64, rounding_divide_by_pot, saturating_rounding_doubling_high_mul

#: Integer bits of the scaled difference (Q5.26) and of the sum of exponentials (Q12.19).
_DIFFERENCE_BITS, _SUM_BITS = 5, 12


def input_radius(integer_bits: int, left_shift: int) -> int:
    """The largest input that stays within Q(integer_bits) after the left shift: floor((2^i - 1) * 2^(31 - i) / 2^left_shift)."""
    return math.floor(((1 << integer_bits) - 1) * 2.0 ** (31 - integer_bits) / 2.0**left_shift)


def softmax(x: Int8, op: Softmax) -> Int64:
    """SPEC eq. 37 over the last axis: int8[N, ..., C] to int64[N, ..., C], not yet clamped."""
    wide = x.astype(np.int64)
    exponential = _exponentials(op)[wide.max(axis=-1, keepdims=True) - wide]
    total = rounding_divide_by_pot(exponential, np.array(_SUM_BITS)).sum(axis=-1, keepdims=True)  # the greatest adds 2^19
    headroom = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)  # leading zeros of 32 bits
    reciprocal = one_over_one_plus_x((total << headroom) - (1 << 31))
    exponent = _SUM_BITS - headroom + 31 - 8
    return rounding_divide_by_pot(saturating_rounding_doubling_high_mul(reciprocal, exponential), exponent) - 128


def _exponentials(op: Softmax) -> Int64:
    """exp(-d * S * beta) in Q0.31 for the 256 differences d to the maximum, int64[256]; 0 beyond what Q5.26 holds (SPEC eq. 36)."""
    difference = -np.arange(256, dtype=np.int64)
    seen = difference >= -input_radius(_DIFFERENCE_BITS, op.left_shift)
    shifted = np.where(seen, difference, 0) << op.left_shift
    scaled = saturating_rounding_doubling_high_mul(shifted, np.array(op.multiplier))
    return np.where(seen, exp_on_negative_values(scaled, _DIFFERENCE_BITS), 0)
