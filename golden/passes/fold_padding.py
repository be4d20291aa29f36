"""Folds explicit padding into the convolutions that read it."""

from __future__ import annotations

from dataclasses import replace

from golden.float_graph import FloatConv2d, FloatDepthwiseConv2d, FloatGraph, FloatOp, FloatPad
from golden.graph import Padding


def fold_padding(graph: FloatGraph) -> FloatGraph:
    """A graph whose convolutions pad for themselves, each side on its own; padding that anything else reads stays.

    Exact: the convolution's own padding is real 0 as well.
    """
    while True:
        pads = {op.output: op for op in graph.ops if isinstance(op, FloatPad)}
        ops = [_fold(op, pads) for op in graph.ops]
        read = {name for op in ops for name in op.inputs} | set(graph.outputs)
        kept = [op for op in ops if not isinstance(op, FloatPad) or op.output in read]
        if all(new is old for new, old in zip(kept, graph.ops, strict=False)) and len(kept) == len(graph.ops):
            return graph
        graph = graph.with_ops(kept)


def _fold(op: FloatOp, pads: dict[str, FloatPad]) -> FloatOp:
    """The operator reading from before the padding, where it can pad for itself."""
    if op.inputs[0] not in pads or not isinstance(op, (FloatConv2d, FloatDepthwiseConv2d, FloatPad)):
        return op
    pad = pads[op.inputs[0]]
    if isinstance(op, FloatPad):
        return replace(op, inputs=pad.inputs, padding=_sum(op.padding, pad.padding))
    return replace(op, inputs=pad.inputs, window=replace(op.window, padding=_sum(op.window.padding, pad.padding)))


def _sum(a: Padding, b: Padding) -> Padding:
    return Padding(a.top + b.top, a.bottom + b.bottom, a.left + b.left, a.right + b.right)
