"""TensorFlow Lite's fixed-point functions, as in gemmlowp: exp, reciprocal, logistic, tanh (SPEC eq. 33 to 35).

`Qi.f` has i integer bits, f fractional bits and a sign in 32 bits.  Every function takes and gives int64 arrays of
values that fit 32 bits.
"""

from __future__ import annotations

import numpy as np

from golden.rescale import INT32_MAX, INT32_MIN, Int64, rounding_divide_by_pot, saturating_rounding_doubling_high_mul

#: exp(-2^k) in Q0.31 for k from -2 to 4.
_EXP_OF_MINUS_POWERS = {-2: 1672461947, -1: 1302514674, 0: 790015084, 1: 290630308, 2: 39332535, 3: 720401, 4: 242}
_EXP_OF_MINUS_EIGHTH, _THIRD = 1895147668, 715827883  # Q0.31
_48_OVER_17, _MINUS_32_OVER_17 = 1515870810, -1010580540  # Q2.29
_ONE_Q2 = 1 << 29


def exp_on_negative_values(x: Int64, integer_bits: int) -> Int64:
    """exp(x) in Q0.31 for x <= 0 in Q(integer_bits).(31 - integer_bits), integer_bits at most 5 (SPEC eq. 33)."""
    fractional_bits = 31 - integer_bits
    quarter = np.int64(1) << (fractional_bits - 2)
    reduced = (x & (quarter - 1)) - quarter  # in [-1/4, 0)
    result = _exp_around_minus_eighth(_saturating_shift(reduced, integer_bits))
    remainder = reduced - x
    for exponent, factor in _EXP_OF_MINUS_POWERS.items():
        if integer_bits > exponent:
            bit = (remainder >> (fractional_bits + exponent)) & 1
            result = np.where(bit != 0, _mul(result, factor), result)
    return np.where(x == 0, INT32_MAX, result)


def _exp_around_minus_eighth(x: Int64) -> Int64:
    """exp of Q0.31 in [-1/4, 0): the Taylor series around -1/8 up to the fourth power."""
    x = x + (1 << 28)
    x2 = _mul(x, x)
    x3, x4 = _mul(x2, x), _mul(x2, x2)
    series = _halved(_mul(_halved(x4, 2) + x3, _THIRD) + x2, 1)
    return _mul(x + series, _EXP_OF_MINUS_EIGHTH) + _EXP_OF_MINUS_EIGHTH


def one_over_one_plus_x(x: Int64) -> Int64:
    """1 / (1 + x) in Q0.31 for x in [0, 1) in Q0.31 (SPEC eq. 34)."""
    return _saturating_shift(_reciprocal_of_half_denominator(x), 1)


def one_minus_x_over_one_plus_x(x: Int64) -> Int64:
    """(1 - x) / (1 + x) in Q0.31 for x in [0, 1) in Q0.31 (SPEC eq. 34)."""
    return _saturating_shift(_reciprocal_of_half_denominator(x) - _ONE_Q2, 2)


def _reciprocal_of_half_denominator(x: Int64) -> Int64:
    """2 / (1 + x) in Q2.29: three Newton-Raphson steps."""
    half_denominator = (x + INT32_MAX + 1) >> 1  # the sum is never negative, so a half rounds up
    y = _mul(half_denominator, _MINUS_32_OVER_17) + _48_OVER_17
    for _ in range(3):
        y = y + _saturating_shift(_mul(y, _ONE_Q2 - _mul(half_denominator, y)), 2)
    return y


def logistic(x: Int64, integer_bits: int) -> Int64:
    """1 / (1 + exp(-x)) in Q0.31 (SPEC eq. 35)."""
    positive = one_over_one_plus_x(exp_on_negative_values(-np.abs(x), integer_bits))
    return np.where(x == 0, 1 << 30, np.where(x > 0, positive, INT32_MAX - positive))


def tanh(x: Int64, integer_bits: int) -> Int64:
    """tanh(x) = sign(x) (1 - e) / (1 + e) with e = exp(-2 |x|), in Q0.31 (SPEC eq. 35); integer_bits at most 4."""
    magnitude = one_minus_x_over_one_plus_x(exp_on_negative_values(-np.abs(x), integer_bits + 1))
    return np.sign(x) * magnitude


def _mul(a: Int64, b: Int64 | int) -> Int64:
    """The product of two fixed-point numbers; their integer bits add up."""
    return saturating_rounding_doubling_high_mul(a, np.asarray(b, np.int64))


def _saturating_shift(x: Int64, bits: int) -> Int64:
    shifted: Int64 = np.clip(x << bits, INT32_MIN, INT32_MAX)
    return shifted


def _halved(x: Int64, times: int) -> Int64:
    return rounding_divide_by_pot(x, np.array(times, np.int64))
