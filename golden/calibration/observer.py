"""Observers: each sees a tensor's values batch by batch and chooses a range, in bounded memory."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from golden.calibration.ranges import Range

Float32 = npt.NDArray[np.float32]


class Observer(Protocol):
    """What calibration needs of an observer; `golden.calibration.observers` makes the one that a scheme names."""

    def update(self, values: Float32) -> None:
        """Takes the next batch of a tensor's values, float32[N, *shape], finite."""

    def range(self) -> Range:
        """The range for all that was seen."""
