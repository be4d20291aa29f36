"""The histogram: its bins depend on the values alone, and lose nothing but where in a bin a value was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from golden.calibration.histogram import BINS, Histogram

VALUES = arrays(np.float32, st.integers(1, 60), elements=st.floats(-1e6, 1e6, width=32))


def filled(batches: list[np.ndarray]) -> Histogram:
    histogram = Histogram()
    for batch in batches:
        histogram.update(batch)
    return histogram


def test_a_larger_value_merges_neighbours() -> None:
    one = filled([np.array([1.0, 1.5, -0.25, 0.0], np.float32)])
    assert one.width == 2 / BINS
    one.update(np.array([5.0], np.float32))
    assert one.width == 8 / BINS
    means, counts = one.filled()
    assert means.tolist() == [-0.25, 1.0, 1.5, 5.0]
    assert counts.tolist() == [1, 1, 1, 1]
    assert (one.low, one.high, one.count, one.zeros) == (-0.25, 5.0, 5, 1)


@pytest.mark.parametrize("bound", [1.0, 2.0**-130, 1.5, 3e38, 255.0])
def test_a_bin_is_a_sixteenth_of_a_step_of_eight_bits_or_less(bound: float) -> None:
    histogram = filled([np.array([bound, -bound], np.float32)])
    assert histogram.width <= float(np.float32(bound)) / 2**12
    assert 16 * histogram.width <= float(np.float32(bound)) / 255


@given(VALUES, st.lists(st.integers(0, 60), max_size=4))
def test_batches_change_nothing(values: np.ndarray, cuts: list[int]) -> None:
    parts = [part for part in np.split(values, sorted(cut for cut in cuts if cut < len(values))) if part.size]
    streamed, whole = filled(parts), filled([values])
    assert (streamed.low, streamed.high, streamed.count, streamed.zeros) == (whole.low, whole.high, whole.count, whole.zeros)
    assert streamed.width == whole.width
    for merged in (1, 4):
        (means, counts), (all_means, all_counts) = streamed.filled(merged), whole.filled(merged)
        assert np.array_equal(counts, all_counts)
        assert np.allclose(means, all_means, rtol=1e-12)
    for sign in (-1, 1):
        assert all(np.array_equal(a, b) for a, b in zip(streamed.edges(sign), whole.edges(sign), strict=True))


@given(VALUES)
def test_bins_hold_their_values(values: np.ndarray) -> None:
    histogram = filled([values])
    means, counts = histogram.filled()
    rest = np.sort(values[values != 0].astype(np.float64))
    assert counts.sum() == len(rest)
    assert (np.diff(means) > 0).all()
    assert np.abs(np.repeat(means, counts.astype(int)) - rest).max(initial=0) <= histogram.width * (1 + 1e-9)
    for sign in (-1, 1):
        edges, numbers = histogram.edges(sign)
        outer = np.repeat(edges, numbers)
        inwards = np.sort(sign * values.astype(np.float64))[::-1]
        assert numbers.sum() == len(values)
        assert ((outer >= inwards) & (outer <= inwards + histogram.width)).all()


def test_nothing_but_zeros() -> None:
    histogram = filled([np.zeros(5, np.float32)])
    assert (histogram.low, histogram.high, histogram.zeros, histogram.width) == (0.0, 0.0, 5, 0.0)
    assert len(histogram.filled()[0]) == 0
