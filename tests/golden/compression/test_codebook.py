"""Shared weights: the worked example of Deep Compression, and k-means against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from golden.compression.codebook import PRUNED, SharedWeights, kmeans, linear_centroids, share
from golden.errors import InputError

#: Han et al., ICLR 2016, figure 3: weights, their clusters, and the gradients of the weights.
WEIGHTS = np.array([[2.09, -0.98, 1.48, 0.09], [0.05, -0.14, -1.08, 2.12], [-0.91, 1.92, 0.0, -1.03], [1.87, 0.0, 1.53, 1.49]])
INDICES = np.array([[3, 0, 2, 1], [1, 1, 0, 3], [0, 3, 1, 0], [3, 1, 2, 2]])
CODEBOOK = np.array([-1.0, 0.0, 1.5, 2.0])
GRADIENT = np.array([[-0.03, -0.01, 0.03, 0.02], [-0.01, 0.01, -0.02, 0.12], [-0.01, 0.02, 0.04, 0.01], [-0.07, -0.02, 0.01, -0.02]])


def test_worked_example() -> None:
    shared = share(WEIGHTS, 2, keep_zeros=False)
    assert np.array_equal(shared.indices, INDICES)
    assert shared.codebook == pytest.approx(CODEBOOK, abs=1e-9)
    decoded = [[2.0, -1.0, 1.5, 0.0], [0.0, 0.0, -1.0, 2.0], [-1.0, 2.0, 0.0, -1.0], [2.0, 0.0, 1.5, 1.5]]
    assert SharedWeights(CODEBOOK, INDICES).decode().tolist() == decoded


def test_gradients_of_the_worked_example() -> None:
    gradient = SharedWeights(CODEBOOK, INDICES).gradient(GRADIENT)
    assert gradient == pytest.approx([-0.03, 0.04, 0.02, 0.04])
    assert CODEBOOK - gradient == pytest.approx([-0.97, -0.04, 1.48, 1.96])  # one step of size 1


def test_linear_centroids() -> None:
    assert linear_centroids(np.array([3.0, -1.0, 0.0]), 5).tolist() == [-1, 0, 1, 2, 3]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("bits", [1, 2, 4, 5])
def test_as_scikit_learn(seed: int, bits: int) -> None:
    """The same fixed point from the same start; uniform values, so that no cluster is empty, which scikit-learn treats otherwise."""
    random = np.random.default_rng(seed)
    values = np.concatenate([random.uniform(-1, 1, 1500), random.normal(scale=0.3, size=1500).clip(-1, 1)])
    start = linear_centroids(values, 1 << bits)
    centroids, indices = kmeans(values, start)
    assert np.bincount(indices, minlength=1 << bits).min() > 0
    reference = KMeans(1 << bits, init=start[:, None], n_init=1, tol=0, max_iter=1000, algorithm="lloyd").fit(values[:, None])
    assert centroids == pytest.approx(reference.cluster_centers_[:, 0], abs=1e-9)
    assert np.array_equal(indices, reference.labels_)


@given(st.lists(st.floats(-8, 8).map(lambda value: round(value, 3)), min_size=1, max_size=60), st.integers(1, 5))
def test_a_fixed_point(values: list[float], bits: int) -> None:
    array = np.array(values)
    centroids, indices = kmeans(array, linear_centroids(array, 1 << bits))
    assert (np.diff(centroids) >= 0).all()
    distance = np.abs(array[:, None] - centroids)
    assert distance[np.arange(array.size), indices] == pytest.approx(distance.min(axis=1), abs=1e-9)
    for cluster in np.unique(indices):
        assert centroids[cluster] == pytest.approx(array[indices == cluster].mean(), abs=1e-9)


def test_pruned_weights_stay_zero() -> None:
    weights = np.where(np.arange(64) % 3 == 0, 0.0, np.random.default_rng(1).normal(size=64)).reshape(8, 8)
    shared = share(weights, 3)
    assert np.array_equal(shared.indices == PRUNED, weights == 0)
    assert np.array_equal(shared.decode() == 0, weights == 0)
    assert np.unique(shared.decode()[weights != 0]).size <= 8
    assert shared.gradient(np.ones((8, 8))).sum() == np.count_nonzero(weights)


def test_whole_numbers() -> None:
    rounded = SharedWeights(np.array([-140.0, -3.5, 0.4, 12.6]), INDICES).rounded(-127, 127)
    assert rounded.codebook.tolist() == [-127, -4, 0, 13]
    assert rounded.decode()[0, 0] == 13


def test_nothing_but_zeros() -> None:
    assert share(np.zeros((2, 3)), 4).decode().tolist() == [[0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("bits", [0, 9])
def test_impossible_bits_are_refused(bits: int) -> None:
    with pytest.raises(InputError, match="from 1 to 8 bits"):
        share(WEIGHTS, bits)
