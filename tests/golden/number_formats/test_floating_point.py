"""Floating-point formats: the worked examples, and every pattern against numpy, ml_dtypes and struct."""

from __future__ import annotations

import math
import struct
from fractions import Fraction

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.errors import InputError
from golden.number_formats.catalogue import FLOATING_POINT
from golden.number_formats.floating_point import BF16, FP4_E2M1, FP8_E4M3, FP8_E5M2, FP16, FP32, FloatingPoint
from golden.number_formats.number_format import Outcome

#: The same formats in libraries: the array type, and the unsigned type of its patterns.
LIBRARY: list[tuple[FloatingPoint, npt.DTypeLike, type[np.unsignedinteger]]] = [
    (FP16, np.float16, np.uint16),
    (BF16, ml_dtypes.bfloat16, np.uint16),
    (FP8_E4M3, ml_dtypes.float8_e4m3fn, np.uint8),
    (FP8_E5M2, ml_dtypes.float8_e5m2, np.uint8),
    (FP4_E2M1, ml_dtypes.float4_e2m1fn, np.uint8),
]
NAMES = [format.name for format, _, _ in LIBRARY]

FINITE_FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(("format", "dtype", "unsigned"), LIBRARY, ids=NAMES)
def test_every_pattern_is_the_librarys_and_round_trips(
    format: FloatingPoint, dtype: npt.DTypeLike, unsigned: type[np.unsignedinteger]
) -> None:
    patterns = np.arange(1 << format.bits, dtype=unsigned)
    with np.errstate(invalid="ignore"):  # ml_dtypes' signalling NaN
        expected = patterns.view(dtype).astype(np.float64)
    for pattern, value in zip(patterns.tolist(), expected.tolist(), strict=True):
        decoded = format.decode(pattern)
        if math.isnan(value):
            assert math.isnan(decoded)
            continue
        assert decoded == value
        assert math.copysign(1, decoded) == math.copysign(1, value)
        encoded = format.encode(decoded)
        assert (encoded.pattern, encoded.outcome) == (pattern, Outcome.EXACT)


@pytest.mark.parametrize(("format", "dtype", "unsigned"), LIBRARY, ids=NAMES)
def test_float32_values_round_as_in_the_library(format: FloatingPoint, dtype: npt.DTypeLike, unsigned: type[np.unsignedinteger]) -> None:
    """Float32 values, because ml_dtypes rounds others to float32 first: at and around every tie, and random bits."""
    finite = np.array(sorted({format.decode(p) for p in range(1 << format.bits) if math.isfinite(format.decode(p))}), np.float64)
    ties = ((finite[1:] + finite[:-1]) / 2).astype(np.float32)
    edge = np.float32(min(format.greatest, 2.0**125)) * np.float32([0.99, 1.0, 1.03125, 1.0625, 1.07, 1.25, 2.0])
    greatest = np.float32([np.finfo(np.float32).max])
    random = np.random.default_rng(1).integers(0, 2**32, 2000, dtype=np.uint32).view(np.float32)
    near = [ties, np.nextafter(ties, np.float32(np.inf)), np.nextafter(ties, np.float32(-np.inf))]
    values = np.concatenate([*near, random])
    values = np.random.default_rng(2).choice(values[np.isfinite(values)], 3000)
    values = np.concatenate([values, edge, -edge, greatest, -greatest])
    with np.errstate(over="ignore"):
        expected = values.astype(dtype)
    patterns = [format.encode(float(value)).pattern for value in values]
    nan = np.isnan(expected.astype(np.float64))
    sign = 1 << (format.bits - 1)
    found = np.array(patterns, dtype=unsigned)
    assert np.array_equal(found[~nan], expected[~nan].view(unsigned))
    assert all(math.isnan(format.decode(pattern)) for pattern in found[nan].tolist())
    assert np.array_equal(found & sign, np.signbit(values).astype(unsigned) * sign)
    assert np.array_equal(format.round_array(values), expected.astype(np.float64), equal_nan=True)


def test_one_rounding_where_ml_dtypes_makes_two() -> None:
    value = 1 + 2.0**-4 + 2.0**-40
    assert FP8_E4M3.encode(value).value == 1.125
    assert FP8_E4M3.round_array(value) == 1.125
    assert float(np.float64(value).astype(ml_dtypes.float8_e4m3fn)) == 1.0


@given(st.integers(0, 2**32 - 1))
def test_fp32_patterns_are_those_of_struct(pattern: int) -> None:
    (value,) = struct.unpack("<f", struct.pack("<I", pattern))
    if math.isnan(value):
        assert math.isnan(FP32.decode(pattern))
        return
    assert FP32.decode(pattern) == value
    assert FP32.encode(value).pattern == pattern


@given(st.floats(allow_nan=False))
def test_fp32_rounds_as_struct_does(value: float) -> None:
    encoded = FP32.encode(value)
    try:
        expected = struct.pack("<f", value)
    except OverflowError:  # struct has no infinity for a finite value
        assert encoded.outcome is Outcome.OVERFLOW_TO_INFINITY
        assert math.isinf(encoded.value)
    else:
        assert struct.pack("<I", encoded.pattern) == expected
        assert encoded.error(value) == (0.0 if math.isinf(value) else encoded.value - value)
    assert FP32.round_array(value) == encoded.value


@pytest.mark.parametrize("format", FLOATING_POINT, ids=lambda each: each.name)
@pytest.mark.parametrize("saturate", [False, True])
def test_infinity_and_nan(format: FloatingPoint, saturate: bool) -> None:
    encoded = format.encode(-math.inf, saturate=saturate)
    if saturate or format is FP4_E2M1:
        assert (encoded.value, encoded.outcome) == (-format.greatest, Outcome.SATURATED)
    elif format is FP8_E4M3:
        assert math.isnan(encoded.value)
        assert encoded.outcome is Outcome.OVERFLOW_TO_NAN
    else:
        assert (encoded.value, encoded.outcome) == (-math.inf, Outcome.EXACT)
    if format is FP4_E2M1:
        with pytest.raises(InputError, match="FP4-E2M1 has no pattern for NaN"):
            format.encode(math.nan)
        with pytest.raises(InputError, match="FP4-E2M1 has no pattern for NaN"):
            format.round_array([math.nan])
    else:
        assert math.isnan(format.decode(format.encode(math.nan).pattern))
        assert math.isnan(format.round_array(math.nan))


def test_eight_and_four_bit_specials() -> None:
    """Micikevicius et al. 2022, table 1; OCP Microscaling Formats 1.0."""
    assert (FP8_E4M3.greatest, FP8_E5M2.greatest, FP4_E2M1.greatest) == (448.0, 57344.0, 6.0)
    assert [math.isnan(FP8_E4M3.decode(pattern)) for pattern in (0b0_1111_111, 0b1_1111_111, 0b0_1111_110)] == [True, True, False]
    assert [FP8_E5M2.decode(pattern) for pattern in (0b0_11111_00, 0b1_11111_00)] == [math.inf, -math.inf]
    assert all(math.isnan(FP8_E5M2.decode(pattern)) for pattern in (0b0_11111_01, 0b0_11111_10, 0b1_11111_11))
    assert [FP4_E2M1.decode(pattern) for pattern in range(8)] == [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    assert (FP8_E4M3.smallest_normal, FP8_E4M3.smallest_subnormal) == (2.0**-6, 2.0**-9)
    assert (FP8_E5M2.smallest_normal, FP8_E5M2.smallest_subnormal) == (2.0**-14, 2.0**-16)
    assert (FP4_E2M1.smallest_normal, FP4_E2M1.smallest_subnormal) == (1.0, 0.5)


def test_range_of_fp32_and_fp16() -> None:
    assert FP32.smallest_normal == 2.0**-126
    assert FP32.greatest == (2 - 2.0**-23) * 2.0**127
    assert FP16.smallest_normal == 2.0**-14 == 6.103515625e-5
    assert FP16.greatest == (2 - 2.0**-10) * 2.0**15 == 65504
    assert (FP32.smallest_subnormal, FP16.smallest_subnormal) == (2.0**-149, 2.0**-24)


def test_worked_examples() -> None:
    pattern = FP32.encode(0.265625).pattern
    assert FP32.split(pattern) == {"sign": 0, "exponent": 125, "mantissa": 1 << 19}
    assert FP32.scientific(pattern) == "1.0625 * 2^-2"
    assert FP32.written(pattern) == "0|01111101|00010000000000000000000"
    pattern = FP32.encode(3.125).pattern
    assert FP32.split(pattern) == {"sign": 0, "exponent": 128, "mantissa": 0b1001 << 19}
    assert FP32.scientific(pattern) == "1.5625 * 2^1"
    assert FP8_E4M3.scientific(1) == "0.125 * 2^-6"
    assert FP8_E4M3.scientific(0x80) == "-0.0"


def test_bf16_is_the_upper_half_of_fp32() -> None:
    for pattern in range(0, 0x7F80, 7):
        assert BF16.decode(pattern) == FP32.decode(pattern << 16)


@pytest.mark.parametrize("format", FLOATING_POINT, ids=lambda each: each.name)
@given(data=st.data())
def test_the_nearest_value(format: FloatingPoint, data: st.DataObject) -> None:
    """Half a unit in the last place at most, and the neighbours are that unit away."""
    value = data.draw(st.floats(-format.greatest, format.greatest))
    encoded = format.encode(value)
    assert abs(encoded.error(value)) <= format.ulp(value) / 2
    assert format.encode(encoded.value).outcome is Outcome.EXACT
    magnitude = encoded.pattern & ((1 << (format.bits - 1)) - 1)
    if abs(encoded.value) < format.greatest:
        assert format.decode(magnitude + 1) - format.decode(magnitude) == format.ulp(encoded.value)


@pytest.mark.parametrize("format", FLOATING_POINT, ids=lambda each: each.name)
def test_precision_at_one_is_the_machine_epsilon(format: FloatingPoint) -> None:
    assert format.ulp(1.0) == format.ulp(-1.0) == 2.0**-format.mantissa_bits
    assert format.ulp(0.0) == format.smallest_subnormal
    assert math.isnan(format.ulp(math.inf))


@given(FINITE_FLOAT32, FINITE_FLOAT32)
def test_encoding_is_monotonic(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    for format in FLOATING_POINT:
        assert format.encode(low, saturate=True).value <= format.encode(high, saturate=True).value


def test_exact_fractions_are_rounded_once() -> None:
    third = FP32.encode(Fraction(1, 3))
    assert third.value == float(np.float32(1) / np.float32(3))
    assert FP32.encode(Fraction(1, 10**400)).outcome is Outcome.UNDERFLOW
    assert FP32.encode(10**400).outcome is Outcome.OVERFLOW_TO_INFINITY
    assert FP32.encode(10**400).error(10**400) == 0.0
    assert FP32.encode(10**400, saturate=True).value == FP32.greatest
