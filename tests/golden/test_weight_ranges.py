"""Ranges of weights: the search against an exhaustive one, and what every quantizer of weights keeps to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from golden.parameters import WeightQuantizer
from golden.schemes import Granularity, WeightRange, WeightScheme
from golden.weight_ranges import scales, squared_error, weight_ranges, zero_points

ROWS = arrays(
    np.float64, st.tuples(st.integers(1, 5), st.integers(1, 12)), elements=st.floats(-100, 100, allow_subnormal=False, width=32)
).filter(lambda rows: bool(np.abs(rows).max(axis=1).min() > 1e-6))
SCHEMES = st.builds(
    WeightScheme,
    bits=st.integers(2, 8),
    symmetric=st.booleans(),
    narrow=st.booleans(),
    granularity=st.sampled_from([Granularity.TENSOR, Granularity.CHANNEL]),
    range=st.sampled_from(WeightRange),
)


def quantizer(rows: Any, scheme: WeightScheme) -> WeightQuantizer:
    low, high = weight_ranges(rows, scheme)
    scale = scales(low, high, scheme)
    return WeightQuantizer(scheme.format(), scale, zero_points(low, scale, scheme))


def test_absmax_by_hand() -> None:
    rows = np.array([[0.5, -1.27], [2.54, 0.0]])
    assert quantizer(rows, WeightScheme()).scale.tolist() == [1.27 / 127, 2.54 / 127]
    assert quantizer(rows, WeightScheme(granularity=Granularity.TENSOR)).scale.tolist() == [2.54 / 127] * 2
    asymmetric = quantizer(rows, WeightScheme(symmetric=False))
    assert asymmetric.scale.tolist() == [(0.5 + 1.27) / 255, 2.54 / 255]
    assert asymmetric.zero_point.tolist() == [round(-128 + 1.27 / (1.77 / 255)), -128]


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("symmetric", [True, False])
def test_least_squares_is_as_good_as_an_exhaustive_search(bits: int, symmetric: bool) -> None:
    """Over shares of the whole range in steps of a thousandth."""
    rows = np.random.default_rng(bits).standard_t(4, (6, 60))
    scheme = WeightScheme(bits, symmetric=symmetric, range=WeightRange.MSE)
    found = squared_error(rows, *weight_ranges(rows, scheme), scheme)
    whole = weight_ranges(rows, WeightScheme(bits, symmetric=symmetric))
    best = np.min([squared_error(rows, share * whole[0], share * whole[1], scheme) for share in np.linspace(0.05, 1, 951)], axis=0)
    assert (found <= best * 1.02).all()
    assert found.sum() <= best.sum() * 1.01


@given(ROWS, SCHEMES)
def test_values_in_range_come_back_within_half_a_step(rows: Any, scheme: WeightScheme) -> None:
    """And zero exactly, quantized values as themselves, and larger values as no smaller ones."""
    one = quantizer(rows, scheme)
    integers = one.quantize(rows)
    real = one.dequantize(integers)
    format, scale, zero = one.format, one.scale[:, None], one.zero_point[:, None]
    inside = (rows >= scale * (format.low - zero)) & (rows <= scale * (format.high - zero))
    assert (np.abs(real - rows)[inside] <= np.broadcast_to(scale, rows.shape)[inside] / 2 * (1 + 1e-9)).all()
    assert np.array_equal(one.quantize(real), integers)
    assert not one.dequantize(one.quantize(np.zeros_like(rows))).any()
    assert (np.diff(one.quantize(np.sort(rows, axis=1)), axis=1) >= 0).all()
    if scheme.range is WeightRange.ABSMAX and scheme.symmetric:
        assert inside.all() or np.abs(rows / scale).max() <= format.high * (1 + 1e-12)


@settings(max_examples=40)
@given(ROWS, st.integers(2, 8), st.booleans())
def test_no_channel_is_worse_off_than_with_one_scale_for_all(rows: Any, bits: int, symmetric: bool) -> None:
    errors = {}
    for granularity in (Granularity.TENSOR, Granularity.CHANNEL):
        scheme = WeightScheme(bits, symmetric=symmetric, granularity=granularity, range=WeightRange.MSE)
        errors[granularity] = squared_error(rows, *weight_ranges(rows, scheme), scheme)
    assert (errors[Granularity.CHANNEL] <= errors[Granularity.TENSOR]).all()


@settings(max_examples=40)
@given(ROWS, SCHEMES)
def test_least_squares_is_never_worse_than_the_whole_range(rows: Any, scheme: WeightScheme) -> None:
    def error(kind: WeightRange) -> float:
        chosen = WeightScheme(scheme.bits, scheme.symmetric, scheme.narrow, scheme.granularity, range=kind)
        return float(squared_error(rows, *weight_ranges(rows, chosen), chosen).sum())

    assert error(WeightRange.MSE) <= error(WeightRange.ABSMAX) * (1 + 1e-12)


def test_channels_of_zeros_have_no_range() -> None:
    for scheme in (WeightScheme(range=WeightRange.MSE), WeightScheme(symmetric=False)):
        low, high = weight_ranges(np.array([[0.0, 0.0], [1.0, -1.0]]), scheme)
        assert scales(low, high, scheme)[0] == 0
        assert scales(low, high, scheme)[1] > 0
