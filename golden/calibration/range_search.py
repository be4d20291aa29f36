"""The range with the least error, among ranges of one scheme: a grid over both ends, then finer ones around the best."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from golden.calibration.ranges import Range
from golden.formats import power_of_two_up
from golden.schemes import ActivationScheme

Float64 = npt.NDArray[np.float64]

#: The error of ranges, given as the scale and the zero point of each candidate, float64[C] both: float64[C], smaller is better.
Error = Callable[[Float64, Float64], Float64]

#: Shares of each end that the first grid tries, the whole end among them; a finer grid tries as many around the best.
SHARES, FINER_SHARES, REFINEMENTS = 24, 7, 3
#: Powers of two below that of the whole range.
OCTAVES = 6


def least_error(low: float, high: float, scheme: ActivationScheme, error: Error) -> Range:
    """The range within [low, high], widened to contain 0, that has the least error; of equals the widest tried first.

    The whole range competes, so none is worse than min-max.  Where the scheme wants a power of two, only ranges with such a scale do.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if scheme.symmetric:
        high = max(-low, high)
        low = -high
    if low == high:
        return Range(low, high)
    if scheme.power_of_two:
        return _power_of_two(low, high, scheme, error)
    one_end = scheme.symmetric or low == 0 or high == 0
    step = 1 / SHARES
    shares = np.linspace(1.0, step, SHARES)
    low_shares, high_shares = (shares, shares) if one_end else _pairs(shares, shares)
    best, best_error = (1.0, 1.0), math.inf
    for refinement in range(1 + REFINEMENTS):
        if refinement:
            offsets = np.linspace(-step, step, FINER_SHARES)
            ends = [np.clip(share + offsets, step / 2, 1.0) for share in best]
            low_shares, high_shares = (ends[0], ends[0]) if one_end else _pairs(*ends)
            step = float(offsets[1] - offsets[0])
        errors = error(*_parameters(low_shares * low, high_shares * high, scheme))
        first = int(errors.argmin())
        if errors[first] < best_error:
            best, best_error = (float(low_shares[first]), float(high_shares[first])), float(errors[first])
    return Range(best[0] * low, best[1] * high)


def _parameters(low: Float64, high: Float64, scheme: ActivationScheme) -> tuple[Float64, Float64]:
    """The scale and the zero point of each range (SPEC eq. 3, or 5 and 6)."""
    format = scheme.format()
    if scheme.symmetric:
        return high / (2 ** (format.bits - 1) - 1), np.zeros(high.shape)
    scale = (high - low) / (format.high - format.low)
    return scale, np.rint(format.low - low / scale)


def _power_of_two(low: float, high: float, scheme: ActivationScheme, error: Error) -> Range:
    """The same among all zero points at powers of two."""
    format = scheme.format()
    steps = 2 ** (format.bits - 1) - 1 if scheme.symmetric else format.high - format.low
    whole = power_of_two_up((high if scheme.symmetric else high - low) / steps)
    if scheme.symmetric:
        points = np.zeros(1)
    else:  # a range that ends in 0 stays so: nothing is gained on its other side
        points = np.arange(format.low if high > 0 else format.high, (format.high if low < 0 else format.low) + 1.0)
    scales, points = _pairs(whole * np.exp2(-np.arange(OCTAVES + 1.0)), points)
    first = int(error(scales, points).argmin())
    scale, point = float(scales[first]), float(points[first])
    if scheme.symmetric:
        return Range(-scale * steps, scale * steps)
    return Range(scale * (format.low - point), scale * (format.high - point))


def _pairs(first: Float64, second: Float64) -> tuple[Float64, Float64]:
    """Every value of one with every value of the other."""
    return np.repeat(first, len(second)), np.tile(second, len(first))
