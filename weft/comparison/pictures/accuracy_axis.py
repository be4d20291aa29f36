"""An axis of accuracies on which errors, not hits, have equal distances: 99% is as far from 99.9% as 90% from 99%."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

Float64 = npt.NDArray[np.float64]

#: The share of errors that the axis still resolves: no errors at all are drawn as this many.
FINEST = 2e-3
#: Where there may be ticks.
_TICKS = (0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 1)
#: The least distance of ticks, as a share of the axis.
_APART = 0.055


def forward(accuracy: npt.ArrayLike) -> Float64:
    """Where an accuracy from 0 to 1 lies: minus the logarithm of the errors."""
    return np.asarray(-np.log10(np.maximum(1 + FINEST - np.asarray(accuracy, dtype=np.float64), 1e-12)))


def backward(place: npt.ArrayLike) -> Float64:
    """The accuracy at a place."""
    return np.asarray(1 + FINEST - 10 ** -np.asarray(place, dtype=np.float64))


def limits(accuracies: Sequence[float]) -> tuple[float, float]:
    """The ends of an axis that shows these, in places."""
    least, most = (float(forward(end)) for end in (min(accuracies), max(accuracies)))
    margin = max(0.05 * (most - least), 0.02)
    return least - margin, most + margin


def accuracy_axis(axis: Axes, low: float, high: float, label: str) -> None:
    """Makes the vertical axis of a panel one of accuracies, between two places."""
    axis.set_yscale("function", functions=(forward, backward))
    axis.set_ylim(float(backward(low)), float(backward(high)))
    chosen = ticks(low, high)
    axis.set_yticks(chosen, [f"{tick:.3g}%" for tick in (100 * one for one in chosen)])
    axis.set_yticks([], minor=True)
    axis.set_ylabel(label)


def ticks(low: float, high: float) -> list[float]:
    """Round accuracies between two places, not too near to each other, the highest first."""
    chosen: list[float] = []
    for tick in reversed(_TICKS):
        place = float(forward(tick))
        if low <= place <= high and (not chosen or float(forward(chosen[-1])) - place >= _APART * (high - low)):
            chosen.append(tick)
    return chosen
