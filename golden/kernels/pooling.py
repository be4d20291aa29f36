"""Pools and means over windows and axes (SPEC eq. 22, 23, 29); results are not yet clamped."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from golden.bounds import INT8_MIN
from golden.graph import AveragePool2d, Int8, MaxPool2d, Mean, Window
from golden.kernels.windows import pad
from golden.rescale import Int64

T = TypeVar("T", bound=np.generic)


def max_pool(x: Int8, op: MaxPool2d) -> Int8:
    """SPEC eq. 22.  Padding holds the least int8 value, which no maximum over a window with a valid pixel can come from."""
    return _reduced(pad(x, op.window.padding, INT8_MIN), op.window, np.maximum)


def average_pool(x: Int8, op: AveragePool2d) -> npt.NDArray[np.integer]:
    """SPEC eq. 23: the mean of the valid pixels, rounded half away from zero."""
    # int32: more than 2^24 taps of 128 would be needed to overflow
    sums = _reduced(pad(x, op.window.padding, 0, dtype=np.int32), op.window, np.add)
    counts = _reduced(pad(np.ones((1, *x.shape[1:3], 1), np.int32), op.window.padding, 0), op.window, np.add)
    means: npt.NDArray[np.integer] = np.sign(sums) * ((np.abs(sums) + counts // 2) // counts)
    return means


def _reduced(padded: npt.NDArray[T], window: Window, function: np.ufunc) -> npt.NDArray[T]:
    """A maximum or a sum over each window: along the rows first, then along the columns, for every row of pixels only once."""
    for axis, (taps, stride, dilation) in enumerate(zip(window.kernel, window.stride, window.dilation, strict=True)):
        count = (padded.shape[axis + 1] - ((taps - 1) * dilation + 1)) // stride + 1
        views = [
            padded[(slice(None),) * (axis + 1) + (slice(tap * dilation, tap * dilation + (count - 1) * stride + 1, stride),)]
            for tap in range(taps)
        ]
        result = views[0].copy()
        for view in views[1:]:
            function(result, view, out=result)
        padded = result
    return padded


def mean(x: Int8, op: Mean, input_zero_point: int) -> Int64:
    """SPEC eq. 29 without the output's zero point: the centred sum, rescaled, int64[N, H or 1, W or 1, C]."""
    axes = tuple(axis + 1 for axis in op.axes)
    count = int(np.prod([x.shape[axis] for axis in axes]))
    return op.rescale.apply(x.sum(axis=axes, dtype=np.int64, keepdims=True) - count * input_zero_point)
