"""Fuses clamps (ReLU, ReLU6, hard tanh) into the operators before them."""

from __future__ import annotations

import math
from dataclasses import replace

from golden.float_graph import FloatClamp, FloatGraph, FloatMaxPool2d, FloatOp, FloatPad, FloatReshape


def fuse_activation(graph: FloatGraph) -> FloatGraph:
    """A graph whose operators clamp their own output, where nothing else reads it unclamped.

    A clamp first moves before the reshapes and max pools that it commutes with, up to an operator with arithmetic of
    its own.  A clamp of a network input, or of a tensor that others read, stays.
    """
    while (fused := _next(graph)) is not None:
        graph = fused
    return graph


def _next(graph: FloatGraph) -> FloatGraph | None:
    for clamp in graph.ops:
        if not isinstance(clamp, FloatClamp):
            continue
        before = graph.producer(clamp.inputs[0])
        if before is None or graph.only_reader(before.output) is not clamp:
            continue
        target = _earliest(graph, before)
        if isinstance(target, (FloatReshape, FloatPad)):
            continue  # it copies a tensor that must stay as it is
        fused = _with_clamp(target, clamp)
        ops = [fused if op is target else op for op in graph.ops if op is not clamp]
        return graph.with_ops(ops, renamed={clamp.output: before.output})
    return None


def _earliest(graph: FloatGraph, op: FloatOp) -> FloatOp:
    """The first operator that can clamp for `op`: a clamp moves before reshapes and before max pools without one of their own."""
    target = at = op
    while isinstance(at, (FloatReshape, FloatMaxPool2d)) and math.isinf(at.low) and math.isinf(at.high):
        before = graph.producer(at.inputs[0])
        if before is None or graph.only_reader(before.output) is not at:
            break
        at = before
        if not isinstance(at, FloatReshape):
            target = at
    return target


def _with_clamp(op: FloatOp, clamp: FloatClamp) -> FloatOp:
    """The operator with its own clamp followed by another: the ends of the first, clamped by the second."""
    low, high = (min(max(end, clamp.low), clamp.high) for end in (op.low, op.high))
    return replace(op, low=low, high=high)
