"""Schemes: which integers stand for the values of a tensor, and how its range is chosen (SPEC section 10)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from golden.errors import InputError
from golden.formats import IntegerFormat, Quantizer, asymmetric, symmetric


class Granularity(enum.Enum):
    """What shares one scale of a weight tensor."""

    TENSOR = "tensor"
    CHANNEL = "channel"  #: every output channel has its own
    GROUP = "group"  #: `group_size` consecutive weights of an output channel share one; in the golden model only


class WeightRange(enum.Enum):
    """How the range of a group of weights is chosen."""

    ABSMAX = "absmax"  #: the whole range
    MSE = "mse"  #: the range with the least mean squared error


class Calibrator(enum.Enum):
    """How the range of an activation tensor is chosen from what it took over the calibration data."""

    MIN_MAX = "min-max"
    MOVING_AVERAGE = "moving-average"
    PERCENTILE = "percentile"
    MSE = "mse"
    CROSS_ENTROPY = "cross-entropy"
    KL = "kl"


@dataclass(frozen=True)
class WeightScheme:
    """How weights become integers.

    bits:        2 to 8; the accelerator computes with them as int8.
    symmetric:   zero point 0 (SPEC eq. 3); asymmetric weights have a zero point for each scale (eq. 4 to 6), which the accelerator
                 runs, slower.
    narrow:      symmetric ranges without the most negative integer.
    granularity: what shares a scale.
    group_size:  weights that share one scale where the granularity is "group".
    range:       how the range is chosen.
    """

    bits: int = 8
    symmetric: bool = True
    narrow: bool = True
    granularity: Granularity = Granularity.CHANNEL
    group_size: int = 32
    range: WeightRange = WeightRange.ABSMAX

    def __post_init__(self) -> None:
        problems = _bits_problems("weights", self.bits)
        if self.group_size < 1:
            problems.append(f"weights: group_size must be 1 or more, not {self.group_size}")
        if problems:
            raise InputError("a scheme is not possible", problems)

    def format(self) -> IntegerFormat:
        """The integers that weights take."""
        return IntegerFormat(self.bits, narrow=self.narrow and self.symmetric)


@dataclass(frozen=True)
class ActivationScheme:
    """How activations become integers; one scale and one zero point for a tensor.

    bits:        2 to 8; the accelerator computes with them as int8.
    symmetric:   zero point 0 (SPEC eq. 3), else eq. 4 to 6.
    signed:      two's complement, or integers from 0; both are stored as int8 (eq. 7).
    narrow:      without the most negative integer.
    power_of_two: the scale is a power of two, as in fixed point (Qm.n).
    calibration: how the range is chosen.
    percentile:  of the values that a range of the calibrator "percentile" holds, in percent; the rest is shared by the two ends.
    momentum:    of the calibrator "moving-average": the share of the old value at each image.
    """

    bits: int = 8
    symmetric: bool = False
    signed: bool = True
    narrow: bool = False
    power_of_two: bool = False
    calibration: Calibrator = Calibrator.MIN_MAX
    percentile: float = 99.99
    momentum: float = 0.9

    def __post_init__(self) -> None:
        problems = _bits_problems("activations", self.bits)
        if self.symmetric and not self.signed:
            problems.append("activations: a symmetric range needs signed integers")
        if self.narrow and not self.signed:
            problems.append("activations: unsigned integers have no narrow range")
        if not 50 < self.percentile <= 100:
            problems.append(f"activations: percentile must be above 50 and at most 100, not {self.percentile}")
        if not 0 <= self.momentum < 1:
            problems.append(f"activations: momentum must be at least 0 and below 1, not {self.momentum}")
        if problems:
            raise InputError("a scheme is not possible", problems)

    def format(self) -> IntegerFormat:
        """The integers that activations take."""
        return IntegerFormat(self.bits, signed=self.signed, narrow=self.narrow)

    def quantizer(self, low: float, high: float, *, least_scale: float = 0.0, power_of_two: bool = False) -> Quantizer:
        """The quantizer for a real range; its scale is at least `least_scale`, and rounded up to a power of two if that is wanted."""
        power_of_two = power_of_two or self.power_of_two
        if not self.symmetric:
            return asymmetric(low, high, self.format(), least_scale=least_scale, power_of_two=power_of_two)
        return symmetric(max(abs(low), abs(high)), self.format(), least_scale=least_scale, power_of_two=power_of_two)


def _bits_problems(what: str, bits: int) -> list[str]:
    return [] if 2 <= bits <= 8 else [f"{what}: bits must be from 2 to 8, not {bits!r}"]
