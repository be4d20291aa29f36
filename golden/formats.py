"""Number formats: the front of `golden.number_formats` (SPEC section 11), and affine quantization to integers (section 2).

The formats that say what patterns of bits stand for are imported from here; what follows chooses affine parameters, quantizes and
dequantizes.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from golden.affine import Affine
from golden.errors import InputError
from golden.number_formats.catalogue import all_formats as all_formats
from golden.number_formats.catalogue import formats_of_width as formats_of_width
from golden.number_formats.catalogue import parse_format as parse_format
from golden.number_formats.floating_point import BF16 as BF16
from golden.number_formats.floating_point import FP4_E2M1 as FP4_E2M1
from golden.number_formats.floating_point import FP8_E4M3 as FP8_E4M3
from golden.number_formats.floating_point import FP8_E5M2 as FP8_E5M2
from golden.number_formats.floating_point import FP16 as FP16
from golden.number_formats.floating_point import FP32 as FP32
from golden.number_formats.floating_point import FloatingPoint as FloatingPoint
from golden.number_formats.number_format import NumberFormat as NumberFormat
from golden.number_formats.uniform import FixedPoint as FixedPoint
from golden.number_formats.uniform import OnesComplement as OnesComplement
from golden.number_formats.uniform import SignMagnitude as SignMagnitude
from golden.number_formats.uniform import TwosComplement as TwosComplement
from golden.number_formats.uniform import Unsigned as Unsigned
from golden.rescale import Int64

Float64 = npt.NDArray[np.float64]


class Rounding(enum.Enum):
    """How a quantizer rounds halves (SPEC section 3)."""

    HALF_EVEN = "half-even"  #: PyTorch, ONNX, numpy; the default everywhere in Weft
    HALF_AWAY = "half-away"  #: TensorFlow Lite's quantization of real inputs


@dataclass(frozen=True)
class IntegerFormat:
    """A range of integers.

    bits:   width, 2 to 32.
    signed: two's complement, or unsigned from 0.
    narrow: without the most negative value, so that the range is symmetric; signed formats alone.
    """

    bits: int
    signed: bool = True
    narrow: bool = False

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= 32:
            raise InputError(f"bits must be an integer from 2 to 32, not {self.bits!r}")
        if self.narrow and not self.signed:
            raise InputError("an unsigned format has no narrow range")

    @property
    def low(self) -> int:
        """The least integer."""
        return -(1 << (self.bits - 1)) + int(self.narrow) if self.signed else 0

    @property
    def high(self) -> int:
        """The greatest integer."""
        return (1 << (self.bits - int(self.signed))) - 1


INT8 = IntegerFormat(8)  #: activations
INT8_NARROW = IntegerFormat(8, narrow=True)  #: weights
UINT8 = IntegerFormat(8, signed=False)
INT32 = IntegerFormat(32)  #: biases


@dataclass(frozen=True)
class Quantizer:
    """Affine parameters over an integer format: r = scale * (q - zero_point) (SPEC eq. 1)."""

    format: IntegerFormat
    scale: float
    zero_point: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise InputError(f"scale must be finite and greater than 0, not {self.scale!r}")
        if not self.format.low <= self.zero_point <= self.format.high:
            raise InputError(f"zero point must be from {self.format.low} to {self.format.high}, not {self.zero_point!r}")

    def quantize(self, real: npt.ArrayLike, rounding: Rounding = Rounding.HALF_EVEN) -> Int64:
        """SPEC eq. 2 for real values of any shape, computed in float64: int64 of that shape.  Raises InputError for NaN or infinity."""
        return quantize_array(real, self.scale, self.zero_point, self.format, rounding)

    def dequantize(self, integers: npt.ArrayLike) -> Float64:
        """SPEC eq. 1: the real values that integers stand for, float64."""
        return dequantize_array(integers, self.scale, self.zero_point)

    def affine(self) -> Affine:
        """The same as parameters of an int8 tensor; an unsigned format of b bits moves by 2^(b-1) (SPEC eq. 7)."""
        if self.format.bits > 8:
            raise InputError(f"an int8 tensor needs a format of 8 bits or less, not {self.format}")
        return Affine(self.scale, self.zero_point - self.offset)

    @property
    def offset(self) -> int:
        """What an unsigned format moves by where it is stored as a signed one (SPEC eq. 7)."""
        return 0 if self.format.signed else 1 << (self.format.bits - 1)


def symmetric(bound: float, format: IntegerFormat = INT8_NARROW, *, least_scale: float = 0.0, power_of_two: bool = False) -> Quantizer:
    """The quantizer for [-bound, bound] with zero point 0 (SPEC eq. 3).  `format` is signed; bound >= 0.

    least_scale, power_of_two, and a bound of 0: as for `asymmetric`.
    """
    if not (math.isfinite(bound) and bound >= 0 and format.signed):
        raise InputError(f"a symmetric quantizer needs a signed format and a finite bound of 0 or more, not {format} and {bound!r}")
    return Quantizer(format, _scale(bound / (2 ** (format.bits - 1) - 1), least_scale, power_of_two), 0)


def asymmetric(
    r_min: float, r_max: float, format: IntegerFormat = INT8, *, least_scale: float = 0.0, power_of_two: bool = False
) -> Quantizer:
    """The quantizer for [r_min, r_max], widened to include 0 (SPEC eq. 4 to 6).

    least_scale:  the scale is at least this (the range is widened upwards for it).
    power_of_two: the scale is rounded up to a power of two.
    A range of nothing but 0 takes the scale 1, or `least_scale`.
    """
    if not (math.isfinite(r_min) and math.isfinite(r_max) and r_min <= r_max):
        raise InputError(f"a range needs finite ends in order, not {r_min!r} to {r_max!r}")
    low, high = min(r_min, 0.0), max(r_max, 0.0)
    scale = _scale((high - low) / (format.high - format.low), least_scale, power_of_two)
    zero_point = int(np.rint(format.low - low / scale))
    return Quantizer(format, scale, zero_point)


def _scale(wanted: float, least: float, power_of_two: bool) -> float:
    """The scale that a quantizer takes for the one that its range asks for."""
    scale = max(wanted, least, 2.0**-126) if wanted > 0 else (least or 1.0)
    return power_of_two_up(scale) if power_of_two else scale


def power_of_two_up(value: float) -> float:
    """The least power of two that is not below a value > 0."""
    fraction, exponent = math.frexp(value)
    return math.ldexp(1.0, exponent - (fraction == 0.5))


def quantize_array(
    real: npt.ArrayLike,
    scale: npt.ArrayLike,
    zero_point: npt.ArrayLike,
    format: IntegerFormat,
    rounding: Rounding = Rounding.HALF_EVEN,
) -> Int64:
    """q = clamp(round(r / S) + Z, low, high): round, then add Z, then clamp (SPEC eq. 2).

    real, scale, zero_point broadcast against each other; computed in float64.  Returns int64.
    Raises InputError for NaN or infinity.
    """
    reals = np.asarray(real, dtype=np.float64)
    if not np.isfinite(reals).all():
        raise InputError("real values to quantize must be finite, but there are NaN or infinite ones")
    steps = reals / np.asarray(scale, dtype=np.float64)
    rounded = np.rint(steps) if rounding is Rounding.HALF_EVEN else half_away(steps)
    clamped = np.clip(rounded + np.asarray(zero_point, dtype=np.float64), format.low, format.high)
    return clamped.astype(np.int64)


def dequantize_array(integers: npt.ArrayLike, scale: npt.ArrayLike, zero_point: npt.ArrayLike) -> Float64:
    """r = S * (q - Z) (SPEC eq. 1), float64; arguments broadcast."""
    centred = np.asarray(integers, dtype=np.int64) - np.asarray(zero_point, dtype=np.int64)
    return np.asarray(np.asarray(scale, dtype=np.float64) * centred, dtype=np.float64)


def half_away(values: npt.ArrayLike) -> Float64:
    """Rounds to the nearest integer, halves away from zero, exactly (adding 0.5 first would round 0.49999999999999994 up)."""
    reals = np.asarray(values, dtype=np.float64)
    magnitude = np.abs(reals)
    whole = np.floor(magnitude)
    return np.asarray(np.copysign(whole + (magnitude - whole >= 0.5), reals), dtype=np.float64)


def clamp_steps(low: float, high: float, affine: Affine) -> tuple[int, int]:
    """A clamp to real [low, high] as int8 (SPEC eq. 17): zero point + round(end / S), halves away from zero, computed in float32."""

    def end(real: float, unbounded: int) -> int:
        if math.isinf(real):
            return unbounded
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # beyond float32 the clamp is at the end of int8
            steps = float(half_away(np.float32(real) / np.float32(affine.scale)))
        return int(min(max(affine.zero_point + steps, -128), 127)) if steps == steps else affine.zero_point

    return end(low, -128), end(high, 127)
