"""Number formats by name."""

from __future__ import annotations

import pytest

from golden.errors import InputError
from golden.number_formats.catalogue import all_formats, formats_of_width, parse_format


def test_every_format_is_found_by_its_name() -> None:
    for width in (2, 4, 7, 8, 16, 32):
        for format in all_formats(width):
            assert parse_format(format.name) == format


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("fp32", "FP32"), ("float16", "FP16"), ("bfloat16", "BF16"), ("e4m3", "FP8-E4M3"), ("FP8 E5M2", "FP8-E5M2"),
        ("float8_e4m3fn", "FP8-E4M3"), ("fp4", "FP4-E2M1"), ("q4.4", "Q4.4"), ("UQ0.8", "UQ0.8"), ("int8", "twos-complement8"),
        ("uint4", "unsigned4"), ("Sign Magnitude 8", "sign-magnitude8"), ("ones_complement6", "ones-complement6"),
    ],
)  # fmt: skip
def test_other_spellings(name: str, canonical: str) -> None:
    assert parse_format(name).name == canonical


def test_formats_of_a_width() -> None:
    views = ["unsigned8", "sign-magnitude8", "ones-complement8", "twos-complement8", "Q4.4"]
    assert [format.name for format in formats_of_width(8)] == [*views, "FP8-E4M3", "FP8-E5M2"]
    assert [format.name for format in formats_of_width(16)][-2:] == ["FP16", "BF16"]
    assert formats_of_width(4)[-1].name == "FP4-E2M1"
    assert all(format.bits == width for width in range(2, 33) for format in formats_of_width(width))


@pytest.mark.parametrize("name", ["fp64", "Q4", "q-4.4", "", "int", "posit8", "e9m9"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"there is no number format .*; there are unsignedN, .*FP4-E2M1"):
        parse_format(name)


@pytest.mark.parametrize("name", ["int1", "uint33", "Q30.30"])
def test_impossible_widths_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="from 2 to 32 bits"):
        parse_format(name)
