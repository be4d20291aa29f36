"""The weights of a float layer as a matrix: one row of K weights for each output channel."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from golden.float_graph import FloatDepthwiseConv2d, FloatWeightedOp

Number = TypeVar("Number", bound=np.generic)


def weight_rows(op: FloatWeightedOp) -> npt.NDArray[np.float64]:
    """The weights of a layer, float64[Cout, K], K in the order of the layer's own array."""
    if isinstance(op, FloatDepthwiseConv2d):
        return op.weight.reshape(-1, op.weight.shape[-1]).T
    return op.weight.reshape(op.weight.shape[0], -1)


def from_rows(op: FloatWeightedOp, rows: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Rows [Cout, K] in the shape of the layer's weights."""
    if isinstance(op, FloatDepthwiseConv2d):
        return np.ascontiguousarray(rows.T).reshape(op.weight.shape)
    return rows.reshape(op.weight.shape)
