"""Floating-point formats of a sign, an exponent and a mantissa: FP32 down to FP4 (SPEC eq. 42 to 44).

Computed in exact fractions with one rounding, straight from the value.  (The conversions of ml_dtypes round a float64 to float32
first, so that 1 + 2^-4 + 2^-40 becomes 1 in E4M3 instead of 1.125.)
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from golden.errors import InputError
from golden.number_formats.number_format import Encoded, Field, Float64, Number, NumberFormat, Outcome, is_negative


class Specials(enum.Enum):
    """What the greatest exponent field means."""

    IEEE = "inf, NaN"  #: mantissa 0: infinity; any other: NaN
    NAN_ALONE = "NaN"  #: numbers, but for a mantissa of ones: NaN
    NONE = ""  #: numbers


@dataclass(frozen=True)
class FloatingPoint(NumberFormat):
    """A binary floating-point format.

    label:         its name.
    exponent_bits: 2 to 8; the bias is 2^(exponent_bits - 1) - 1.
    mantissa_bits: 1 to 23, without the leading bit, which is implied.
    special:       what the greatest exponent field means.
    aliases:       other names that people use.
    """

    label: str
    exponent_bits: int
    mantissa_bits: int
    special: Specials = Specials.IEEE
    aliases: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.label

    @property
    def fields(self) -> tuple[Field, ...]:
        return (Field("sign", 1), Field("exponent", self.exponent_bits), Field("mantissa", self.mantissa_bits))

    @property
    def bias(self) -> int:
        """What is subtracted from the exponent field."""
        return (1 << (self.exponent_bits - 1)) - 1

    @property
    def least_exponent(self) -> int:
        """Of normal numbers, and of the subnormal ones, whose leading bit is 0."""
        return 1 - self.bias

    @property
    def least(self) -> float:
        return -self.greatest

    @property
    def greatest(self) -> float:
        return self._magnitude(self._greatest_pattern)

    @property
    def smallest_normal(self) -> float:
        return math.ldexp(1.0, self.least_exponent)

    @property
    def smallest_subnormal(self) -> float:
        return math.ldexp(1.0, self.least_exponent - self.mantissa_bits)

    @property
    def specials(self) -> str:
        return ", ".join(filter(None, ["two zeros", self.special.value]))

    def ulp(self, value: float) -> float:
        if not math.isfinite(value):
            return math.nan
        return math.ldexp(1.0, self._exponent(min(abs(value), self.greatest)) - self.mantissa_bits)

    def decode(self, pattern: int) -> float:
        self.check_pattern(pattern)
        sign = -1.0 if pattern >> (self.bits - 1) else 1.0
        magnitude = pattern & ((1 << (self.bits - 1)) - 1)
        if magnitude <= self._greatest_pattern:
            return sign * self._magnitude(magnitude)
        return sign * math.inf if magnitude == self._infinity else math.nan

    def encode(self, value: Number, *, saturate: bool = False) -> Encoded:
        if value != value:
            return Encoded(self._nan(), math.nan, Outcome.EXACT)
        sign = is_negative(value) << (self.bits - 1)
        infinite = isinstance(value, float) and math.isinf(value)
        magnitude, outcome = self._overflow(saturate) if infinite else self._round(abs(Fraction(value)))
        if outcome is not Outcome.SATURATED and infinite and magnitude == self._infinity:
            outcome = Outcome.EXACT
        elif not infinite and magnitude > self._greatest_pattern:
            magnitude, outcome = self._overflow(saturate)
        pattern = sign | magnitude
        return Encoded(pattern, self.decode(pattern), outcome)

    def round_array(self, values: npt.ArrayLike, *, saturate: bool = False) -> Float64:
        reals = np.asarray(values, dtype=np.float64)
        if self.special is Specials.NONE and np.isnan(reals).any():
            raise InputError(f"{self.name} has no pattern for NaN, and there are NaN values")
        reals = np.clip(reals, -2 * self.greatest, 2 * self.greatest)  # beyond all the same, and nothing overflows below
        exponent = np.maximum(np.frexp(reals)[1] - 1, self.least_exponent)
        quantum = np.ldexp(1.0, exponent - self.mantissa_bits)
        rounded = np.rint(reals / quantum) * quantum  # exact but for the rounding: the quantum is a power of two
        beyond = np.abs(rounded) > self.greatest  # a NaN is not
        if not beyond.any():
            return np.asarray(rounded, dtype=np.float64)
        end = self.decode(self._overflow(saturate)[0])
        return np.asarray(np.where(beyond, np.copysign(end, reals), rounded), dtype=np.float64)

    def scientific(self, pattern: int, digits: int = 17) -> str:
        """A pattern as significand, of so many digits, and power of two, such as 1.0625 * 2^-2; a subnormal significand begins with 0."""
        value = self.decode(pattern)
        if not math.isfinite(value) or value == 0:
            return str(value)
        exponent = self._exponent(abs(value))
        return f"{math.ldexp(value, -exponent):.{digits}g} * 2^{exponent}"

    @property
    def _infinity(self) -> int | None:
        """The pattern of infinity without its sign."""
        return ((1 << self.exponent_bits) - 1) << self.mantissa_bits if self.special is Specials.IEEE else None

    @property
    def _greatest_pattern(self) -> int:
        """The pattern of the greatest finite number; those above it are special."""
        every_bit = (1 << (self.bits - 1)) - 1
        if self._infinity is not None:
            return self._infinity - 1
        return every_bit - (self.special is Specials.NAN_ALONE)

    def _nan(self) -> int:
        """The quiet NaN: the leading bit of the mantissa set, where there is a choice."""
        if self.special is Specials.NONE:
            raise InputError(f"{self.name} has no pattern for NaN; give a number")
        return (1 << (self.bits - 1)) - 1 if self._infinity is None else self._infinity | (1 << (self.mantissa_bits - 1))

    def _exponent(self, magnitude: float) -> int:
        """Of the interval in which a magnitude lies: floor(log2), but not below that of the smallest normal number."""
        return max(math.frexp(magnitude)[1] - 1, self.least_exponent) if magnitude else self.least_exponent

    def _magnitude(self, pattern: int) -> float:
        """SPEC eq. 42 for a pattern without its sign."""
        exponent, mantissa = pattern >> self.mantissa_bits, pattern & ((1 << self.mantissa_bits) - 1)
        significand = mantissa + ((1 << self.mantissa_bits) if exponent else 0)
        return math.ldexp(significand, max(exponent, 1) - self.bias - self.mantissa_bits)

    def _round(self, magnitude: Fraction) -> tuple[int, Outcome]:
        """The pattern nearest to a magnitude, halves to even, as if the exponent had no end (SPEC eq. 44).

        Patterns count upwards with the values that they stand for, so a significand that rounds up to 2 needs no care.
        """
        if magnitude == 0:
            return 0, Outcome.EXACT
        exponent = max(_floor_log2(magnitude), self.least_exponent)
        quantum = exponent - self.mantissa_bits  # its logarithm
        numerator, denominator = magnitude.numerator << max(-quantum, 0), magnitude.denominator << max(quantum, 0)
        steps, rest = divmod(numerator, denominator)
        steps += 2 * rest > denominator or (2 * rest == denominator and steps % 2 == 1)
        pattern = ((exponent - self.least_exponent) << self.mantissa_bits) + steps
        if rest == 0:
            return pattern, Outcome.EXACT
        return pattern, Outcome.ROUNDED if pattern else Outcome.UNDERFLOW

    def _overflow(self, saturate: bool) -> tuple[int, Outcome]:
        """What stands for a magnitude that rounds beyond the greatest."""
        if saturate or self.special is Specials.NONE:
            return self._greatest_pattern, Outcome.SATURATED
        if self._infinity is not None:
            return self._infinity, Outcome.OVERFLOW_TO_INFINITY
        return self._nan(), Outcome.OVERFLOW_TO_NAN


def _floor_log2(value: Fraction) -> int:
    """The exponent of the power of two at or below a value > 0."""
    guess = value.numerator.bit_length() - value.denominator.bit_length()
    return guess - (value.numerator << max(-guess, 0) < value.denominator << max(guess, 0))


FP32 = FloatingPoint("FP32", 8, 23, aliases=("float32", "binary32", "single"))  #: IEEE 754
FP16 = FloatingPoint("FP16", 5, 10, aliases=("float16", "binary16", "half"))  #: IEEE 754
BF16 = FloatingPoint("BF16", 8, 7, aliases=("bfloat16",))  #: the upper half of FP32
FP8_E4M3 = FloatingPoint("FP8-E4M3", 4, 3, Specials.NAN_ALONE, ("e4m3", "e4m3fn", "float8_e4m3fn"))  #: Micikevicius et al. 2022
FP8_E5M2 = FloatingPoint("FP8-E5M2", 5, 2, aliases=("e5m2", "float8_e5m2"))  #: Micikevicius et al. 2022: the upper half of FP16
FP4_E2M1 = FloatingPoint("FP4-E2M1", 2, 1, Specials.NONE, ("fp4", "e2m1", "float4_e2m1fn"))  #: OCP Microscaling Formats 1.0
