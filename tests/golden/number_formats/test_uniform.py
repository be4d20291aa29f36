"""The four views of an integer and fixed point: the worked examples, every 8-bit pattern, and the rounding."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.errors import InputError
from golden.number_formats.number_format import Outcome
from golden.number_formats.uniform import FixedPoint, OnesComplement, SignMagnitude, TwosComplement, UniformFormat, Unsigned

VIEWS: list[Callable[[int], UniformFormat]] = [Unsigned, SignMagnitude, OnesComplement, TwosComplement]
EIGHT_BITS = [*(view(8) for view in VIEWS), FixedPoint(4, 4), FixedPoint(4, 4, signed=False), FixedPoint(1, 7), FixedPoint(8, 0)]


@pytest.mark.parametrize(
    ("format", "of_49", "of_minus_49"),
    [
        (Unsigned(8), "00110001", None),
        (SignMagnitude(8), "0|0110001", "1|0110001"),
        (OnesComplement(8), "0|0110001", "1|1001110"),
        (TwosComplement(8), "0|0110001", "1|1001111"),
    ],
)
def test_49_and_minus_49_in_every_view(format: UniformFormat, of_49: str, of_minus_49: str | None) -> None:
    assert format.written(format.encode(49).pattern) == of_49
    assert int(of_49.replace("|", ""), 2) == 49
    negative = format.encode(-49)
    if of_minus_49 is None:
        assert (negative.pattern, negative.value, negative.outcome) == (0, 0.0, Outcome.SATURATED)
    else:
        assert format.written(negative.pattern) == of_minus_49
        assert (negative.value, negative.outcome) == (-49.0, Outcome.EXACT)


def test_00110001_in_q4_4() -> None:
    assert FixedPoint(4, 4).decode(0b00110001) == 3.0625
    assert FixedPoint(4, 4).written(0b00110001) == "0011|0001"
    assert FixedPoint(4, 4).encode(3.0625).pattern == 0b00110001


@pytest.mark.parametrize("bits", [2, 3, 8, 16, 31, 32])
def test_ranges(bits: int) -> None:
    half = 2 ** (bits - 1)
    ends = [(format.least, format.greatest) for format in (view(bits) for view in VIEWS)]
    assert ends == [(0, 2**bits - 1), (-(half - 1), half - 1), (-(half - 1), half - 1), (-half, half - 1)]


def test_range_of_fixed_point() -> None:
    assert (FixedPoint(4, 4).least, FixedPoint(4, 4).greatest, FixedPoint(4, 4).step) == (-8.0, 7.9375, 0.0625)
    assert (FixedPoint(0, 8, signed=False).least, FixedPoint(0, 8, signed=False).greatest) == (0.0, 255 / 256)


@pytest.mark.parametrize("format", EIGHT_BITS, ids=lambda each: each.name)
def test_every_pattern_round_trips(format: UniformFormat) -> None:
    values = [format.decode(pattern) for pattern in range(256)]
    for pattern, value in enumerate(values):
        encoded = format.encode(value)
        assert (encoded.pattern, encoded.outcome) == (pattern, Outcome.EXACT)
        assert math.copysign(1, encoded.value) == math.copysign(1, value)
    two_zeros = isinstance(format, SignMagnitude | OnesComplement)
    assert values.count(0.0) == (2 if two_zeros else 1)
    assert len(set(values)) == (255 if two_zeros else 256)
    assert (min(values), max(values)) == (format.least, format.greatest)
    assert ("two zeros" in format.specials) == two_zeros


def test_twos_complement_is_numpys() -> None:
    every = np.arange(256, dtype=np.uint8)
    assert [TwosComplement(8).decode(int(pattern)) for pattern in every] == every.view(np.int8).tolist()


def test_ones_complement_is_the_complement_of_every_bit() -> None:
    format = OnesComplement(8)
    for pattern in range(256):
        assert format.decode(pattern ^ 0xFF) == -format.decode(pattern)


def test_the_two_zeros() -> None:
    assert [SignMagnitude(8).encode(zero).pattern for zero in (0.0, -0.0)] == [0x00, 0x80]
    assert [OnesComplement(8).encode(zero).pattern for zero in (0.0, -0.0)] == [0x00, 0xFF]
    assert [TwosComplement(8).encode(zero).pattern for zero in (0.0, -0.0)] == [0x00, 0x00]
    assert SignMagnitude(8).encode(-0.3).pattern == 0x80


@given(st.fractions(-300, 300, max_denominator=4096), st.sampled_from(EIGHT_BITS))
def test_the_nearest_value_halves_to_even(value: Fraction, format: UniformFormat) -> None:
    encoded = format.encode(value)
    inside = min(max(value, Fraction(format.least)), Fraction(format.greatest))
    assert abs(Fraction(encoded.value) - inside) <= Fraction(format.step) / 2
    steps = value / Fraction(format.step)
    if steps.denominator == 2 and encoded.outcome is Outcome.ROUNDED:
        assert encoded.value / format.step % 2 == 0
    assert encoded.outcome is (Outcome.EXACT if encoded.value == value else encoded.outcome)
    assert (encoded.outcome is Outcome.SATURATED) == (not format.low <= round(steps) <= format.high)
    assert format.encode(encoded.value).outcome is Outcome.EXACT
    assert encoded.error(value) == float(Fraction(encoded.value) - value)


@given(st.lists(st.floats(-300, 300), min_size=1), st.sampled_from(EIGHT_BITS))
def test_arrays_as_one_by_one(values: list[float], format: UniformFormat) -> None:
    rounded = format.round_array(values)
    assert rounded.tolist() == [format.encode(value).value for value in values]
    assert np.array_equal(format.round_array(rounded), rounded)


def test_what_is_beyond_saturates() -> None:
    assert [TwosComplement(8).encode(value).value for value in (127.4, 127.5, -128.5, -128.51, math.inf, -math.inf)] == [
        127, 127, -128, -128, 127, -128,
    ]  # fmt: skip
    assert TwosComplement(8).encode(127.5).outcome is Outcome.SATURATED
    assert TwosComplement(8).encode(-128.5).outcome is Outcome.ROUNDED
    assert TwosComplement(8).encode(0.25).outcome is Outcome.UNDERFLOW


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="twos-complement8 has no pattern for NaN"):
        TwosComplement(8).encode(math.nan)
    with pytest.raises(InputError, match="twos-complement8 has no pattern for NaN, and there are NaN values"):
        TwosComplement(8).round_array([1.0, math.nan])
    with pytest.raises(InputError, match="unsigned4 has patterns from 0 to 15, not 16"):
        Unsigned(4).decode(16)
    for build in VIEWS:
        with pytest.raises(InputError, match="must have from 2 to 32 bits, not 33"):
            build(33)
    with pytest.raises(InputError, match="fixed-point format must have from 2 to 32 bits, not 40"):
        FixedPoint(20, 20)
    with pytest.raises(InputError, match="1 bit or more before the point, for its sign"):
        FixedPoint(0, 8)
