"""Strips under the axis of a histogram, one for each method."""

from __future__ import annotations

from collections.abc import Iterable

from matplotlib.axes import Axes

_HEIGHT, _GAP, _FIRST = 0.09, 0.05, 0.06
#: How far beyond the histogram, as a share of its width, strips are shown.
_BEYOND = 0.6


def strip(top: float, place: int) -> tuple[float, float]:
    """The lower and the upper end of strip `place`, counted from 0, under a histogram that is `top` high."""
    upper = -top * (_FIRST + place * (_HEIGHT + _GAP))
    return upper - top * _HEIGHT, upper


def room_below(axis: Axes, top: float, strips: int) -> None:
    """Makes room for strips under a histogram, and moves the axis between both."""
    axis.set_ylim(strip(top, strips - 1)[0] - 0.03 * top if strips else 0.0, top * 1.05)
    axis.axhline(0, color="#555555", linewidth=0.8)


def window(low: float, high: float, ends: Iterable[float]) -> tuple[float, float]:
    """What a panel shows of a histogram from `low` to `high` and of strips that reach to `ends`: all of both, but strips that are far
    wider than the histogram only so far that it can still be read.
    """
    span = (high - low) or 1.0
    least, most = min((low, *ends)), max((high, *ends))
    return max(least, low - _BEYOND * span) - 0.02 * span, min(most, high + _BEYOND * span) + 0.02 * span
