"""Fuses clamps (ReLU, ReLU6, hard tanh) into the operators before them."""

from __future__ import annotations

from dataclasses import replace

from golden.float_graph import FloatClamp, FloatGraph, FloatMaxPool2d, FloatOp, FloatReshape


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
        if isinstance(target, FloatReshape):
            continue  # it copies a tensor that must stay as it is
        fused = _with_clamp(target, clamp)
        ops = [fused if op is target else op for op in graph.ops if op is not clamp]
        return graph.with_ops(ops, renamed={clamp.output: before.output})
    return None


def _earliest(graph: FloatGraph, op: FloatOp) -> FloatOp:
    """The operator that a clamp of `op`'s output can move to: behind reshapes and max pools, max(clamp) = clamp(max)."""
    while isinstance(op, (FloatReshape, FloatMaxPool2d)):
        before = graph.producer(op.inputs[0])
        if before is None or graph.only_reader(before.output) is not op:
            break
        if isinstance(before, FloatReshape) and not isinstance(_earliest(graph, before), FloatReshape):
            return _earliest(graph, before)
        if isinstance(before, FloatReshape):
            break
        op = before
    return op


def _with_clamp(op: FloatOp, clamp: FloatClamp) -> FloatOp:
    """The operator with its own clamp followed by another: the ends of the first, clamped by the second."""
    low, high = (min(max(end, clamp.low), clamp.high) for end in (op.low, op.high))
    return replace(op, low=low, high=high)
