"""What every number format can say of itself: its range, its precision, and what a pattern of bits stands for (SPEC section 11)."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from golden.errors import InputError

Float64 = npt.NDArray[np.float64]

#: A value to encode: exact as a fraction or an integer; a float also carries the sign of zero, infinity and NaN.
Number = int | float | Fraction


class Outcome(enum.Enum):
    """What became of a value when it was encoded."""

    EXACT = "exact"
    ROUNDED = "rounded"
    UNDERFLOW = "underflow"  #: rounded to 0
    SATURATED = "saturated"  #: the format's end nearest to the value
    OVERFLOW_TO_INFINITY = "overflow: inf"
    OVERFLOW_TO_NAN = "overflow: NaN"


@dataclass(frozen=True)
class Field:
    """A group of bits with a meaning of its own: sign, exponent, mantissa, magnitude, integer, fraction."""

    name: str
    bits: int


@dataclass(frozen=True)
class Encoded:
    """A value in a format: the pattern as an unsigned integer, what it stands for, and what was lost on the way."""

    pattern: int
    value: float
    outcome: Outcome

    def error(self, exact: Number) -> float:
        """Encoded minus exact value; infinity after an overflow to infinity, NaN where either is NaN."""
        if not np.isfinite(self.value) or not np.isfinite(float_of(exact)):
            return 0.0 if self.value == float_of(exact) else self.value - float_of(exact)
        return float(Fraction(self.value) - Fraction(exact))


class NumberFormat(ABC):
    """A way to write numbers in a fixed number of bits, at most 32, so that float64 holds every value exactly."""

    @property
    @abstractmethod
    def name(self) -> str:
        """How the command line and tables call it."""

    @property
    @abstractmethod
    def fields(self) -> tuple[Field, ...]:
        """The groups of bits, the most significant first."""

    @property
    @abstractmethod
    def least(self) -> float:
        """The least finite value."""

    @property
    @abstractmethod
    def greatest(self) -> float:
        """The greatest finite value."""

    @property
    @abstractmethod
    def smallest_normal(self) -> float:
        """The smallest value > 0 that has the format's full precision; the step itself in formats of equal steps."""

    @property
    @abstractmethod
    def smallest_subnormal(self) -> float | None:
        """The smallest value > 0 below the normal ones; None where the format has no such values."""

    @property
    @abstractmethod
    def specials(self) -> str:
        """What the format has besides finite numbers, in words: two zeros, infinities, NaN; empty for nothing."""

    @abstractmethod
    def ulp(self, value: float) -> float:
        """Precision near a value: the distance between the format's neighbours there, one unit in the last place (SPEC eq. 43)."""

    @abstractmethod
    def decode(self, pattern: int) -> float:
        """What a pattern stands for.  Raises InputError for one that is negative or wider than the format."""

    @abstractmethod
    def encode(self, value: Number, *, saturate: bool = False) -> Encoded:
        """The nearest value of the format, halves to the even pattern.

        saturate: beyond the range, and for infinity, take the nearest finite value even where the format has infinities or NaN.
        Raises InputError for NaN where the format has none.
        """

    @abstractmethod
    def round_array(self, values: npt.ArrayLike, *, saturate: bool = False) -> Float64:
        """The values of `encode`, for an array of any shape: float64 of that shape."""

    @property
    def bits(self) -> int:
        """Width."""
        return sum(field.bits for field in self.fields)

    def split(self, pattern: int) -> dict[str, int]:
        """The fields of a pattern by name, as unsigned integers."""
        self.check_pattern(pattern)
        parts, left = {}, self.bits
        for field in self.fields:
            left -= field.bits
            parts[field.name] = (pattern >> left) & ((1 << field.bits) - 1)
        return parts

    def written(self, pattern: int) -> str:
        """A pattern in binary, its fields parted by bars: 0|0111|000."""
        parts = self.split(pattern)
        return "|".join(f"{parts[field.name]:0{field.bits}b}" for field in self.fields)

    def check_pattern(self, pattern: int) -> None:
        """Raises InputError for a pattern that does not fit the width."""
        if not 0 <= pattern < 1 << self.bits:
            raise InputError(f"{self.name} has patterns from 0 to {(1 << self.bits) - 1}, not {pattern!r}")


def float_of(value: Number) -> float:
    """The nearest float64; beyond its range an infinity."""
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf


def is_negative(value: Number) -> bool:
    """The sign of a number, that of a float zero included."""
    return bool(np.signbit(value)) if isinstance(value, float) else value < 0
