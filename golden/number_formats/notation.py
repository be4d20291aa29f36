"""Numbers and patterns as people write them: decimal, fractions, binary with a point, patterns of bits."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction

from golden.errors import InputError
from golden.number_formats.number_format import Number

#: Decimal exponents beyond this are typing errors: the greatest number of any format here has 39 digits.
GREATEST_EXPONENT = 10_000

_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_FRACTION = re.compile(r"[+-]?\d+/\d+")
_BINARY = re.compile(r"([+-]?)0b([01]*)\.?([01]*)", re.IGNORECASE)
_PATTERN = re.compile(r"(0b)?[01]+", re.IGNORECASE)
_HEXADECIMAL = re.compile(r"0x[0-9a-f]+", re.IGNORECASE)

#: Longer texts than any number that a format here could tell apart.
_LONGEST = 2_000


def parse_number(text: str) -> Number:
    """A number, exactly: 0.1, -3, 1e-7, 1/3, 0b11.001 (binary), inf, nan.  A negative zero is a float.

    Raises InputError for anything else.
    """
    plain = text.strip().replace("_", "")
    if len(plain) <= _LONGEST:
        if plain.lower().lstrip("+-") in {"inf", "infinity", "nan"}:
            return float(plain)
        value: Fraction | None = None
        if match := _BINARY.fullmatch(plain):
            if match[2] or match[3]:
                value = Fraction(int(match[2] + match[3], 2), 1 << len(match[3])) * (-1 if match[1] == "-" else 1)
        elif match := _DECIMAL.fullmatch(plain):
            if abs(int((match[2] or "e0")[1:])) > GREATEST_EXPONENT:
                raise InputError(f"{text!r} is beyond every format: exponents may go to {GREATEST_EXPONENT}")
            value = Fraction(Decimal(plain))
        elif _FRACTION.fullmatch(plain) and int(plain.split("/")[1]):
            value = Fraction(plain)
        if value is not None:
            return -0.0 if value == 0 and plain.startswith("-") else value
    raise InputError(f"a value must be a number such as 49, -0.265625, 1e-7, 1/3, 0b11.001 (binary), inf or nan, not {text[:60]!r}")


def parse_pattern(text: str) -> tuple[int, int]:
    """A pattern of bits as (unsigned integer, width): 00110001, 0|0111|000, 0x3f800000.  Spaces, bars and underscores are skipped.

    Raises InputError for anything else.
    """
    plain = re.sub(r"[\s_|]", "", text)
    if _HEXADECIMAL.fullmatch(plain):
        return int(plain, 16), 4 * (len(plain) - 2)
    if _PATTERN.fullmatch(plain):
        digits = plain[2:] if plain[1:2] in {"b", "B"} else plain
        return int(digits, 2), len(digits)
    raise InputError(f"a pattern of bits must be made of 0 and 1, or of hexadecimal digits after 0x, not {text[:60]!r}")


def binary(value: Fraction) -> str | None:
    """A number in binary with a point, such as 11.001 for 3.125; None where it has no end there."""
    digits = value.denominator.bit_length() - 1
    if value.denominator != 1 << digits:
        return None
    whole = f"{abs(value.numerator):0{digits + 1}b}"
    point = len(whole) - digits
    return ("-" if value < 0 else "") + whole[:point] + (f".{whole[point:]}" if digits else "")


def binary_scientific(value: Fraction) -> str | None:
    """A number as a binary significand and a power of two, such as 1.1001 * 2^1 for 3.125; None for 0 and where it has no end."""
    written = binary(value)
    if not written or not value:
        return None
    magnitude = abs(value)
    exponent = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()  # the denominator is a power of two
    return f"{binary(value / Fraction(2) ** exponent)} * 2^{exponent}"


def finite(value: Number) -> Fraction | None:
    """The number as a fraction; None for infinity and NaN."""
    return Fraction(value) if not isinstance(value, float) or math.isfinite(value) else None
