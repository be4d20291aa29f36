"""Weights stored without loss, and what they take."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from golden.compression.sparse_index import gaps
from golden.compression.weight_storage import pruned_bytes, restore, shared_bytes, store
from golden.errors import InputError

RANDOM = np.random.default_rng(5)
SHARED = (RANDOM.choice([-90, -31, 20, 77], size=(32, 60)) * (RANDOM.random((32, 60)) < 0.1)).astype(np.int8)


@given(
    arrays.arrays(np.int8, arrays.array_shapes(max_dims=4, max_side=6), elements=st.sampled_from([-128, -3, 0, 0, 0, 5, 127])),
    st.sampled_from([None, *range(9)]),
)
def test_round_trip(weights: np.ndarray, gap_bits: int | None) -> None:
    assert np.array_equal(restore(store(weights, gap_bits)), weights)


def test_every_int8() -> None:
    weights = RANDOM.integers(-128, 128, (64, 64)).astype(np.int8)
    assert np.array_equal(restore(store(weights)), weights)


def test_sizes() -> None:
    stored = store(SHARED, gap_bits=5)
    nonzero = int(np.count_nonzero(SHARED))
    assert (stored.count, stored.codebook.tolist()) == (nonzero, [-90, -31, 20, 77])
    assert stored.gap_count >= nonzero
    parts = (stored.codebook, stored.index_lengths, stored.gap_lengths, stored.index_data, stored.gap_data)
    assert stored.coded_bytes == sum(part.nbytes for part in parts)
    gap_bits = min(width * gaps(SHARED.reshape(-1) != 0, width).size for width in range(1, 9))
    assert pruned_bytes(SHARED) == (32 * nonzero + gap_bits) / 8
    assert shared_bytes(SHARED) == 4 + (2 * nonzero + gap_bits) / 8


def test_sizes_without_zeros() -> None:
    dense = (np.arange(256) % 64 + 1).astype(np.int8)
    assert pruned_bytes(dense) == 4 * 256
    assert shared_bytes(dense) == 64 + 256 * 6 / 8


def test_the_best_width_is_taken() -> None:
    assert store(SHARED).coded_bytes == min(store(SHARED, bits).coded_bytes for bits in range(9))
    assert store(np.ones((4, 4), dtype=np.int8)).gap_bits == 0


def test_what_cannot_be_made_smaller_stays_as_it_is() -> None:
    weights = RANDOM.integers(-128, 128, (3, 7)).astype(np.int8)
    stored = store(weights)
    assert stored.coded_bytes == shared_bytes(weights) == weights.size
    assert np.array_equal(restore(stored), weights)


def test_few_values_of_unequal_frequency_take_little() -> None:
    rare = np.where(RANDOM.random(4096) < 0.03, 100, 7).astype(np.int8)
    stored = store(rare, gap_bits=0)
    assert shared_bytes(rare) == 2 + 4096 / 8  # one bit each: no prefix code of single weights is shorter
    assert stored.coded_bytes == 2 + 2 + 4096 / 8


def test_damaged_data_is_refused() -> None:
    stored = store(SHARED, gap_bits=5)
    with pytest.raises(InputError, match="do not hold"):
        restore(dataclasses.replace(stored, index_data=stored.index_data[:3]))
    with pytest.raises(InputError, match="weights have"):
        restore(dataclasses.replace(stored, count=stored.count - 1))
    with pytest.raises(InputError, match="damaged"):
        restore(dataclasses.replace(stored, shape=(3, 3)))
