"""Convolution weights from ONNX's order [O, I / groups, kh, kw] to the graph's."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T", bound=np.generic)


def depthwise(weight: npt.NDArray[T]) -> npt.NDArray[T]:
    """[O, 1, kh, kw] as [kh, kw, O]."""
    return weight[:, 0].transpose(1, 2, 0)


def dense(weight: npt.NDArray[T], groups: int, zeros: npt.NDArray[T]) -> npt.NDArray[T]:
    """[O, I / groups, kh, kw] as [O, kh, kw, I]; outside its group a channel has real zero, `zeros`[O], which changes no sum."""
    ordered = weight.transpose(0, 2, 3, 1)
    if groups == 1:
        return ordered
    outputs, rows, columns, depth = ordered.shape
    result = np.empty((outputs, rows, columns, groups, depth), weight.dtype)
    result[:] = zeros.reshape(-1, 1, 1, 1, 1)
    size = outputs // groups
    for group in range(groups):
        members = slice(group * size, (group + 1) * size)
        result[members, :, :, group] = ordered[members]
    return result.reshape(outputs, rows, columns, groups * depth)
