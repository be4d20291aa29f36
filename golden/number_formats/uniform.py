"""Formats whose values lie at equal steps: the four views of an integer, and fixed point (SPEC eq. 38 to 41)."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from golden.errors import InputError
from golden.number_formats.number_format import Encoded, Field, Float64, Number, NumberFormat, Outcome, float_of, is_negative

#: Widths of integer and fixed-point formats.
LEAST_BITS, GREATEST_BITS = 2, 32


class UniformFormat(NumberFormat):
    """Whole multiples of one step, from `low` to `high`; what lies beyond saturates, NaN cannot be written."""

    @property
    @abstractmethod
    def low(self) -> int:
        """The least multiple."""

    @property
    @abstractmethod
    def high(self) -> int:
        """The greatest multiple."""

    @abstractmethod
    def to_pattern(self, steps: int, *, negative: bool) -> int:
        """The pattern of a multiple within the range; `negative` tells the two zeros apart where there are two."""

    @abstractmethod
    def to_steps(self, pattern: int) -> float:
        """The multiple that a pattern stands for; -0.0 for a negative zero."""

    @property
    def step(self) -> float:
        """The distance between neighbours, a power of two."""
        return 1.0

    @property
    def least(self) -> float:
        return self.low * self.step

    @property
    def greatest(self) -> float:
        return self.high * self.step

    @property
    def smallest_normal(self) -> float:
        return self.step

    @property
    def smallest_subnormal(self) -> None:
        return None

    @property
    def specials(self) -> str:
        return ""

    def ulp(self, value: float) -> float:
        return self.step

    def decode(self, pattern: int) -> float:
        self.check_pattern(pattern)
        return self.to_steps(pattern) * self.step

    def encode(self, value: Number, *, saturate: bool = False) -> Encoded:
        if value != value:
            raise InputError(f"{self.name} has no pattern for NaN; give a number")
        negative = is_negative(value)
        if np.isinf(float_of(value)):
            steps, outcome = self.low if negative else self.high, Outcome.SATURATED
        else:
            exact = Fraction(value) / Fraction(self.step)
            nearest = round(exact)
            steps = min(max(nearest, self.low), self.high)
            if steps != nearest:
                outcome = Outcome.SATURATED
            elif steps == exact:
                outcome = Outcome.EXACT
            else:
                outcome = Outcome.ROUNDED if steps else Outcome.UNDERFLOW
        pattern = self.to_pattern(steps, negative=negative)
        return Encoded(pattern, self.decode(pattern), outcome)

    def round_array(self, values: npt.ArrayLike, *, saturate: bool = False) -> Float64:
        reals = np.asarray(values, dtype=np.float64)
        if np.isnan(reals).any():
            raise InputError(f"{self.name} has no pattern for NaN, and there are NaN values")
        return np.asarray(np.clip(np.rint(reals / self.step), self.low, self.high) * self.step, dtype=np.float64)


def check_width(bits: int, what: str) -> None:
    """Raises InputError for a width that no format here has."""
    if not LEAST_BITS <= bits <= GREATEST_BITS:
        raise InputError(f"{what} must have from {LEAST_BITS} to {GREATEST_BITS} bits, not {bits!r}")


@dataclass(frozen=True)
class Unsigned(UniformFormat):
    """From 0 to 2^n - 1 (SPEC eq. 38)."""

    width: int

    def __post_init__(self) -> None:
        check_width(self.width, "an unsigned integer")

    @property
    def name(self) -> str:
        return f"unsigned{self.width}"

    @property
    def fields(self) -> tuple[Field, ...]:
        return (Field("magnitude", self.width),)

    @property
    def low(self) -> int:
        return 0

    @property
    def high(self) -> int:
        return (1 << self.width) - 1

    def to_pattern(self, steps: int, *, negative: bool) -> int:
        return steps

    def to_steps(self, pattern: int) -> float:
        return float(pattern)


@dataclass(frozen=True)
class TwoZeros(UniformFormat):
    """What sign-magnitude and one's complement share: a range that is the same on both sides, and 0 twice."""

    width: int

    @property
    def low(self) -> int:
        return -self.high

    @property
    def high(self) -> int:
        return (1 << (self.width - 1)) - 1

    @property
    def specials(self) -> str:
        return "two zeros"


@dataclass(frozen=True)
class SignMagnitude(TwoZeros):
    """A sign bit and the magnitude: from -(2^(n-1) - 1) to 2^(n-1) - 1, with two zeros (SPEC eq. 39)."""

    width: int

    def __post_init__(self) -> None:
        check_width(self.width, "a sign-magnitude integer")

    @property
    def name(self) -> str:
        return f"sign-magnitude{self.width}"

    @property
    def fields(self) -> tuple[Field, ...]:
        return (Field("sign", 1), Field("magnitude", self.width - 1))

    def to_pattern(self, steps: int, *, negative: bool) -> int:
        return (negative << (self.width - 1)) | abs(steps)

    def to_steps(self, pattern: int) -> float:
        magnitude = float(pattern & self.high)
        return -magnitude if pattern > self.high else magnitude


@dataclass(frozen=True)
class OnesComplement(TwoZeros):
    """A negative number is the complement of every bit of its magnitude; the range of sign-magnitude, two zeros (SPEC eq. 40)."""

    width: int

    def __post_init__(self) -> None:
        check_width(self.width, "a one's complement integer")

    @property
    def name(self) -> str:
        return f"ones-complement{self.width}"

    @property
    def fields(self) -> tuple[Field, ...]:
        return (Field("sign", 1), Field("rest", self.width - 1))

    def to_pattern(self, steps: int, *, negative: bool) -> int:
        every_bit = (1 << self.width) - 1
        return every_bit ^ abs(steps) if negative else steps

    def to_steps(self, pattern: int) -> float:
        every_bit = (1 << self.width) - 1
        return -float(every_bit ^ pattern) if pattern > self.high else float(pattern)


@dataclass(frozen=True)
class TwosComplement(UniformFormat):
    """From -2^(n-1) to 2^(n-1) - 1, one zero: what the hardware computes in (SPEC eq. 41)."""

    width: int

    def __post_init__(self) -> None:
        check_width(self.width, "a two's complement integer")

    @property
    def name(self) -> str:
        return f"twos-complement{self.width}"

    @property
    def fields(self) -> tuple[Field, ...]:
        return (Field("sign", 1), Field("rest", self.width - 1))

    @property
    def low(self) -> int:
        return -(1 << (self.width - 1))

    @property
    def high(self) -> int:
        return (1 << (self.width - 1)) - 1

    def to_pattern(self, steps: int, *, negative: bool) -> int:
        return steps % (1 << self.width)

    def to_steps(self, pattern: int) -> float:
        return float(pattern - (1 << self.width) if pattern > self.high else pattern)


@dataclass(frozen=True)
class FixedPoint(UniformFormat):
    """Qm.n: m bits before the binary point, the sign included, and n after it; the integer is divided by 2^n (SPEC eq. 41).

    Signed ones are two's complement.  UQm.n has no sign.  (Texas Instruments and gemmlowp do not count the sign bit in m:
    their Q3.4 is this Q4.4.)
    """

    integer_bits: int
    fraction_bits: int
    signed: bool = True

    def __post_init__(self) -> None:
        if self.integer_bits < int(self.signed) or self.fraction_bits < 0:
            sign = "1 bit or more before the point, for its sign" if self.signed else "no negative number of bits before the point"
            raise InputError(f"Qm.n needs {sign}, and 0 or more after it, not {self.integer_bits} and {self.fraction_bits}")
        check_width(self.integer_bits + self.fraction_bits, "a fixed-point format")

    @property
    def _integer(self) -> UniformFormat:
        width = self.integer_bits + self.fraction_bits
        return TwosComplement(width) if self.signed else Unsigned(width)

    @property
    def name(self) -> str:
        return f"{'Q' if self.signed else 'UQ'}{self.integer_bits}.{self.fraction_bits}"

    @property
    def fields(self) -> tuple[Field, ...]:
        parts = (Field("integer", self.integer_bits), Field("fraction", self.fraction_bits))
        return tuple(part for part in parts if part.bits)

    @property
    def low(self) -> int:
        return self._integer.low

    @property
    def high(self) -> int:
        return self._integer.high

    @property
    def step(self) -> float:
        return 2.0**-self.fraction_bits

    def to_pattern(self, steps: int, *, negative: bool) -> int:
        return self._integer.to_pattern(steps, negative=negative)

    def to_steps(self, pattern: int) -> float:
        return self._integer.to_steps(pattern)
