"""Affine parameters and quantization: the worked examples, and an oracle in exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.errors import InputError
from golden.formats import (
    INT8,
    INT8_NARROW,
    UINT8,
    IntegerFormat,
    Rounding,
    asymmetric,
    half_away,
    power_of_two_up,
    quantize_array,
    symmetric,
)

REALS = st.floats(-1e3, 1e3)


def oracle(real: float, scale: float, zero_point: int, low: int, high: int, rounding: Rounding) -> int:
    """SPEC eq. 2 in fractions; the quotient is rounded to a double first, as the equation says."""
    steps = Fraction(real / scale)
    whole = steps.numerator // steps.denominator
    rest = steps - whole
    tie_up = whole % 2 == 1 if rounding is Rounding.HALF_EVEN else steps > 0
    up = tie_up if rest == Fraction(1, 2) else rest > Fraction(1, 2)
    return max(low, min(high, whole + up + zero_point))


def test_worked_example() -> None:
    quantizer = asymmetric(-1.0, 2.0)
    assert quantizer.scale == 3 / 255
    assert quantizer.scale != 0.01176
    assert quantizer.zero_point == -43
    assert quantizer.quantize([-0.8, 0.5, 1.5]).tolist() == [-111, -1, 85]
    assert quantizer.quantize([0.5, 1.5], Rounding.HALF_AWAY).tolist() == [0, 85]


def test_worked_points_are_ties_and_the_order_of_rounding_shows() -> None:
    """Rounding after adding Z, which is not what eq. 2 says, gives other integers at the two ties."""
    scale = 3 / 255
    assert [0.5 / scale, 1.5 / scale] == [42.5, 127.5]
    assert [round(0.5 / scale - 43), round(1.5 / scale - 43)] == [0, 84]


def test_zero_point_moves_by_128_between_uint8_and_int8() -> None:
    assert asymmetric(-1.0, 2.0, UINT8).zero_point == 85
    assert asymmetric(-1.0, 2.0, UINT8).affine() == asymmetric(-1.0, 2.0).affine()


@pytest.mark.parametrize(
    ("format", "low", "high"),
    [
        (INT8, -128, 127),
        (INT8_NARROW, -127, 127),
        (UINT8, 0, 255),
        (IntegerFormat(4), -8, 7),
        (IntegerFormat(4, narrow=True), -7, 7),
        (IntegerFormat(3, signed=False), 0, 7),
        (IntegerFormat(32), -(2**31), 2**31 - 1),
    ],
)
def test_ranges(format: IntegerFormat, low: int, high: int) -> None:
    assert (format.low, format.high) == (low, high)


@given(REALS, st.floats(1e-3, 10), st.integers(-128, 127), st.sampled_from(Rounding))
def test_quantize_equals_fractions(real: float, scale: float, zero_point: int, rounding: Rounding) -> None:
    assert int(quantize_array(real, scale, zero_point, INT8, rounding)) == oracle(real, scale, zero_point, -128, 127, rounding)


@pytest.mark.parametrize("rounding", Rounding)
def test_every_tie(rounding: Rounding) -> None:
    for half in np.arange(-130.5, 131.5):
        assert int(quantize_array(half, 1.0, 0, INT8, rounding)) == oracle(half, 1.0, 0, -128, 127, rounding)


def test_rounding_table() -> None:
    ties = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]
    assert quantize_array(ties, 1.0, 0, INT8).tolist() == [-2, -2, 0, 0, 2, 2]
    assert quantize_array(ties, 1.0, 0, INT8, Rounding.HALF_AWAY).tolist() == [-3, -2, -1, 1, 2, 3]


def test_half_away_does_not_round_just_below_a_half_up() -> None:
    below = np.nextafter(0.5, 0)
    assert half_away([below, -below, 0.5, -0.5]).tolist() == [0.0, 0.0, 1.0, -1.0]


@given(REALS, REALS, st.sampled_from([INT8, UINT8, IntegerFormat(4)]), st.booleans())
def test_range_contains_zero_exactly(a: float, b: float, format: IntegerFormat, power_of_two: bool) -> None:
    low, high = min(a, b), max(a, b)
    quantizer = asymmetric(low, high, format, power_of_two=power_of_two)
    assert quantizer.dequantize(quantizer.quantize(0.0)) == 0.0
    ends = quantizer.dequantize([format.low, format.high])
    assert ends[0] - quantizer.scale <= min(low, 0.0)
    assert ends[1] + quantizer.scale >= max(high, 0.0)
    if power_of_two:
        assert power_of_two_up(quantizer.scale) == quantizer.scale


@given(st.floats(1e-6, 1e6), st.integers(2, 16))
def test_symmetric(bound: float, bits: int) -> None:
    quantizer = symmetric(bound, IntegerFormat(bits, narrow=True))
    assert quantizer.zero_point == 0
    assert quantizer.quantize([-bound, 0.0, bound]).tolist() == [quantizer.format.low, 0, quantizer.format.high]


def test_a_range_of_nothing_but_zero() -> None:
    assert asymmetric(0.0, 0.0).scale == 1.0
    assert asymmetric(0.0, 0.0, least_scale=0.25).scale == 0.25
    assert asymmetric(0.0, 0.0).quantize(0.0) == -128


@pytest.mark.parametrize(("value", "expected"), [(1.0, 1.0), (0.75, 1.0), (1.25, 2.0), (0.5, 0.5), (0.3, 0.5)])
def test_power_of_two_up(value: float, expected: float) -> None:
    assert power_of_two_up(value) == expected


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(InputError, match="must be finite"):
        quantize_array([0.0, bad], 1.0, 0, INT8)
    with pytest.raises(InputError, match="finite ends"):
        asymmetric(0.0, bad)
    with pytest.raises(InputError, match="scale must be finite"):
        type(symmetric(1.0))(INT8, bad, 0)


def test_invalid_formats_are_refused() -> None:
    with pytest.raises(InputError, match="bits must be an integer from 2 to 32, not 1"):
        IntegerFormat(1)
    with pytest.raises(InputError, match="no narrow range"):
        IntegerFormat(8, signed=False, narrow=True)
    with pytest.raises(InputError, match="zero point must be from -128 to 127, not 128"):
        type(symmetric(1.0))(INT8, 1.0, 128)
    with pytest.raises(InputError, match="8 bits or less"):
        symmetric(1.0, IntegerFormat(16)).affine()
    with pytest.raises(InputError, match="signed format"):
        symmetric(1.0, UINT8)
