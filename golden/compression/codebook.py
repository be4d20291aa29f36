"""Weight sharing: the weights of a layer take few values, found by k-means (SPEC eq. 56 to 58; Han et al., ICLR 2016)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from golden.errors import InputError

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

#: Index of a pruned weight, whose value is 0 and stays 0.
PRUNED = -1


@dataclass(frozen=True, eq=False)
class SharedWeights:
    """Weights as indices into a codebook.

    codebook: float64[k], the shared values.
    indices:  int64 of the weights' shape, 0 to k - 1, or PRUNED.
    """

    codebook: Float64
    indices: Int64

    def decode(self) -> Float64:
        """The weights (SPEC eq. 57)."""
        return np.append(self.codebook, 0.0)[self.indices]  # PRUNED is the index of the last

    def rounded(self, low: int, high: int) -> SharedWeights:
        """The same with whole numbers from `low` to `high` in the codebook: decoded, an ordinary integer network."""
        return SharedWeights(np.clip(np.rint(self.codebook), low, high), self.indices)

    def gradient(self, of_weights: Float64) -> Float64:
        """The gradient of each codebook entry, float64[k]: the sum over the weights that share it (SPEC eq. 58)."""
        kept = self.indices != PRUNED
        return np.bincount(self.indices[kept], weights=of_weights[kept], minlength=self.codebook.size).astype(np.float64)


def share(weights: Float64, bits: int, *, keep_zeros: bool = True) -> SharedWeights:
    """Clusters weights of any shape into 2^bits values, from centroids spread evenly over their range.

    keep_zeros: weights that are 0, such as pruned ones, stay 0 and are not clustered.
    Raises InputError for fewer than 1 or more than 8 bits.
    """
    if not 1 <= bits <= 8:
        raise InputError(f"a codebook must have from 1 to 8 bits for each index, not {bits!r}")
    indices = np.full(weights.shape, PRUNED, dtype=np.int64)
    clustered = weights != 0 if keep_zeros else np.ones(weights.shape, dtype=np.bool_)
    values = weights[clustered]
    if values.size == 0:
        return SharedWeights(np.zeros(0), indices)
    codebook, indices[clustered] = kmeans(values, linear_centroids(values, 1 << bits))
    return SharedWeights(codebook, indices)


def linear_centroids(values: Float64, count: int) -> Float64:
    """Centroids from the least to the greatest value at equal distances, float64[count]: rare large weights get some, too."""
    return np.linspace(values.min(), values.max(), count)


def kmeans(values: Float64, centroids: Float64) -> tuple[Float64, Int64]:
    """Lloyd's algorithm in one dimension until nothing changes: centroids float64[k], ascending, and indices int64[n] (SPEC eq. 56).

    values:    float64[n].
    centroids: float64[k], ascending; one whose cluster is empty stays where it is.
    A value halfway between two centroids belongs to the lower one.
    """
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    sums = np.concatenate([[0.0], np.cumsum(ascending)])
    while True:
        # Clusters are runs of the sorted values, so that a mean is a difference of running sums.
        edges = np.concatenate([[0], np.searchsorted(ascending, (centroids[1:] + centroids[:-1]) / 2, side="right"), [values.size]])
        sizes = np.diff(edges)
        moved = np.where(sizes > 0, np.diff(sums[edges]) / np.maximum(sizes, 1), centroids)
        if np.array_equal(moved, centroids):
            break
        centroids = moved
    indices = np.empty(values.size, dtype=np.int64)
    indices[order] = np.repeat(np.arange(centroids.size), sizes)
    return centroids, indices
