"""What a tensor is called in pictures."""

from __future__ import annotations

from golden.float_graph import FloatGraph


def tensor_label(graph: FloatGraph, tensor: str) -> str:
    """The name of the operator that writes a tensor, which is that of the layer; of an input its own."""
    op = graph.producer(tensor)
    return tensor if op is None else op.name
