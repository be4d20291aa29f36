"""The passes between import and quantization, in order, each followed by the checker."""

from __future__ import annotations

from collections.abc import Callable

from golden.errors import InputError
from golden.float_checker import check
from golden.float_graph import FloatBatchNorm, FloatGraph
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
    graph = lowered(graph)
    reasons = unquantizable(graph)
    left = [f"{where(op)}: {reasons[op.name]}" for op in graph.ops if op.name in reasons]
    if left:
        raise InputError(f"network {graph.name!r} has operators that cannot be quantized", left)
    return graph


def lowered(graph: FloatGraph) -> FloatGraph:
    """The graph after every pass.  Raises InputError for an unsound one."""
    check(graph, "import")
    for transform in PASSES:
        graph = transform(graph)
        check(graph, transform.__name__)
    return graph


def unquantizable(graph: FloatGraph) -> dict[str, str]:
    """What no pass could remove and the integer graph does not have: by the operator's name, why, and what to do."""
    reasons = {}
    for op in graph.ops:
        if isinstance(op, FloatBatchNorm):
            reasons[op.name] = "on a vector it can only be folded into a linear layer directly before it; move it there"
    return reasons
