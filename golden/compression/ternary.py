"""Ternary weights by the mean magnitude: -1, 0, 1 times one scale (SPEC eq. 62; Ma et al., BitNet b1.58, 2024)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from golden.float_graph import FloatGraph, FloatOp, FloatWeightedOp
from golden.weight_rows import from_rows, weight_rows

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


def ternary(rows: Float64, *, per_channel: bool = False) -> tuple[Int64, Float64]:
    """Weights [Cout, K] as (integers int64[Cout, K] of -1, 0, 1; scale float64[Cout]).

    per_channel: one scale for each row; else one for all, as in the paper.
    Rows of nothing but zeros have the scale 0.
    """
    magnitudes = np.abs(rows)
    scale = magnitudes.mean(axis=1) if per_channel else np.full(len(rows), magnitudes.mean())
    steps = np.divide(rows, scale[:, None], out=np.zeros_like(rows), where=scale[:, None] > 0)
    return np.clip(np.rint(steps), -1, 1).astype(np.int64), scale


def ternarize(graph: FloatGraph, *, per_channel: bool = False, keep_ends: bool = False) -> FloatGraph:
    """The graph with ternary weights, as the real values that they stand for.

    Quantized with 2-bit symmetric weights (absmax, narrow) its integers are exactly -1, 0 and 1.
    keep_ends: the first and the last layer with weights stay as they are.
    """
    weighted = graph.weighted_ops()
    ends = {weighted[0].name, weighted[-1].name} if keep_ends and weighted else set()

    def changed(op: FloatOp) -> FloatOp:
        if not isinstance(op, FloatWeightedOp) or op.name in ends:
            return op
        integers, scale = ternary(weight_rows(op), per_channel=per_channel)
        return replace(op, weight=from_rows(op, integers * scale[:, None]))

    return graph.with_ops(changed(op) for op in graph.ops)
