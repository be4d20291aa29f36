"""The range with the least mean squared error."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from golden.calibration.histogram import Histogram
from golden.calibration.range_search import least_error
from golden.calibration.ranges import Range
from golden.schemes import ActivationScheme

Float64 = npt.NDArray[np.float64]


class MseObserver:
    """Weighs the squared error of every value against that of its neighbours (SPEC eq. 69), on a histogram."""

    def __init__(self, scheme: ActivationScheme) -> None:
        self.scheme = scheme
        self.histogram = Histogram()

    def update(self, values: npt.NDArray[np.float32]) -> None:
        """Counts the values of a batch."""
        self.histogram.update(values)

    def range(self) -> Range:
        """The best range that the search finds."""
        means, counts = self.histogram.filled()
        format = self.scheme.format()
        levels = np.arange(format.low, format.high + 1.0)
        # Each level takes a run of bins: with n and s the number and the sum of its values, its squared error is n r^2 - 2 r s plus
        # the sum of squares, which is the same for all candidates.
        number, total = (np.concatenate([[0.0], np.cumsum(array)]) for array in (counts, counts * means))

        def error(scale: Float64, zero_point: Float64) -> Float64:
            real = scale[:, None] * (levels - zero_point[:, None])
            ends = np.searchsorted(means, (real[:, 1:] + real[:, :-1]) / 2)
            edges = np.pad(ends, ((0, 0), (1, 1)), constant_values=(0, len(means)))
            n, s = (np.diff(array[edges], axis=1) for array in (number, total))
            return np.asarray((real * (n * real - 2 * s)).sum(axis=1))

        return least_error(self.histogram.low, self.histogram.high, self.scheme, error)
