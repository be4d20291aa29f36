"""The passes between import and quantization, in order, each followed by the checker."""

from __future__ import annotations

from collections.abc import Callable

from golden.errors import InputError
from golden.float_checker import check
from golden.float_graph import FloatBatchNorm, FloatGraph, FloatPad
from golden.passes.fold_batch_norm import fold_batch_norm
from golden.passes.fold_padding import fold_padding
from golden.passes.fuse_activation import fuse_activation
from golden.passes.lower_clamp import lower_clamp
from golden.structure import where

PASSES: tuple[Callable[[FloatGraph], FloatGraph], ...] = (fold_padding, fold_batch_norm, fuse_activation, lower_clamp)


def prepare(graph: FloatGraph) -> FloatGraph:
    """A float graph of nothing but operators that the integer graph has.

    Raises InputError for an unsound graph, and for operators that no pass could remove, all at once.
    """
    check(graph, "import")
    for transform in PASSES:
        graph = transform(graph)
        check(graph, transform.__name__)
    left = []
    for op in graph.ops:
        if isinstance(op, FloatPad):
            left.append(
                f"{where(op)}: padding can only be folded into a convolution that reads it; give the pooling its own padding instead"
            )
        if isinstance(op, FloatBatchNorm):
            left.append(f"{where(op)}: on a vector it can only be folded into a linear layer directly before it; move it there")
    if left:
        raise InputError(f"network {graph.name!r} has operators that cannot be quantized", left)
    return graph
