"""Weights whose scales are shared by a tensor, an output channel, or a group of one channel's weights (SPEC section 10)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from golden.formats import IntegerFormat, dequantize_array, quantize_array
from golden.schemes import Granularity, WeightScheme
from golden.weight_ranges import scales, weight_ranges, zero_points

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class GroupQuantizer:
    """The parameters of one layer's weights [Cout, K], which are divided into groups along K.

    format:     their integers.
    scale:      float64[Cout, groups].
    zero_point: int64[Cout, groups].
    group_size: weights in a group; the last group of a channel may be shorter.
    """

    format: IntegerFormat
    scale: Float64
    zero_point: Int64
    group_size: int

    def quantize(self, rows: Float64) -> Int64:
        """Weights [Cout, K] to the nearest integers, int64[Cout, K] (SPEC eq. 2)."""
        return quantize_array(rows, self.scales_of(rows.shape[1]), self._spread(self.zero_point, rows.shape[1]), self.format)

    def dequantize(self, integers: Int64) -> Float64:
        """SPEC eq. 1, float64[Cout, K]."""
        return dequantize_array(integers, self.scales_of(integers.shape[1]), self._spread(self.zero_point, integers.shape[1]))

    def scales_of(self, count: int) -> Float64:
        """The scale of each of a channel's `count` weights, float64[Cout, count]."""
        return np.repeat(self.scale, self.group_size, axis=1)[:, :count]

    def _spread(self, values: Int64, count: int) -> Int64:
        return np.repeat(values, self.group_size, axis=1)[:, :count]


def group_quantizer(rows: Float64, scheme: WeightScheme) -> GroupQuantizer:
    """The quantizer that a scheme gives weights [Cout, K], with no rescale to fit: a tensor or a channel is one group.

    A group of nothing but zeros takes the scale 1.
    """
    channels, count = rows.shape
    size = min(scheme.group_size, count) if scheme.granularity is Granularity.GROUP else count
    groups = -(-count // size)
    padded = np.zeros((channels, groups * size))  # zeros widen no range that contains 0
    padded[:, :count] = rows
    low, high = weight_ranges(padded.reshape(channels * groups, size), scheme)
    wanted = scales(low, high, scheme)
    scale = np.where(wanted > 0, np.maximum(wanted, 2.0**-126), 1.0)
    shape = channels, groups
    return GroupQuantizer(scheme.format(), scale.reshape(shape), zero_points(low, scale, scheme).reshape(shape), size)
