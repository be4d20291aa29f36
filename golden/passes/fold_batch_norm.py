"""Folds batch normalization (any per-channel scale and offset) into the weights before it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from golden.float_graph import FloatBatchNorm, FloatDepthwiseConv2d, FloatGraph, FloatOp, FloatWeightedOp
from golden.graph import Window


def fold_batch_norm(graph: FloatGraph) -> FloatGraph:
    """A graph without batch normalization.

    After a convolution or a linear layer that nothing else reads, w' = w * scale and b' = b * scale + offset, exact
    up to float64 rounding.  Elsewhere, on a map, it becomes a 1 x 1 depthwise convolution.  On a vector that no linear
    layer made it stays, for the check of what can be quantized to name it.
    """
    while (fold := _next(graph)) is not None:
        graph = fold
    return graph


def _next(graph: FloatGraph) -> FloatGraph | None:
    for norm in graph.ops:
        if not isinstance(norm, FloatBatchNorm):
            continue
        before = layer_before(graph, norm)
        if before is not None:
            folded = _fold(before, norm)
            ops = [folded if op is before else op for op in graph.ops if op is not norm]
            return graph.with_ops(ops, renamed={norm.output: before.output})
        if len(graph.tensors[norm.output].shape) == 3:
            return graph.with_ops([_as_depthwise(norm) if op is norm else op for op in graph.ops])
    return None


def layer_before(graph: FloatGraph, norm: FloatBatchNorm) -> FloatWeightedOp | None:
    """The layer that a normalization folds into; None where there is none."""
    before = graph.producer(norm.inputs[0])
    alone = isinstance(before, FloatWeightedOp) and graph.only_reader(before.output) is norm
    return before if isinstance(before, FloatWeightedOp) and alone and np.isinf([before.low, before.high]).all() else None


def _fold(op: FloatWeightedOp, norm: FloatBatchNorm) -> FloatOp:
    """The weights and bias times the scale; output channels are the last axis of depthwise weights and the first of others."""
    scale = norm.scale if isinstance(op, FloatDepthwiseConv2d) else norm.scale.reshape(-1, *[1] * (op.weight.ndim - 1))
    return replace(op, weight=op.weight * scale, bias=op.bias * norm.scale + norm.offset, low=norm.low, high=norm.high)


def _as_depthwise(norm: FloatBatchNorm) -> FloatOp:
    window = Window((1, 1))
    weight = norm.scale[None, None, :]
    return FloatDepthwiseConv2d(
        norm.name, norm.inputs, norm.output, low=norm.low, high=norm.high, weight=weight, bias=norm.offset, window=window
    )
