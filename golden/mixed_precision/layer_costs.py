"""What each layer of a float graph costs at each number of bits, and which layers must agree."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from golden.float_graph import FloatConv2d, FloatDepthwiseConv2d, FloatFullyConnected, FloatGraph, FloatWeightedOp
from golden.recipe import Recipe
from golden.tied_scales import tied_tensors

Table = dict[str, dict[int, float]]


def weight_bytes(graph: FloatGraph, bits: Collection[int]) -> Table:
    """Bytes of each layer's weights, packed (SPEC eq. 45)."""
    return {op.name: {b: op.weight.size * b / 8 for b in bits} for op in graph.weighted_ops()}


def bit_operations(graph: FloatGraph, recipe: Recipe, bits: Collection[int]) -> Table:
    """Bit operations of each layer (SPEC eq. 46), with the recipe's bits for its input."""
    return {
        op.name: {b: float(macs(graph, op) * b * recipe.activation_scheme(graph, op.inputs[0]).bits) for b in bits}
        for op in graph.weighted_ops()
    }


def macs(graph: FloatGraph, op: FloatWeightedOp) -> int:
    """Multiply-accumulate operations of one inference of a layer; padding taps count, as is usual."""
    shape = graph.tensors[op.output].shape
    pixels = shape[0] * shape[1] if len(shape) == 3 else 1
    if isinstance(op, (FloatConv2d, FloatDepthwiseConv2d, FloatFullyConnected)):
        return int(pixels * op.weight.size)
    raise TypeError(f"{op.kind} has no known number of products")


def tied_layers(graph: FloatGraph) -> tuple[tuple[str, ...], ...]:
    """Groups of two layers or more whose outputs meet in an add or a concatenation, past operators that keep the integers."""
    writers: Mapping[str, str] = {op.output: op.name for op in graph.weighted_ops()}
    groups = (tuple(writers[name] for name in group if name in writers) for group in map(sorted, tied_tensors(graph)))
    return tuple(group for group in groups if len(group) > 1)
