"""Rescaling: from a wide accumulator to the output's integer steps (SPEC section 4).

`RescaleFormat` names the arithmetic, `Rescale` holds one layer's integer constants, and
`Rescale.apply` defines the result, in exact integer arithmetic.  The hardware shares these
constants, never this code.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from golden.errors import InputError

Int64 = npt.NDArray[np.int64]

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


class RescaleKind(enum.Enum):
    """The three named rescale formats."""

    SHIFT = "shift"  #: M is a power of two (SPEC eq. 9)
    FIXED = "fixed"  #: a B-bit multiplier and one rounding (SPEC eq. 10)
    TFLITE = "tflite"  #: a 32-bit multiplier and two roundings, as in TensorFlow Lite (SPEC eq. 13)


@dataclass(frozen=True)
class RescaleFormat:
    """A rescale format: its kind and the multiplier's signed width in bits (0 for SHIFT, 32 for TFLITE)."""

    kind: RescaleKind
    bits: int

    def __post_init__(self) -> None:
        allowed = {RescaleKind.SHIFT: range(1), RescaleKind.FIXED: range(4, 33), RescaleKind.TFLITE: range(32, 33)}
        if self.bits not in allowed[self.kind]:
            span = allowed[self.kind]
            raise InputError(f"rescale format {self.kind.value}: bits must be from {span.start} to {span.stop - 1}, not {self.bits!r}")

    @classmethod
    def parse(cls, text: str) -> RescaleFormat:
        """Reads "shift", "tflite" or "fixedB" with B the multiplier's bits, such as "fixed16"."""
        if text == "shift":
            return SHIFT
        if text == "tflite":
            return TFLITE
        if text.startswith("fixed") and text[5:].isdecimal():
            return cls(RescaleKind.FIXED, int(text[5:]))
        raise InputError(f"rescale format must be shift, tflite or fixedB (B from 4 to 32, as in fixed16), not {text!r}")

    def __str__(self) -> str:
        return f"fixed{self.bits}" if self.kind is RescaleKind.FIXED else self.kind.value


SHIFT = RescaleFormat(RescaleKind.SHIFT, 0)
TFLITE = RescaleFormat(RescaleKind.TFLITE, 32)


@dataclass(frozen=True, eq=False)
class Rescale:
    """Integer constants that multiply an accumulator by M, one pair per output channel (or one for all).

    format:     which arithmetic.
    multiplier: int64[C] or int64[1]; zeros for SHIFT.
    shift:      int64[C] or int64[1]. SHIFT: right shift s, negative for a left shift. FIXED: right shift s >= 1.
                TFLITE: the exponent e, positive for a left shift before the multiplication.
    """

    format: RescaleFormat
    multiplier: Int64
    shift: Int64

    def __post_init__(self) -> None:
        for name in ("multiplier", "shift"):
            array = np.array(getattr(self, name), dtype=np.int64, order="C")  # a copy: freezing must not reach the caller's array
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        if self.multiplier.ndim != 1 or self.multiplier.shape != self.shift.shape:
            raise InputError(f"rescale: multiplier {self.multiplier.shape} and shift {self.shift.shape} must be vectors of one length")

    @classmethod
    def from_real(cls, format: RescaleFormat, factors: npt.ArrayLike) -> Rescale:
        """Quantizes real factors M > 0 (float64[C] or a scalar) into the format's integer constants.

        Raises InputError for factors that are not finite and positive.
        """
        reals = np.atleast_1d(np.asarray(factors, dtype=np.float64))
        if not (np.isfinite(reals).all() and (reals > 0).all()):
            raise InputError(f"rescale factors must be finite and greater than 0, not {reals[~(np.isfinite(reals) & (reals > 0))][:4]}")
        quantize = {
            RescaleKind.SHIFT: _quantize_shift,
            RescaleKind.FIXED: lambda m: _quantize_fixed(m, format.bits),
            RescaleKind.TFLITE: _quantize_tflite,
        }[format.kind]
        pairs = np.array([quantize(float(m)) for m in reals], dtype=np.int64).reshape(-1, 2)
        return cls(format, pairs[:, 0], pairs[:, 1])

    def apply(self, acc: npt.NDArray[np.integer]) -> Int64:
        """Rescales accumulators: acc int[..., C] (values of 32-bit range) to int64[..., C], not yet clamped."""
        wide = acc.astype(np.int64)
        if self.format.kind is RescaleKind.SHIFT:
            return rounding_shift(wide, self.shift)
        if self.format.kind is RescaleKind.FIXED:
            return fixed_point(wide, self.multiplier, self.shift)
        return multiply_by_quantized_multiplier(wide, self.multiplier, self.shift)

    def real(self) -> npt.NDArray[np.float64]:
        """The factors that the integers stand for, float64[C]."""
        if self.format.kind is RescaleKind.SHIFT:
            return np.ldexp(1.0, -self.shift)
        exponent = -self.shift if self.format.kind is RescaleKind.FIXED else self.shift - 31
        return np.ldexp(self.multiplier.astype(np.float64), exponent)


# --- quantizing the factor ------------------------------------------------------------------------


def _quantize_shift(m: float) -> tuple[int, int]:
    """The power of two nearest to m in the logarithm, as a right shift (SPEC eq. 8)."""
    fraction, exponent = math.frexp(m)  # m = fraction * 2^exponent, fraction in [0.5, 1)
    return 0, -(exponent if fraction >= math.sqrt(0.5) else exponent - 1)


def _quantize_fixed(m: float, bits: int) -> tuple[int, int]:
    """m = multiplier * 2^-shift with a multiplier of `bits` signed bits (SPEC eq. 10)."""
    fraction, exponent = math.frexp(m)
    multiplier = round(fraction * 2 ** (bits - 1))
    if multiplier == 2 ** (bits - 1):
        multiplier //= 2
        exponent += 1
    return multiplier, bits - 1 - exponent


def _quantize_tflite(m: float) -> tuple[int, int]:
    """TensorFlow Lite's QuantizeMultiplier (SPEC eq. 12); halves round away from zero."""
    fraction, exponent = math.frexp(m)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier //= 2
        exponent += 1
    if exponent < -31:
        return 0, 0
    return multiplier, exponent


# --- the arithmetic -------------------------------------------------------------------------------


def rounding_shift(acc: Int64, shift: Int64) -> Int64:
    """(acc + 2^(s-1)) >> s for s > 0 (ties toward +infinity), acc for s = 0, acc << -s for s < 0 (SPEC eq. 9)."""
    right, left = np.maximum(shift, 0), np.maximum(-shift, 0)
    half = np.where(right > 0, np.left_shift(np.int64(1), np.maximum(right - 1, 0)), 0)
    return ((acc << left) + half) >> right


def fixed_point(acc: Int64, multiplier: Int64, shift: Int64) -> Int64:
    """(acc * m + 2^(s-1)) >> s, s >= 1 (SPEC eq. 11).  |acc| <= 2^31 and |m| < 2^31 keep it within int64 for s <= 62."""
    return (acc * multiplier + np.left_shift(np.int64(1), shift - 1)) >> shift


def saturating_rounding_doubling_high_mul(a: Int64, b: Int64) -> Int64:
    """SRDHM (SPEC eq. 14): the high 32 bits of 2ab, rounded, ties toward +infinity; saturates for a = b = -2^31 alone."""
    product: Int64 = a * b
    product += 1 << 30
    product >>= 31
    return product if np.ndim(b) and b.size and b.min() >= 0 else np.minimum(product, INT32_MAX)


def rounding_divide_by_pot(x: Int64, exponent: Int64) -> Int64:
    """RDPOT (SPEC eq. 15): x / 2^k, ties away from zero, as (x + 2^(k-1) - (x < 0)) >> k for k > 0: the same with fewer steps."""
    up = np.left_shift(np.int64(1), exponent) >> 1
    result: Int64 = x >> 63
    result = result & -(exponent > 0).astype(np.int64) if not np.all(exponent) else result
    result = result + up
    result += x
    result >>= exponent
    return result


def multiply_by_quantized_multiplier(acc: Int64, multiplier: Int64, exponent: Int64) -> Int64:
    """MBQM (SPEC eq. 13): RDPOT(SRDHM(acc << max(e, 0), m), max(-e, 0))."""
    shifted = acc << np.maximum(exponent, 0) if np.any(exponent > 0) else acc
    return rounding_divide_by_pot(saturating_rounding_doubling_high_mul(shifted, multiplier), np.maximum(-exponent, 0))
