"""Windows over maps: padding, and the pixels that each tap sees (SPEC section 5)."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from golden.graph import Padding, Window

T = TypeVar("T", bound=np.generic)


def pad(
    x: npt.NDArray[Any], padding: Padding, value: int, channels: tuple[int, int] = (0, 0), dtype: npt.DTypeLike | None = None
) -> npt.NDArray[Any]:
    """Maps [N, H, W, C] with `value` around them, contiguous, of the given type or their own."""
    if padding == Padding() and channels == (0, 0):
        return np.ascontiguousarray(x, dtype or x.dtype)
    count, height, width, depth = x.shape
    shape = (count, height + padding.top + padding.bottom, width + padding.left + padding.right, depth + sum(channels))
    padded = np.full(shape, value, dtype or x.dtype)
    padded[:, padding.top : padding.top + height, padding.left : padding.left + width, channels[0] : channels[0] + depth] = x
    return padded


def taps(padded: npt.NDArray[T], window: Window, rows: int, cols: int) -> list[npt.NDArray[T]]:
    """For each kernel tap, in (y, x) order, the pixels it sees: views [N, rows, cols, C] of a padded map."""
    (sy, sx), (dy, dx) = window.stride, window.dilation
    return [
        padded[:, y * dy : y * dy + (rows - 1) * sy + 1 : sy, x * dx : x * dx + (cols - 1) * sx + 1 : sx]
        for y in range(window.kernel[0])
        for x in range(window.kernel[1])
    ]
