"""The rescalers against `golden.rescale`: exhaustively on small domains, at every kind of tie, at the ends of 32 bits."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.rescale import Rescale, RescaleFormat, RescaleKind, saturating_rounding_doubling_high_mul
from hwgen.config import AcceleratorConfig
from hwgen.gateware.rescaler import rescaler, rescaler_type
from hwgen.params import shift_problems, shifts

INT32 = [-(2**31), -(2**31) + 1, -1, 0, 1, 2**31 - 2, 2**31 - 1]


def config(format: str, acc_bits: int = 32) -> AcceleratorConfig:
    return AcceleratorConfig(rows=4, cols=4, lanes=1, rescale=RescaleFormat.parse(format), acc_bits=acc_bits)


def check(pipeline, format: str, cases: list[tuple[int, int, int]], acc_bits: int = 32) -> list[int]:
    """cases: (accumulator, multiplier, shift in the format's own meaning), each within what the compiler lets pass; gives the results."""
    made = config(format, acc_bits)
    acc, multiplier, shift = (np.array(column, dtype=np.int64) for column in zip(*cases, strict=True))
    rescale = Rescale(made.rescale, multiplier, shift)
    assert not shift_problems(made, rescale)
    right, left = shifts(rescale)
    kind = made.rescale.kind
    inputs = {"acc": acc, "right_shift": right}
    if kind is not RescaleKind.SHIFT:
        inputs["multiplier"] = multiplier
    if kind is not RescaleKind.FIXED:
        inputs["left_shift"] = left
    got = pipeline(rescaler(made), inputs, "result", rescaler_type(made).LATENCY)
    assert got == rescale.apply(acc).tolist()
    return got


# --- shift ---------------------------------------------------------------------------------------


def test_shift_every_small_accumulator(pipeline):
    check(pipeline, "shift", list(product(range(-140, 141), [0], range(-7, 10))))


@pytest.mark.parametrize("acc_bits", [20, 23, 24, 32])
def test_shift_ends_and_ties_at_every_shift(pipeline, acc_bits):
    """Ties go toward +infinity.  A shift beyond the accumulator's width leaves 0 or a rounded 0, never -1 for a small negative value."""
    top = 1 << (acc_bits - 1)
    ends = [-top, -top + 1, -3, -2, -1, 0, 1, 2, top - 1]
    ties = [(odd << shift >> 1, 0, shift) for shift in range(1, 32) for odd in range(-7, 8, 2) if -top <= odd << shift >> 1 < top]
    check(pipeline, "shift", [*product(ends, [0], range(-7, 32)), *ties], acc_bits)


# --- fixed point ---------------------------------------------------------------------------------


def test_fixed_every_small_product(pipeline):
    """A multiplier of 4 bits has 8 values; every accumulator of 6 bits, every shift to 8."""
    check(pipeline, "fixed4", list(product(range(-32, 32), range(8), range(1, 9))))


@pytest.mark.parametrize(("format", "acc_bits"), [("fixed4", 20), ("fixed8", 32), ("fixed16", 24), ("fixed32", 32), ("fixed32", 20)])
def test_fixed_ends_and_ties_at_every_shift(pipeline, format, acc_bits):
    bits = RescaleFormat.parse(format).bits
    top, most = 1 << (acc_bits - 1), (1 << (bits - 1)) - 1
    last = min(62, acc_bits + bits - 1)
    ends = product([-top, -top + 1, -1, 0, 1, top - 1], [0, 1, most // 2, most], range(1, last + 1))
    # acc * m = odd * 2^(s - 1): m a power of two, so that every odd number can be reached.
    power = bits - 2
    ties = [
        (odd << (shift - 1 - power), 1 << power, shift)
        for shift in range(power + 1, last + 1)
        for odd in range(-7, 8, 2)
        if -top <= odd << (shift - 1 - power) < top
    ]
    check(pipeline, format, [*ends, *ties], acc_bits)


@settings(deadline=None, max_examples=10)
@given(st.integers(4, 32), st.integers(20, 32), st.data())
def test_fixed_random(pipeline, bits, acc_bits, data):
    case = st.tuples(
        st.integers(-(1 << (acc_bits - 1)), (1 << (acc_bits - 1)) - 1),
        st.integers(0, (1 << (bits - 1)) - 1),
        st.integers(1, min(62, acc_bits + bits - 1)),
    )
    check(pipeline, f"fixed{bits}", data.draw(st.lists(case, min_size=50, max_size=100)), acc_bits)


# --- TensorFlow Lite -----------------------------------------------------------------------------


def fits(acc: int, exponent: int) -> bool:
    return -(2**31) <= acc << max(exponent, 0) < 2**31


def test_tflite_ends_at_every_exponent(pipeline):
    multipliers = [0, 1, 2**30 - 1, 2**30, 2**30 + 1, 2**31 - 1]
    check(pipeline, "tflite", [case for case in product(INT32, multipliers, range(-31, 8)) if fits(case[0], case[2])])


def test_tflite_both_roundings_at_every_tie(pipeline):
    """m = 2^30 halves: an odd accumulator is a tie of the first rounding (toward +infinity), its half a tie of the second (away from 0)."""
    first = [(acc, 2**30, exponent) for acc in range(-67, 68) for exponent in (0, -1, -2, -3)]
    second = [(odd << exponent, 2**30, -exponent) for exponent in range(1, 31) for odd in range(-7, 8) if abs(odd << exponent) < 2**31]
    results = check(pipeline, "tflite", first + second)
    by_case = dict(zip(first + second, results, strict=True))
    assert [by_case[acc, 2**30, 0] for acc in (-3, -1, 1, 3)] == [-1, 0, 1, 2]
    assert [by_case[odd << 1, 2**30, -1] for odd in (-3, -1, 1, 3)] == [-2, -1, 1, 2]


def test_tflite_saturates(pipeline):
    """(-2^31)^2 doubled is the one product beyond 32 bits.  No network has a negative multiplier; the hardware keeps the definition."""
    check(pipeline, "tflite", [(-(2**31), -(2**31), exponent) for exponent in range(-31, 1)] + [(-(2**31), -(2**31) + 1, 0)])
    assert saturating_rounding_doubling_high_mul(np.array([-(2**31)]), np.array([-(2**31)])) == [2**31 - 1]


cases = st.tuples(
    st.integers(-(2**31), 2**31 - 1) | st.sampled_from(INT32), st.integers(0, 2**31 - 1) | st.just(2**30), st.integers(-31, 7)
).filter(lambda case: fits(case[0], case[2]))


@settings(deadline=None, max_examples=10)
@given(st.lists(cases, min_size=100, max_size=200))
def test_tflite_random(pipeline, drawn):
    check(pipeline, "tflite", drawn)


@pytest.mark.parametrize("acc_bits", [20, 24])
def test_tflite_of_a_narrow_accumulator(pipeline, acc_bits):
    """The accumulator is extended before the left shift."""
    top = 1 << (acc_bits - 1)
    check(pipeline, "tflite", list(product([-top, -1, 0, 1, top - 1], [2**30, 2**31 - 1], [-5, 0, 7])), acc_bits)
