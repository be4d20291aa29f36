"""The range that holds a share of the values."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from golden.calibration.histogram import Histogram
from golden.calibration.ranges import Range


class PercentileObserver:
    """Leaves out the same share of the values at either end (SPEC eq. 68), exact to a bin of the histogram.

    percentile: of the values that the range holds, in percent.
    """

    def __init__(self, percentile: float) -> None:
        self.outside = (1 - percentile / 100) / 2
        self.histogram = Histogram()

    def update(self, values: npt.NDArray[np.float32]) -> None:
        """Counts the values of a batch."""
        self.histogram.update(values)

    def range(self) -> Range:
        """Each end is the outer edge of the bin in which the percentile lies: at most one bin too wide, never too narrow."""
        seen = self.histogram
        left_out = math.floor(self.outside * seen.count)
        return Range(-_end(seen, left_out, -1), _end(seen, left_out, 1))


def _end(seen: Histogram, left_out: int, sign: int) -> float:
    """The outer edge, times the sign, of the bin that holds the value which `left_out` values surpass at that end."""
    edges, counts = seen.edges(sign)
    furthest = seen.high if sign > 0 else -seen.low
    position = int(np.searchsorted(np.cumsum(counts), left_out, side="right"))
    return min(float(edges[position]), furthest)
