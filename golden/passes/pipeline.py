"""The passes between import and quantization, in order, each followed by the checker."""

from __future__ import annotations

from collections.abc import Callable

from golden.float_checker import check
from golden.float_graph import FloatGraph
from golden.passes.fold_batch_norm import fold_batch_norm
from golden.passes.fold_padding import fold_padding
from golden.passes.fuse_activation import fuse_activation
from golden.passes.lower_clamp import lower_clamp

PASSES: tuple[Callable[[FloatGraph], FloatGraph], ...] = (fold_padding, fold_batch_norm, fuse_activation, lower_clamp)


def prepare(graph: FloatGraph) -> FloatGraph:
    """A float graph of nothing but operators that the integer graph has.  Raises InputError for an unsound graph."""
    check(graph, "import")
    for transform in PASSES:
        graph = transform(graph)
        check(graph, transform.__name__)
    return graph
