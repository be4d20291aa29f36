"""Rescaling against oracles in unbounded Python integers and fractions, and the worked examples."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.errors import InputError
from golden.rescale import SHIFT, TFLITE, Rescale, RescaleFormat, RescaleKind, rounding_divide_by_pot, saturating_rounding_doubling_high_mul

FORMATS = [SHIFT, TFLITE, *(RescaleFormat(RescaleKind.FIXED, bits) for bits in (4, 8, 16, 31, 32))]
ACCUMULATORS = st.integers(-(2**31), 2**31 - 1)
FACTORS = st.floats(2.0**-24, 0.99)


def floor_half_up(value: Fraction) -> int:
    """To the nearest integer, ties toward +infinity."""
    return math.floor(value + Fraction(1, 2))


def half_away(value: Fraction) -> int:
    """To the nearest integer, ties away from zero."""
    return floor_half_up(value) if value >= 0 else -floor_half_up(-value)


def oracle(format: RescaleFormat, multiplier: int, shift: int, acc: int) -> int:
    """What each format means, in fractions: one rounding, or two."""
    if format.kind is RescaleKind.SHIFT:
        return floor_half_up(Fraction(acc) / Fraction(2) ** shift)
    if format.kind is RescaleKind.FIXED:
        return floor_half_up(Fraction(acc * multiplier, 2**shift))
    high = min(floor_half_up(Fraction((acc << max(shift, 0)) * multiplier, 2**31)), 2**31 - 1)
    return half_away(Fraction(high, 2 ** max(-shift, 0)))


@given(st.sampled_from(FORMATS), FACTORS, ACCUMULATORS)
def test_apply_equals_fractions(format: RescaleFormat, factor: float, acc: int) -> None:
    rescale = Rescale.from_real(format, factor)
    expected = oracle(format, int(rescale.multiplier[0]), int(rescale.shift[0]), acc)
    assert rescale.apply(np.array([acc])).tolist() == [expected]


@given(st.sampled_from(FORMATS), st.floats(1.0, 100.0), st.integers(-(2**23), 2**23))
def test_factors_above_one(format: RescaleFormat, factor: float, acc: int) -> None:
    if format.bits == 4:
        factor = min(factor, 7.0)  # four bits hold no more
    rescale = Rescale.from_real(format, factor)
    expected = oracle(format, int(rescale.multiplier[0]), int(rescale.shift[0]), acc)
    assert rescale.apply(np.array([acc])).tolist() == [expected]


@pytest.mark.parametrize("shift", range(-3, 13))
def test_shift_exhaustively(shift: int) -> None:
    acc = np.arange(-(2**12), 2**12)
    result = Rescale(SHIFT, np.array([0]), np.array([shift])).apply(acc[:, None])[:, 0]
    assert result.tolist() == [oracle(SHIFT, 0, shift, a) for a in acc.tolist()]


@pytest.mark.parametrize("shift", [1, 2, 5, 9])
def test_fixed_exhaustively(shift: int) -> None:
    """Every 4-bit multiplier, every accumulator of 10 bits: more than one tie for each shift."""
    format = RescaleFormat(RescaleKind.FIXED, 4)
    acc = np.arange(-(2**9), 2**9)
    for multiplier in range(8):
        result = Rescale(format, np.array([multiplier]), np.array([shift])).apply(acc[:, None])[:, 0]
        assert result.tolist() == [oracle(format, multiplier, shift, a) for a in acc.tolist()]


@pytest.mark.parametrize("exponent", [0, -1, -2, -5, -31])
@pytest.mark.parametrize("multiplier", [2**30, 2**31 - 1, 1374389535, 3 << 28, 1 << 10, 0])
def test_tflite_exhaustively(multiplier: int, exponent: int) -> None:
    acc = np.concatenate([np.arange(-(2**10), 2**10), np.array([-(2**31), 2**31 - 1, 2**30, -(2**30)])])
    result = Rescale(TFLITE, np.array([multiplier]), np.array([exponent])).apply(acc[:, None])[:, 0]
    assert result.tolist() == [oracle(TFLITE, multiplier, exponent, a) for a in acc.tolist()]


# --- the rounding table: negative ties ------------------------------------------------------------

TIES = [-3, -1, 1, 3]  # halves: -1.5, -0.5, 0.5, 1.5


def test_ties_of_the_single_rounding_formats_go_up() -> None:
    assert Rescale.from_real(SHIFT, 0.5).apply(np.array(TIES)[:, None])[:, 0].tolist() == [-1, 0, 1, 2]
    fixed = Rescale(RescaleFormat(RescaleKind.FIXED, 8), np.array([64]), np.array([7]))
    assert fixed.apply(np.array(TIES)[:, None])[:, 0].tolist() == [-1, 0, 1, 2]


def test_ties_of_srdhm_go_up_and_of_rdpot_away_from_zero() -> None:
    half = np.int64(2**30)  # SRDHM with 2^30 halves
    assert saturating_rounding_doubling_high_mul(np.array(TIES), np.array([half])).tolist() == [-1, 0, 1, 2]
    assert rounding_divide_by_pot(np.array(TIES), np.array([1])).tolist() == [-2, -1, 1, 2]


def test_srdhm_saturates_at_one_point_alone() -> None:
    low = np.array([-(2**31)])
    assert saturating_rounding_doubling_high_mul(low, low).tolist() == [2**31 - 1]
    assert saturating_rounding_doubling_high_mul(low, low + 1).tolist() == [2**31 - 1]
    assert saturating_rounding_doubling_high_mul(low, low + 2).tolist() == [2**31 - 2]


def test_double_rounding_differs_from_single() -> None:
    """SRDHM rounds 2.5 to 3 (1.25 would stay 1), and RDPOT takes 1.5 to 2: the formats are not interchangeable."""
    factor, acc = 0.25, np.array([[5]])
    assert Rescale(TFLITE, np.array([2**30]), np.array([-1])).apply(acc).tolist() == [[2]]
    assert Rescale.from_real(RescaleFormat(RescaleKind.FIXED, 32), factor).apply(acc).tolist() == [[1]]


# --- worked examples ------------------------------------------------------------------------------


def test_shift_example() -> None:
    rescale = Rescale.from_real(SHIFT, 0.01)
    assert rescale.shift.tolist() == [7]
    assert rescale.apply(np.array([1234])).tolist() == [10]


def test_shift_threshold_is_in_the_logarithm() -> None:
    root = math.sqrt(0.5)
    assert Rescale.from_real(SHIFT, [root, np.nextafter(root, 0), 1.0, 0.5, 3.0, 2.8]).shift.tolist() == [0, 1, 0, 1, -2, -1]


def test_fixed_example() -> None:
    rescale = Rescale.from_real(RescaleFormat(RescaleKind.FIXED, 32), 0.01)
    assert rescale.multiplier.tolist() == [1374389535]
    assert rescale.shift.tolist() == [6 + 31]
    assert rescale.apply(np.array([1234])).tolist() == [12]


def test_textbook_chain_with_a_truncated_multiplier() -> None:
    fraction, exponent = math.frexp(0.01)
    assert (fraction, -exponent) == (0.64, 6)
    multiplier = int(fraction * 2**31)
    assert multiplier == 1374389534
    assert 1234 * multiplier == 1695996684956
    assert 1695996684956 >> 6 == 26499948202
    assert 26499948202 / 2**31 == 12.33999999333173


def test_tflite_example() -> None:
    rescale = Rescale.from_real(TFLITE, 0.01)
    assert (rescale.multiplier.tolist(), rescale.shift.tolist()) == ([1374389535], [-6])
    assert rescale.apply(np.array([1234])).tolist() == [12]


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        (0.5, (2**30, 0)),
        (1.0, (2**30, 1)),
        (2.0**-32, (2**30, -31)),
        (2.0**-33, (0, 0)),
        (1 - 2.0**-40, (2**30, 1)),
        (0.5 + 2.0**-32, (2**30 + 1, 0)),  # a tie of the multiplier: away from zero
    ],
)
def test_tflite_multiplier(factor: float, expected: tuple[int, int]) -> None:
    rescale = Rescale.from_real(TFLITE, factor)
    assert (int(rescale.multiplier[0]), int(rescale.shift[0])) == expected


@given(st.integers(4, 32), FACTORS)
def test_fixed_multiplier_fits_and_is_near(bits: int, factor: float) -> None:
    rescale = Rescale.from_real(RescaleFormat(RescaleKind.FIXED, bits), factor)
    multiplier = int(rescale.multiplier[0])
    assert 2 ** (bits - 2) <= multiplier < 2 ** (bits - 1)
    assert abs(float(rescale.real()[0]) / factor - 1) <= 2.0 ** -(bits - 1)


def test_fixed_multiplier_that_rounds_up_to_a_power_of_two_is_halved() -> None:
    rescale = Rescale.from_real(RescaleFormat(RescaleKind.FIXED, 8), 0.999)
    assert (rescale.multiplier.tolist(), rescale.shift.tolist()) == ([64], [6])


# --- objects --------------------------------------------------------------------------------------


def test_per_channel() -> None:
    rescale = Rescale.from_real(SHIFT, [0.5, 0.25])
    assert rescale.apply(np.array([[3, 3], [-3, -3]], np.int32)).tolist() == [[2, 1], [-1, -1]]


def test_constants_are_frozen_copies() -> None:
    multiplier = np.array([5], np.int64)
    rescale = Rescale(RescaleFormat(RescaleKind.FIXED, 8), multiplier, np.array([1]))
    multiplier[0] = 6
    assert rescale.multiplier.tolist() == [5]
    with pytest.raises(ValueError, match="read-only"):
        rescale.multiplier[0] = 7


@pytest.mark.parametrize("text", ["shift", "tflite", "fixed4", "fixed8", "fixed32"])
def test_names_round_trip(text: str) -> None:
    assert str(RescaleFormat.parse(text)) == text


@pytest.mark.parametrize("text", ["", "fixed", "fixed-8", "float", "FIXED8"])
def test_unknown_names(text: str) -> None:
    with pytest.raises(InputError, match="rescale format must be shift, tflite or fixedB"):
        RescaleFormat.parse(text)


@pytest.mark.parametrize("text", ["fixed3", "fixed33"])
def test_bits_out_of_range(text: str) -> None:
    with pytest.raises(InputError, match="bits must be from 4 to 32, not 3"):
        RescaleFormat.parse(text)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_factors_must_be_positive(bad: float) -> None:
    with pytest.raises(InputError, match="finite and greater than 0"):
        Rescale.from_real(TFLITE, [0.5, bad])


def test_lengths_must_agree() -> None:
    with pytest.raises(InputError, match="vectors of one length"):
        Rescale(SHIFT, np.array([0, 0]), np.array([1]))
