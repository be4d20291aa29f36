"""The real range that the weights of one scale are quantized over (SPEC section 10)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from golden.formats import dequantize_array, quantize_array
from golden.schemes import Granularity, WeightRange, WeightScheme

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

#: Shares of the whole range that the first grid of the search tries, and how many shares a refinement tries around the best.
_SHARES = np.linspace(0.05, 1.0, 39)
_REFINEMENT = 11
_REFINEMENTS = 2


def weight_ranges(rows: Float64, scheme: WeightScheme) -> tuple[Float64, Float64]:
    """Low and high end of each row's range, float64[n] each, for weights [n, K]; both contain 0.

    Rows that share a scale (granularity "tensor") share a range too.  Groups are rows of their own: the caller divides.
    """
    shared = scheme.granularity is Granularity.TENSOR
    parts = rows.reshape(1, -1) if shared else rows
    low, high = _whole(parts, scheme.symmetric)
    if scheme.range is WeightRange.MSE:
        tensor_low, tensor_high = least_squares(rows.reshape(1, -1), *_whole(rows.reshape(1, -1), scheme.symmetric), scheme)
        low, high = least_squares(parts, low, high, scheme)
        if not shared:  # with the tensor's own range among its candidates no channel does worse than with it
            whole = np.broadcast_to(tensor_low, low.shape), np.broadcast_to(tensor_high, high.shape)
            low, high = better(parts, (low, high), whole, scheme)
    return (np.repeat(low, len(rows)), np.repeat(high, len(rows))) if shared else (low, high)


def scales(low: Float64, high: Float64, scheme: WeightScheme) -> Float64:
    """The scale of each range (SPEC eq. 3, 5); 0 for a range of nothing but 0."""
    format = scheme.format()
    if scheme.symmetric:
        return np.asarray(np.maximum(-low, high) / (2 ** (format.bits - 1) - 1))
    return np.asarray((high - low) / (format.high - format.low))


def zero_points(low: Float64, scale: Float64, scheme: WeightScheme) -> Int64:
    """The zero point of each range (SPEC eq. 6), int64."""
    format = scheme.format()
    if scheme.symmetric:
        return np.zeros(low.shape, np.int64)
    return np.clip(np.rint(format.low - low / scale), format.low, format.high).astype(np.int64)


def squared_error(rows: Float64, low: Float64, high: Float64, scheme: WeightScheme) -> Float64:
    """Sum of squared errors of each row [n, K], quantized over its range; float64[n]."""
    scale = np.maximum(scales(low, high, scheme), 2.0**-126)
    zero_point = zero_points(low, scale, scheme)
    scale, zero_point = scale[:, None], zero_point[:, None]
    errors = dequantize_array(quantize_array(rows, scale, zero_point, scheme.format()), scale, zero_point) - rows
    return np.asarray((errors**2).sum(axis=1))


def least_squares(rows: Float64, low: Float64, high: Float64, scheme: WeightScheme) -> tuple[Float64, Float64]:
    """The share of each row's range with the least squared error (SPEC eq. 74): a grid, then finer ones around the best.

    rows: float64[n, K]; low, high: float64[n], the whole ranges.
    """
    best_share, best_error = np.ones(len(rows)), squared_error(rows, low, high, scheme)
    candidates = np.broadcast_to(_SHARES, (len(rows), len(_SHARES)))
    step = _SHARES[1] - _SHARES[0]
    for _ in range(1 + _REFINEMENTS):
        for share in candidates.T:
            error = squared_error(rows, share * low, share * high, scheme)
            better_here = error < best_error
            best_share, best_error = np.where(better_here, share, best_share), np.minimum(error, best_error)
        offsets = np.linspace(-step, step, _REFINEMENT)
        candidates = np.clip(best_share[:, None] + offsets, _SHARES[0] / 2, 1.0)
        step = offsets[1] - offsets[0]
    return best_share * low, best_share * high


def better(rows: Float64, first: tuple[Float64, Float64], second: tuple[Float64, Float64], scheme: WeightScheme) -> tuple[Float64, Float64]:
    """For each row that of two ranges with the smaller squared error."""
    take = squared_error(rows, *second, scheme) < squared_error(rows, *first, scheme)
    return np.where(take, second[0], first[0]), np.where(take, second[1], first[1])


def _whole(rows: Float64, symmetric: bool) -> tuple[Float64, Float64]:
    """The whole range of each row, widened to contain 0 (SPEC eq. 4)."""
    low, high = np.minimum(rows.min(axis=1), 0.0), np.maximum(rows.max(axis=1), 0.0)
    if symmetric:
        high = np.maximum(-low, high)
        low = -high
    return low, high
