"""A histogram of a stream of values, in constant memory."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

#: Bins on each side of 0.
BINS = 8192


class Histogram:
    """Counts of values in bins of one width w, a power of two: bin i holds i * w <= value < (i + 1) * w, for -BINS <= i < BINS.

    w is the least power of two for which all values seen so far have a bin (SPEC eq. 66).  A larger value doubles it: two
    neighbours become one bin, exactly, for 0 stays between two bins.  So w and the counts depend on the values alone, never on
    how they were divided into batches; and w <= max abs(value) / 2^12, a sixteenth of the step of 8 bits over the whole range.
    Zeros are counted apart: they have no error in any range (SPEC eq. 4).

    low, high: the least and the greatest value seen.
    count:     of values seen, `zeros` among them.
    width:     w; 0 before a value other than 0 was seen.
    """

    def __init__(self) -> None:
        self.low, self.high = math.inf, -math.inf
        self.count, self.zeros = 0, 0
        self.width = 0.0
        self._counts = np.zeros(2 * BINS, np.int64)
        self._sums = np.zeros(2 * BINS, np.float64)

    def update(self, values: npt.NDArray[np.floating]) -> None:
        """Counts the values of a batch, finite, of any shape."""
        flat = np.asarray(values).reshape(-1)
        self.count += flat.size
        self.low, self.high = min(self.low, float(flat.min())), max(self.high, float(flat.max()))
        rest = flat[flat != 0]
        self.zeros += flat.size - rest.size
        if rest.size:
            self._grow(max(-self.low, self.high))
            bins = np.floor(rest.astype(np.float64) / self.width).astype(np.int64) + BINS
            self._counts += np.bincount(bins, minlength=2 * BINS)
            self._sums += np.bincount(bins, weights=rest, minlength=2 * BINS)

    def filled(self, merged: int = 1) -> tuple[Float64, Float64]:
        """The bins that hold values other than 0, from low to high: the mean of each one's values and their number, float64[B] both.

        merged: so many neighbours count as one bin, a power of two up to BINS.
        """
        counts, sums = (array.reshape(-1, merged).sum(axis=1) for array in (self._counts, self._sums))
        bins = np.flatnonzero(counts)
        return sums[bins] / counts[bins], counts[bins].astype(np.float64)

    def edges(self, sign: int) -> tuple[Float64, Int64]:
        """Filled bins from the end with that sign inwards, 0 as a bin of its own: the outer edge of each times the sign, and its count.

        float64[B] and int64[B].
        """
        bins = np.flatnonzero(self._counts)
        outer = (bins - BINS + (sign > 0)) * (sign * self.width)
        edges, counts = np.append(outer, 0.0), np.append(self._counts[bins], self.zeros)
        order = np.lexsort((np.append(np.ones(len(bins)), 0.0), -edges))
        return edges[order], counts[order]

    def _grow(self, largest: float) -> None:
        """Widens the bins until the largest magnitude has one."""
        wanted = math.ldexp(1.0, math.frexp(largest)[1]) / BINS  # the largest is below 2^e, the end of the last bin
        if self.width == 0:
            self.width = wanted
        while self.width < wanted:
            for array in (self._counts, self._sums):
                merged = array[0::2] + array[1::2]
                array[:] = 0
                array[BINS // 2 : BINS // 2 + BINS] = merged
            self.width *= 2
