"""Low-rank factorization: one layer becomes two smaller ones (SPEC eq. 65; Denil et al. 2013, Zhang et al. 2015)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from golden.errors import InputError
from golden.float_graph import FloatConv2d, FloatFullyConnected, FloatGraph, FloatOp, FloatTensor, FloatWeightedOp
from golden.graph import Window
from golden.weight_rows import weight_rows

Float64 = npt.NDArray[np.float64]


def worthwhile(op: FloatWeightedOp, rank: int) -> bool:
    """Whether two layers of that rank have fewer weights than the one."""
    rows = weight_rows(op)
    return rank * sum(rows.shape) < rows.size


def factorize(graph: FloatGraph, layer: str, rank: int) -> FloatGraph:
    """The graph with one layer replaced by the two of rank `rank` that come nearest to it in the squared error of the weights.

    A fully connected layer becomes two.  A convolution becomes one with `rank` output channels, of the same kernel, stride and padding,
    and a 1 x 1 convolution.  Bias and clamp stay with the second.
    Raises InputError for a layer that does not exist or is of another kind, and for a rank that it cannot have.
    """
    op = next((each for each in graph.ops if each.name == layer), None)
    if not isinstance(op, (FloatConv2d, FloatFullyConnected)):
        known = [each.name for each in graph.weighted_ops() if isinstance(each, (FloatConv2d, FloatFullyConnected))]
        raise InputError(f"there is no convolution or fully connected layer {layer!r} to factorize; there are {', '.join(known)}")
    rows = weight_rows(op)
    if not 1 <= rank <= min(rows.shape):
        raise InputError(f"layer {layer!r}: the rank must be from 1 to {min(rows.shape)}, not {rank!r}")
    left, values, right = np.linalg.svd(rows, full_matrices=False)
    root = np.sqrt(values[:rank])  # shared out evenly, so that both layers have weights of similar size
    first, second = root[:, None] * right[:rank], left[:, :rank] * root
    middle = f"{op.output}.rank{rank}"
    pair, shape = _layers(graph, op, first, second, middle)
    ops = [each for old in graph.ops for each in (pair if old is op else (old,))]
    return graph.with_ops(ops, new=[FloatTensor(middle, shape)])


def _layers(
    graph: FloatGraph, op: FloatConv2d | FloatFullyConnected, first: Float64, second: Float64, middle: str
) -> tuple[tuple[FloatOp, FloatOp], tuple[int, ...]]:
    """Both layers, and the shape of the tensor between them."""
    rank = len(first)
    names = f"{op.name}.rank{rank}", op.name
    if isinstance(op, FloatFullyConnected):
        reduce: FloatOp = FloatFullyConnected(names[0], op.inputs, middle, weight=first, bias=np.zeros(rank))
        expand: FloatOp = FloatFullyConnected(names[1], (middle,), op.output, low=op.low, high=op.high, weight=second, bias=op.bias)
        return (reduce, expand), (rank,)
    height, width, _ = graph.tensors[op.output].shape
    kernel = first.reshape(rank, *op.weight.shape[1:])
    reduce = FloatConv2d(names[0], op.inputs, middle, weight=kernel, bias=np.zeros(rank), window=op.window)
    expand = FloatConv2d(
        names[1],
        (middle,),
        op.output,
        low=op.low,
        high=op.high,
        weight=second.reshape(len(second), 1, 1, rank),
        bias=op.bias,
        window=Window((1, 1)),
    )
    return (reduce, expand), (height, width, rank)
