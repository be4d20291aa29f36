"""The range as a moving average of every image's own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from golden.calibration.ranges import Range


class MovingAverageObserver:
    """Moves each end towards that of the next image (SPEC eq. 67), after Jacob et al. 2018.

    An image is one step, whatever the batch: how the images are divided changes nothing.  Their order does.
    momentum: the share of the old value at each step.
    """

    def __init__(self, momentum: float) -> None:
        self.momentum = momentum
        self.low, self.high = 0.0, 0.0
        self.started = False

    def update(self, values: npt.NDArray[np.float32]) -> None:
        """Takes a batch, image by image."""
        images = values.reshape(len(values), -1)
        for low, high in zip(images.min(axis=1).tolist(), images.max(axis=1).tolist(), strict=True):
            share = self.momentum if self.started else 0.0
            self.low, self.high = share * self.low + (1 - share) * low, share * self.high + (1 - share) * high
            self.started = True

    def range(self) -> Range:
        """The averages."""
        return Range(self.low, self.high)
