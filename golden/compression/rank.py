"""How many dimensions the weights of a layer really use: singular values and ranks (SPEC eq. 63 to 64)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from golden.float_graph import FloatGraph, FloatWeightedOp
from golden.weight_rows import weight_rows

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RankReport:
    """The singular values of a layer's weights as a matrix, an output channel a row.

    shape:           (Cout, K).
    singular_values: float64[min(Cout, K)], descending.
    """

    name: str
    kind: str
    shape: tuple[int, int]
    singular_values: Float64

    @property
    def rank(self) -> int:
        """How many singular values are not 0, up to the rounding of float64 (numpy's rule)."""
        return int((self.singular_values > self.singular_values[0] * max(self.shape) * np.finfo(np.float64).eps).sum())

    @property
    def effective_rank(self) -> float:
        """exp of the entropy of the singular values as shares of their sum: k equal ones give k (SPEC eq. 64)."""
        total = self.singular_values.sum()
        shares = self.singular_values[self.singular_values > 0] / total
        return float(np.exp(-(shares * np.log(shares)).sum())) if total > 0 else 0.0

    def rank_for_energy(self, share: float) -> int:
        """The least rank whose squared singular values make up a share, such as 0.99, of all (SPEC eq. 63)."""
        energy = np.cumsum(self.singular_values**2)
        return int(np.searchsorted(energy, share * energy[-1] * (1 - 1e-12))) + 1 if energy[-1] > 0 else 0


def rank_report(op: FloatWeightedOp) -> RankReport:
    """The singular values of one layer."""
    rows = weight_rows(op)
    return RankReport(op.name, op.kind, (rows.shape[0], rows.shape[1]), np.asarray(np.linalg.svd(rows, compute_uv=False), dtype=np.float64))


def rank_reports(graph: FloatGraph) -> tuple[RankReport, ...]:
    """Of every layer with weights, in execution order."""
    return tuple(rank_report(op) for op in graph.weighted_ops())
