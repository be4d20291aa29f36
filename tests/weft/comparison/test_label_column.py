"""Labels beside a scatter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.comparison.pictures.label_column import spread


@given(st.lists(st.floats(0, 1), max_size=20), st.floats(0.001, 0.3))
def test_labels_keep_their_order_and_their_distance(places: list[float], gap: float) -> None:
    moved = spread(places, gap, 0.0, 1.0)
    assert len(moved) == len(places)
    if not places:
        return
    assert moved.min() >= -1e-9
    assert moved.max() <= 1 + 1e-9
    order = np.argsort(places, kind="stable")
    step = min(gap, 1 / max(len(places) - 1, 1))
    assert (np.diff(moved[order]) >= step - 1e-9).all()


def test_places_with_room_stay() -> None:
    np.testing.assert_allclose(spread([0.9, 0.1, 0.5], 0.2, 0.0, 1.0), [0.9, 0.1, 0.5])


def test_crowded_places_move_evenly_to_both_sides() -> None:
    assert spread([0.5, 0.5], 0.1, 0.0, 1.0) == pytest.approx([0.45, 0.55])
    assert spread([0.99, 1.0], 0.1, 0.0, 1.0) == pytest.approx([0.9, 1.0])
