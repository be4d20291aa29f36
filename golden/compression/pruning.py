"""Magnitude pruning: the weights nearest to 0 become 0 (SPEC eq. 55; Han et al., NeurIPS 2015)."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from golden.errors import InputError
from golden.float_graph import FloatGraph, FloatOp, FloatWeightedOp

Float64 = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class Scope(enum.Enum):
    """What shares one threshold."""

    LAYER = "layer"  #: every layer loses the same share of its weights
    #: Layers share one threshold of the score of eq. 92, which does not depend on the scale of a layer and spares small layers.
    NETWORK = "network"


def masks(weights: Mapping[str, Float64], sparsity: float, scope: Scope = Scope.LAYER) -> dict[str, Mask]:
    """Which weights stay: bool arrays of the weights' shapes, True for those that do.

    sparsity: the share that goes, at least 0 and below 1; round(sparsity * n) weights go, the smallest magnitudes, and of equal ones
              the first.
    Raises InputError for another share.
    """
    if not 0 <= sparsity < 1:
        raise InputError(f"the sparsity must be at least 0 and below 1, not {sparsity!r}")
    if scope is Scope.LAYER:
        return {name: _largest(np.abs(array), sparsity) for name, array in weights.items()}
    every = np.concatenate([scores(array).reshape(-1) for array in weights.values()]) if weights else np.zeros(0)
    kept, result, start = _largest(every, sparsity), {}, 0
    for name, array in weights.items():
        result[name] = kept[start : start + array.size].reshape(array.shape)
        start += array.size
    return result


def prune(graph: FloatGraph, sparsity: float, scope: Scope = Scope.LAYER) -> FloatGraph:
    """The graph with so many of its weights at 0; biases stay."""
    kept = masks({op.name: op.weight for op in graph.weighted_ops()}, sparsity, scope)

    def pruned(op: FloatOp) -> FloatOp:
        return replace(op, weight=op.weight * kept[op.name]) if isinstance(op, FloatWeightedOp) else op

    return graph.with_ops(pruned(op) for op in graph.ops)


def sparsity_of(weights: npt.NDArray[np.generic]) -> float:
    """The share of zeros."""
    return 1 - np.count_nonzero(weights) / weights.size


def scores(weights: Float64) -> Float64:
    """What pruning a weight costs: its square over that of all that are not smaller (SPEC eq. 92; Lee et al., ICLR 2021)."""
    squares = weights.reshape(-1) ** 2
    order = np.argsort(squares, kind="stable")
    ascending = squares[order]
    left = np.cumsum(ascending[::-1])[::-1]
    result = np.empty_like(squares)
    result[order] = np.divide(ascending, left, out=np.zeros_like(left), where=left > 0)
    return result.reshape(weights.shape)


def _largest(magnitudes: Float64, sparsity: float) -> Mask:
    flat = magnitudes.reshape(-1)
    kept = np.ones(flat.size, dtype=np.bool_)
    kept[np.argsort(flat, kind="stable")[: round(sparsity * flat.size)]] = False
    return kept.reshape(magnitudes.shape)
