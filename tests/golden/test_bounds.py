"""Accumulator bounds are reached and never exceeded."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.bounds import acc_bounds, exact_dtype, raw_sum_bound
from golden.graph import FullyConnected
from golden.rescale import TFLITE, Rescale


def layer(weights: list[list[int]], zero_points: list[int], bias: list[int]) -> FullyConnected:
    return FullyConnected(
        "fc",
        ("x",),
        "y",
        weight=np.array(weights),
        weight_zero_point=np.array(zero_points),
        weight_scale=np.ones(len(weights)),
        bias=np.array(bias),
        rescale=Rescale.from_real(TFLITE, 0.5),
    )


@given(st.lists(st.integers(-128, 127), min_size=1, max_size=3), st.integers(-128, 127), st.integers(-1000, 1000), st.integers(-128, 127))
def test_bounds_are_the_extremes_over_every_input(weights: list[int], weight_zero: int, bias: int, input_zero: int) -> None:
    low, high = acc_bounds(layer([weights], [weight_zero], [bias]), input_zero)
    corners = [
        sum((w - weight_zero) * (x - input_zero) for w, x in zip(weights, corner, strict=True)) + bias
        for corner in itertools.product((-128, 127), repeat=len(weights))
    ]
    assert (low.tolist(), high.tolist()) == ([min(corners)], [max(corners)])


def test_raw_sum_bound_takes_the_largest_channel() -> None:
    assert raw_sum_bound(np.array([[1, -2], [3, 4]])) == 7 * 128


@pytest.mark.parametrize(
    ("bound", "dtype"),
    [(0, np.float32), (2**24, np.float32), (2**24 + 1, np.float64), (2**53, np.float64), (2**53 + 1, np.int64)],
)
def test_exact_dtype(bound: int, dtype: type[np.generic]) -> None:
    assert exact_dtype(bound) == dtype


def test_the_float32_bound_is_tight() -> None:
    assert int(np.float32(2**24)) == 2**24
    assert int(np.float32(2**24 + 1)) != 2**24 + 1
