"""Magnitude pruning."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.compression.pruning import Scope, masks, prune, scores, sparsity_of
from golden.errors import InputError
from golden.float_graph import FloatFullyConnected, FloatGraph, FloatTensor

RANDOM = np.random.default_rng(3)
LARGE, SMALL = RANDOM.normal(size=(10, 20)), RANDOM.normal(scale=0.01, size=(5, 8))


@given(st.floats(0, 0.99))
def test_the_share_and_the_smallest(sparsity: float) -> None:
    (kept,) = masks({"a": LARGE}, sparsity).values()
    assert (~kept).sum() == round(sparsity * LARGE.size)
    if kept.any() and not kept.all():
        assert np.abs(LARGE[~kept]).max() <= np.abs(LARGE[kept]).min()


def test_scores() -> None:
    """The example 1, 2, 3 by hand: 1 / 14, 4 / 13, 9 / 9."""
    assert scores(np.array([[-3.0, 1.0], [2.0, 0.0]])) == pytest.approx(np.array([[1.0, 1 / 14], [4 / 13, 0.0]]))
    assert scores(np.zeros(3)).tolist() == [0, 0, 0]


def test_one_threshold_for_the_network_is_one_of_scores() -> None:
    peaked = np.where(RANDOM.random((20, 20)) < 0.1, 5.0, 0.01) * RANDOM.normal(size=(20, 20))
    layers = {"normal": LARGE, "peaked": peaked}
    by_network = masks(layers, 0.5, Scope.NETWORK)
    assert sum(int((~kept).sum()) for kept in by_network.values()) == 300
    assert (~by_network["peaked"]).mean() > (~by_network["normal"]).mean()
    pruned = np.concatenate([scores(layers[name])[~kept] for name, kept in by_network.items()])
    assert pruned.max() <= min(scores(layers[name])[kept].min() for name, kept in by_network.items())


def test_no_layer_loses_everything() -> None:
    kept = masks({"large": LARGE, "tiny": np.array([1e-9, 2e-9])}, 0.99, Scope.NETWORK)
    assert kept["tiny"].tolist() == [False, True]


def test_the_scale_of_a_layer_does_not_matter() -> None:
    before, after = (masks({"large": LARGE, "small": SMALL * factor}, 0.4, Scope.NETWORK) for factor in (1.0, 1e-6))
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_of_equal_weights_the_first_go() -> None:
    assert masks({"a": np.ones(4)}, 0.5)["a"].tolist() == [False, False, True, True]


def test_a_graph() -> None:
    op = FloatFullyConnected("fc", ("x",), "y", weight=LARGE, bias=np.ones(10))
    tensors = {"x": FloatTensor("x", (20,)), "y": FloatTensor("y", (10,))}
    pruned = prune(FloatGraph("g", tensors, ("x",), ("y",), (op,)), 0.6).weighted_ops()[0]
    assert sparsity_of(pruned.weight) == 0.6
    assert np.array_equal(pruned.weight[pruned.weight != 0], LARGE[pruned.weight != 0])
    assert np.array_equal(pruned.bias, op.bias)


@pytest.mark.parametrize("sparsity", [-0.1, 1.0, float("nan")])
def test_impossible_shares_are_refused(sparsity: float) -> None:
    with pytest.raises(InputError, match="sparsity must be at least 0 and below 1"):
        masks({"a": LARGE}, sparsity)
