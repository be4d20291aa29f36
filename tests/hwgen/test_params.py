"""The parameter record: its fields per format, and the shifts that the hardware has."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.rescale import Rescale, RescaleFormat
from hwgen.config import AcceleratorConfig
from hwgen.params import encode_record, param_bits, param_fields, shift_problems, shifts

FORMATS = ("shift", "fixed4", "fixed16", "fixed32", "tflite")


def config(format: str, acc_bits: int = 32) -> AcceleratorConfig:
    return AcceleratorConfig(rows=4, cols=4, lanes=1, rescale=RescaleFormat.parse(format), acc_bits=acc_bits)


def rescale(format: str, *shift: int) -> Rescale:
    return Rescale(RescaleFormat.parse(format), np.ones(len(shift), np.int64), np.array(shift))


@pytest.mark.parametrize(
    ("format", "names", "bits"),
    [
        ("shift", ["bias", "right_shift", "left_shift"], 32 + 5 + 3),
        ("fixed16", ["bias", "multiplier", "right_shift"], 32 + 16 + 6),
        ("tflite", ["bias", "multiplier", "right_shift", "left_shift"], 32 + 32 + 5 + 3),
    ],
)
def test_fields_of_a_format(format, names, bits):
    assert [field.name for field in param_fields(config(format))] == names
    assert param_bits(config(format)) == bits
    assert param_bits(config(format, acc_bits=24)) == bits - 8


@settings(deadline=None)
@given(st.sampled_from(FORMATS), st.integers(20, 32), st.data())
def test_a_record_holds_each_field_at_its_place(format, acc_bits, data):
    fields = param_fields(config(format, acc_bits))
    values = {
        field.name: data.draw(st.integers(-(1 << (field.bits - 1)) if field.signed else 0, (1 << (field.bits - field.signed)) - 1))
        for field in fields
    }
    record = encode_record(config(format, acc_bits), {**dict.fromkeys(("multiplier", "left_shift"), 99), **values})
    assert 0 <= record < 1 << param_bits(config(format, acc_bits))
    for field in fields:
        raw = record & ((1 << field.bits) - 1)
        record >>= field.bits
        assert (raw - (1 << field.bits) if field.signed and raw >> (field.bits - 1) else raw) == values[field.name]
    assert record == 0


def test_shifts_are_what_the_hardware_performs():
    """TFLITE's exponent is a left shift when positive, the others' shift a right shift."""
    for format, right, left in (("tflite", [5, 0, 0], [0, 0, 3]), ("shift", [0, 0, 3], [5, 0, 0])):
        found = shifts(rescale(format, -5, 0, 3))
        assert [array.tolist() for array in found] == [right, left]
    assert [array.tolist() for array in shifts(rescale("fixed16", 1, 20))] == [[1, 20], [0, 0]]


@pytest.mark.parametrize(
    ("format", "acc_bits", "right", "left"),
    [
        ("shift", 32, (0, 31), 7),
        ("tflite", 32, (0, 31), 7),
        ("fixed16", 32, (1, 47), 0),
        ("fixed32", 32, (1, 62), 0),
        ("fixed8", 20, (1, 27), 0),
    ],
)
def test_shifts_that_the_hardware_lacks_are_named(format, acc_bits, right, left):
    """`right` and `left` as the hardware performs them; the rescale of TFLITE holds the opposite sign."""
    sign = -1 if format == "tflite" else 1
    assert shift_problems(config(format, acc_bits), rescale(format, sign * right[0], sign * right[1])) == []
    for wrong in {right[0] - 1, right[1] + 1} - {-1}:
        message = f"right shifts from {wrong} to {wrong}, but the hardware has {right[0]} to {right[1]}"
        assert shift_problems(config(format, acc_bits), rescale(format, sign * wrong)) == [message]
    if left:
        assert shift_problems(config(format, acc_bits), rescale(format, -sign * left)) == []
        message = f"left shifts up to {left + 1}, but the hardware has 0 to {left}"
        assert shift_problems(config(format, acc_bits), rescale(format, -sign * (left + 1))) == [message]


def test_both_directions_are_named_at_once():
    assert len(shift_problems(config("shift"), rescale("shift", -8, 32))) == 2


@pytest.mark.parametrize("format", FORMATS)
def test_a_rescale_for_no_channel_has_no_problem(format):
    assert shift_problems(config(format), rescale(format)) == []
