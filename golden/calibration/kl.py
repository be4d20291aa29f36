"""The range whose integers keep the most of the values' distribution."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from golden.calibration.histogram import Histogram
from golden.calibration.range_search import least_error
from golden.calibration.ranges import Range
from golden.formats import IntegerFormat
from golden.schemes import ActivationScheme

Float64 = npt.NDArray[np.float64]

#: Neighbouring bins of the histogram that count as one: 2,048 on each side of 0, as in Migacz 2017.
MERGED = 4


class KlObserver:
    """Kullback-Leibler divergence of the quantized histogram from the real one (SPEC eq. 70).

    After S. Migacz, "8-bit inference with TensorRT", 2017: there for the magnitude in 8 bits, here for both ends and any bits.
    Zeros take no part, for they are exact in every range and would outweigh all else after a ReLU.
    """

    def __init__(self, scheme: ActivationScheme) -> None:
        self.scheme = scheme
        self.histogram = Histogram()

    def update(self, values: npt.NDArray[np.float32]) -> None:
        """Counts the values of a batch."""
        self.histogram.update(values)

    def range(self) -> Range:
        """The best range that the search finds."""
        means, counts, format = *self.histogram.filled(MERGED), self.scheme.format()
        width = MERGED * self.histogram.width  # with more integers than bins, nothing would be lost but what is outside

        def error(scale: Float64, zero_point: Float64) -> Float64:
            pairs = zip(scale, zero_point, strict=True)
            return np.array([divergence(means, counts, float(s), float(z), format) if s >= width else math.inf for s, z in pairs])

        return least_error(self.histogram.low, self.histogram.high, self.scheme, error)


def divergence(values: Float64, counts: Float64, scale: float, zero_point: float, format: IntegerFormat) -> float:
    """The divergence for one range, in nats; infinite for a range without values.

    values, counts: float64[B], bins from low to high, none empty.
    P is the histogram within the range, what is outside counted in the first and the last bin of it.  Q has the same bins, but of
    those that share an integer each holds the mean of what is within the range: all that dequantization can tell.
    """
    levels = np.rint(values / scale) + zero_point
    inside = (levels >= format.low) & (levels <= format.high)
    if not inside.any():
        return math.inf
    within, steps = counts[inside].astype(np.float64), levels[inside].astype(np.int64) - format.low
    p = within.copy()
    first = int(inside.argmax())
    p[0] += counts[:first].sum()
    p[-1] += counts[first + len(p) :].sum()
    q = (np.bincount(steps, within) / np.maximum(np.bincount(steps), 1))[steps]
    p, q = p / p.sum(), q / q.sum()
    return float((p * np.log(p / q)).sum())
