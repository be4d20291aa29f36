"""Folds batch normalization (any per-channel scale and offset) into the weights before or after it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from golden.float_graph import (
    FloatBatchNorm,
    FloatDepthwiseConv2d,
    FloatFullyConnected,
    FloatGraph,
    FloatOp,
    FloatReshape,
    FloatTensor,
    FloatWeightedOp,
)
from golden.graph import Window


def fold_batch_norm(graph: FloatGraph) -> FloatGraph:
    """A graph without batch normalization.

    After a convolution or a linear layer that nothing else reads, w' = w * scale and b' = b * scale + offset; before the
    linear layer that alone reads it, w' = w * scale and b' = b + w offset; both exact up to float64 rounding.  Elsewhere it
    becomes a 1 x 1 depthwise convolution, a vector being a map of one pixel for it.
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
        after = graph.only_reader(norm.output)
        if isinstance(after, FloatFullyConnected) and np.isinf([norm.low, norm.high]).all():
            moved = replace(after, inputs=norm.inputs, weight=after.weight * norm.scale, bias=after.bias + after.weight @ norm.offset)
            return graph.with_ops([moved if op is after else op for op in graph.ops if op is not norm])
        new, made = _as_depthwise(norm, graph.tensors[norm.output].shape)
        return graph.with_ops([each for op in graph.ops for each in (made if op is norm else (op,))], new=new)
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


def _as_depthwise(norm: FloatBatchNorm, shape: tuple[int, ...]) -> tuple[list[FloatTensor], list[FloatOp]]:
    """New tensors, and the operators in place of a normalization."""
    source, target = norm.inputs[0], norm.output
    if len(shape) == 1:
        source, target = f"{norm.output}.map", f"{norm.output}.normalized"
    weight, window = norm.scale[None, None, :], Window((1, 1))
    layer = FloatDepthwiseConv2d(norm.name, (source,), target, low=norm.low, high=norm.high, weight=weight, bias=norm.offset, window=window)
    if len(shape) == 3:
        return [], [layer]
    tensors = [FloatTensor(name, (1, 1, *shape)) for name in (source, target)]
    before, after = FloatReshape(f"{norm.name}.map", norm.inputs, source), FloatReshape(f"{norm.name}.vector", (target,), norm.output)
    return tensors, [before, layer, after]
