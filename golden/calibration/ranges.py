"""The range that a tensor is quantized over."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """The least and the greatest real value that the integers are to reach."""

    low: float
    high: float
