"""Magnitude pruning."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.compression.pruning import Scope, masks, prune, sparsity_of
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


def test_one_threshold_for_the_network_takes_from_the_small() -> None:
    by_layer = masks({"large": LARGE, "small": SMALL}, 0.25)
    assert {name: int((~kept).sum()) for name, kept in by_layer.items()} == {"large": 50, "small": 10}
    by_network = masks({"large": LARGE, "small": SMALL}, 0.25, Scope.NETWORK)
    assert sum(int((~kept).sum()) for kept in by_network.values()) == 60
    assert not by_network["small"].any()
    pruned = np.concatenate([np.abs(LARGE[~by_network["large"]]), np.abs(SMALL[~by_network["small"]])])
    assert pruned.max() <= np.abs(LARGE[by_network["large"]]).min()


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
