"""Numbers and patterns as people write them."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.errors import InputError
from golden.number_formats.notation import binary, binary_scientific, finite, parse_number, parse_pattern


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("49", 49), ("-49", -49), ("0.1", Fraction(1, 10)), ("1e-3", Fraction(1, 1000)), (".5", Fraction(1, 2)), ("1/3", Fraction(1, 3)),
        ("0b11.001", Fraction(25, 8)), ("-0b.1", Fraction(-1, 2)), ("0b101", 5), ("1_000", 1000), ("inf", math.inf),
        ("-Infinity", -math.inf),
    ],
)  # fmt: skip
def test_numbers(text: str, value: Fraction) -> None:
    assert parse_number(text) == value


def test_negative_zero_and_nan() -> None:
    assert math.copysign(1, parse_number("-0.0")) == -1
    assert math.copysign(1, parse_number("0")) == 1
    assert math.isnan(parse_number("nan"))


@pytest.mark.parametrize("text", ["", "x", "1/0", "0x31", "1,5", "0b", "0b2", "--3", "1e", "9" * 3000, "-"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="must be a number such as 49"):
        parse_number(text)


def test_exponents_that_would_fill_the_memory_are_refused() -> None:
    with pytest.raises(InputError, match="beyond every format"):
        parse_number("1e999999999")


@pytest.mark.parametrize(
    ("text", "pattern", "width"),
    [("00110001", 49, 8), ("0b0011_0001", 49, 8), ("0|01111101|" + "0" * 23, 125 << 23, 32), ("0x3f80", 0x3F80, 16), ("0011 0001", 49, 8)],
)
def test_patterns(text: str, pattern: int, width: int) -> None:
    assert parse_pattern(text) == (pattern, width)


@pytest.mark.parametrize("text", ["", "0b", "102", "0x", "0xg", "49", "-1"])
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="pattern of bits must be made of 0 and 1"):
        parse_pattern(text)


def test_worked_example() -> None:
    value = Fraction("3.125")
    assert (binary(value), binary_scientific(value)) == ("11.001", "1.1001 * 2^1")
    assert (binary(Fraction("-0.265625")), binary_scientific(Fraction("-0.265625"))) == ("-0.010001", "-1.0001 * 2^-2")
    assert (binary(Fraction(0)), binary_scientific(Fraction(0))) == ("0", None)
    assert (binary(Fraction(1, 3)), binary_scientific(Fraction(1, 3))) == (None, None)
    assert binary(Fraction(49)) == "110001"


@given(st.integers(-(2**40), 2**40), st.integers(0, 40))
def test_binary_is_read_back(numerator: int, digits: int) -> None:
    value = Fraction(numerator, 1 << digits)
    written = binary(value)
    assert written is not None
    assert parse_number(written.replace("-", "-0b") if value < 0 else f"0b{written}") == value
    scientific = binary_scientific(value)
    if value:
        assert scientific is not None
        significand, exponent = scientific.replace("-", "-0b", 1).split(" * 2^") if value < 0 else f"0b{scientific}".split(" * 2^")
        assert Fraction(parse_number(significand)) * Fraction(2) ** int(exponent) == value
        assert 1 <= abs(parse_number(significand)) < 2


def test_finite() -> None:
    assert finite(0.5) == Fraction(1, 2)
    assert finite(math.inf) is None
    assert finite(math.nan) is None
