"""Pools and means over windows and axes (SPEC eq. 22, 23, 29); results are not yet clamped."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from golden.bounds import INT8_MIN
from golden.graph import AveragePool2d, Int8, MaxPool2d, Mean
from golden.kernels.windows import pad, taps
from golden.rescale import Int64


def max_pool(x: Int8, op: MaxPool2d) -> Int8:
    """SPEC eq. 22.  Padding holds the least int8 value, which no maximum over a window with a valid pixel can come from."""
    rows, cols = op.window.output_size(*x.shape[1:3])
    padded = pad(x, op.window.padding, INT8_MIN)
    best = np.full((x.shape[0], rows, cols, x.shape[3]), INT8_MIN, np.int8)
    for view in taps(padded, op.window, rows, cols):
        np.maximum(best, view, out=best)
    return best


def average_pool(x: Int8, op: AveragePool2d) -> npt.NDArray[np.integer]:
    """SPEC eq. 23: the mean of the valid pixels, rounded half away from zero."""
    rows, cols = op.window.output_size(*x.shape[1:3])
    sums = np.zeros((x.shape[0], rows, cols, x.shape[3]), np.int32)  # 2^24 taps of 128 would be needed to overflow
    for view in taps(pad(x, op.window.padding, 0), op.window, rows, cols):
        sums += view
    valid = pad(np.ones((1, *x.shape[1:3], 1), np.int8), op.window.padding, 0)
    counts = np.zeros((1, rows, cols, 1), np.int32)
    for view in taps(valid, op.window, rows, cols):
        counts += view
    means: npt.NDArray[np.integer] = np.sign(sums) * ((np.abs(sums) + counts // 2) // counts)
    return means


def mean(x: Int8, op: Mean, input_zero_point: int) -> Int64:
    """SPEC eq. 29 without the output's zero point: the centred sum, rescaled, int64[N, H or 1, W or 1, C]."""
    axes = tuple(axis + 1 for axis in op.axes)
    count = int(np.prod([x.shape[axis] for axis in axes]))
    return op.rescale.apply(x.sum(axis=axes, dtype=np.int64, keepdims=True) - count * input_zero_point)
