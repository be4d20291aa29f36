"""Views of stored tensors against numpy, which moves the elements."""

from __future__ import annotations

import numpy as np
import pytest

from golden.importers.layout import map_layout, vector_layout
from golden.importers.values import UnsupportedError


def test_random_views_have_numpys_order() -> None:
    """A tensor whose ONNX order is 0, 1, 2, ...: the view finds the same numbers in the same places."""
    rng = np.random.default_rng(3)
    for _ in range(300):
        channels, rows, columns = (int(size) for size in rng.integers(1, 7, 3))
        layout = map_layout(channels, rows, columns)
        seen = np.arange(channels * rows * columns).reshape(1, channels, rows, columns)
        stored = seen[0].transpose(1, 2, 0).ravel()
        for _ in range(int(rng.integers(1, 6))):
            if rng.integers(2):
                permutation = [int(axis) for axis in rng.permutation(seen.ndim)]
                layout, seen = layout.transpose(permutation), seen.transpose(permutation)
                continue
            at = int(rng.integers(seen.ndim))
            shape = (*seen.shape[:at], *((1, seen.shape[at]) if rng.integers(2) else (seen.shape[at],)), *seen.shape[at + 1 :])
            if rng.integers(2) and seen.ndim > 1:
                shape = (*seen.shape[: at or 1][:-1], int(np.prod(seen.shape[(at or 1) - 1 :])))
            if len(shape) <= 8:
                layout, seen = layout.reshape(shape), seen.reshape(shape)
        assert layout.shape == seen.shape
        assert np.array_equal(seen.ravel()[layout.order()], stored)
        assert layout.in_order() == np.array_equal(seen.ravel(), stored)


def test_a_flattened_map_is_not_in_order() -> None:
    flat = map_layout(3, 2, 2).reshape((1, 12))
    assert flat.is_vector()
    assert not flat.in_order()
    assert flat.order().tolist() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
    assert map_layout(1, 2, 2).reshape((1, 4)).in_order()
    assert map_layout(5, 1, 1).reshape((1, 5)).in_order()


def test_split_and_joined_again_it_is_a_map() -> None:
    layout = map_layout(6, 2, 3)
    assert layout.is_map()
    assert layout.reshape((1, 2, 3, 6)).reshape((1, 6, 2, 3)).is_map()
    assert not layout.reshape((1, 2, 3, 6)).is_map()
    assert not layout.transpose((0, 1, 3, 2)).is_map()
    assert layout.transpose((0, 2, 3, 1)).transpose((0, 3, 1, 2)).is_map()


def test_alike() -> None:
    assert map_layout(3, 4, 5).like(map_layout(3, 4, 5))
    assert map_layout(3, 4, 5).reshape((1, 60)).like(map_layout(3, 4, 5).reshape((1, 3, 20)).reshape((1, 60)))
    assert not map_layout(3, 4, 5).reshape((1, 60)).like(vector_layout(60))
    assert not map_layout(3, 4, 5).like(map_layout(3, 5, 4))


@pytest.mark.parametrize("shape", [(1, 5, 7), (35,), (0, 36), (1, -36), (36, *[1] * 8)])
def test_other_numbers_of_elements(shape: tuple[int, ...]) -> None:
    with pytest.raises(UnsupportedError, match="not the same number of elements"):
        map_layout(4, 3, 3).reshape(shape)


def test_axes_that_mix() -> None:
    with pytest.raises(UnsupportedError, match="mixes axes"):
        map_layout(9, 2, 2).reshape((1, 4, 9))
    with pytest.raises(UnsupportedError, match="no permutation"):
        map_layout(9, 2, 2).transpose((0, 1, 1, 2))
