"""Relative indices with bounded gaps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.compression.sparse_index import gaps, positions
from golden.errors import InputError


@given(st.lists(st.booleans(), max_size=300), st.integers(1, 8))
def test_round_trip(nonzero: list[bool], bits: int) -> None:
    stored = gaps(np.array(nonzero, dtype=np.bool_), bits)
    assert positions(stored, bits, len(nonzero)).tolist() == np.flatnonzero(nonzero).tolist()
    assert ((stored >= 0) & (stored < 1 << bits)).all()


def test_worked_example() -> None:
    """Deep Compression, figure 2: weights at 1, 4 and 15 of 16 with gaps of 3 bits; the last is more than 7 zeros away."""
    nonzero = np.zeros(16, dtype=np.bool_)
    nonzero[[1, 4, 15]] = True
    stored = gaps(nonzero, 3)
    assert stored.tolist() == [1, 2, 7, 3]
    assert positions(stored, 3, 16).tolist() == [1, 4, 15]


def test_a_gap_of_exactly_the_longest() -> None:
    nonzero = np.zeros(9, dtype=np.bool_)
    nonzero[7] = True
    assert gaps(nonzero, 3).tolist() == [7, 0]


def test_damaged_gaps_are_refused() -> None:
    with pytest.raises(InputError, match="lead to weight 9 of 8"):
        positions(np.array([4, 4]), 3, 8)
