"""Convolution weights from the order of a framework to the graph's; groups of channels.

Groups that are neither all channels nor a channel each become dense weights with real zeros outside the blocks, which changes
no sum.  The graph has no operator that reads a part of the channels, so one convolution per group, joined afterwards, could only
be written with the same zeros, at the same cost for each group.  On the accelerator such a layer takes as long as a dense one: on
16 x 8, 64 channels in 4 groups, 3 x 3, over 16 x 16 pixels, 74,308 cycles.  Four convolutions that read their own 16 channels would
take 20,677 with the concatenation: what a compiler gains that leaves out tiles of nothing but zeros, of the same weights.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T", bound=np.generic)


def depthwise(weight: npt.NDArray[T]) -> npt.NDArray[T]:
    """[O, 1, kh, kw] as [kh, kw, O]."""
    return weight[:, 0].transpose(1, 2, 0)


def dense(weight: npt.NDArray[T], groups: int, zeros: npt.NDArray[T]) -> npt.NDArray[T]:
    """[O, I / groups, kh, kw] as [O, kh, kw, I], outside the blocks the real zero of each output channel, `zeros`[O]."""
    return block_diagonal(weight.transpose(0, 2, 3, 1), groups, zeros)


def block_diagonal(weight: npt.NDArray[T], groups: int, zeros: npt.NDArray[T]) -> npt.NDArray[T]:
    """[O, kh, kw, I / groups] as [O, kh, kw, I], outside the blocks the real zero of each output channel, `zeros`[O]."""
    if groups == 1:
        return weight
    outputs, rows, columns, depth = weight.shape
    result = np.empty((outputs, rows, columns, groups, depth), weight.dtype)
    result[:] = zeros.reshape(-1, 1, 1, 1, 1)
    size = outputs // groups
    for group in range(groups):
        members = slice(group * size, (group + 1) * size)
        result[members, :, :, group] = weight[members]
    return result.reshape(outputs, rows, columns, groups * depth)
