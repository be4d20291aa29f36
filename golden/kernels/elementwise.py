"""Operators whose inputs have 256 values each: what they do to one value is computed once, for all of them (SPEC eq. 21, 28)."""

from __future__ import annotations

import numpy as np

from golden.graph import Add, Int8, Requantize
from golden.rescale import Int64, Rescale

#: Every int8 value, in the order of its unsigned bits: 0 to 127, then -128 to -1.
_VALUES = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int64)


def add(a: Int8, b: Int8, op: Add, zero_points: tuple[int, int]) -> Int64:
    """SPEC eq. 21 without the output's zero point."""
    left = _of_every_value(op.rescale_a, zero_points[0], op.left_shift, a)
    left += _of_every_value(op.rescale_b, zero_points[1], op.left_shift, b)
    return op.rescale_out.apply(left)


def requantize(x: Int8, op: Requantize, zero_point: int) -> Int64:
    """SPEC eq. 28 without the output's zero point."""
    return _of_every_value(op.rescale, zero_point, 0, x)


def _of_every_value(rescale: Rescale, zero_point: int, left_shift: int, x: Int8) -> Int64:
    """rescale((x - zero_point) << left_shift) for an array of any shape."""
    table = rescale.apply((_VALUES - zero_point) << left_shift)
    return np.take(table, x.view(np.uint8))
