"""Turns averages that the shift-only format cannot divide into depthwise convolutions with equal weights (SPEC section 10)."""

from __future__ import annotations

import numpy as np

from golden.float_graph import FloatAveragePool2d, FloatDepthwiseConv2d, FloatGraph, FloatOp
from golden.graph import Padding
from golden.rescale import RescaleFormat, RescaleKind


def average_by_weights(graph: FloatGraph, format: RescaleFormat) -> FloatGraph:
    """The same network for the shift-only format; any other format leaves it as it is.

    Shifting divides by powers of two alone.  An average over another number of pixels n is a depthwise convolution with weights
    1 / n, whose scale takes up the difference; padded averages, which divide by several numbers, are left.
    """
    if format.kind is not RescaleKind.SHIFT:
        return graph

    def rewritten(op: FloatOp) -> FloatOp:
        if not isinstance(op, FloatAveragePool2d) or op.window.padding != Padding():
            return op
        count = op.window.kernel[0] * op.window.kernel[1]
        if count & (count - 1) == 0:
            return op
        channels = graph.tensors[op.inputs[0]].shape[-1]
        return FloatDepthwiseConv2d(
            op.name,
            op.inputs,
            op.output,
            low=op.low,
            high=op.high,
            weight=np.full((*op.window.kernel, channels), 1 / count),
            bias=np.zeros(channels),
            window=op.window,
        )

    return graph.with_ops(rewritten(op) for op in graph.ops)
