"""The min-max observer: the whole range that a tensor took."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from golden.calibration.ranges import Range


class MinMaxObserver:
    """Remembers two numbers."""

    def __init__(self) -> None:
        self.low, self.high = np.inf, -np.inf

    def update(self, values: npt.NDArray[np.float32]) -> None:
        """Widens the range to the values of a batch."""
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))

    def range(self) -> Range:
        """From the least to the greatest value seen."""
        return Range(self.low, self.high)
