"""The multiplier at the widths that the accelerator uses; `test_pe` has all products of two int8 values."""

from __future__ import annotations

import random

import pytest

from hwgen.gateware.multiplier import LATENCY, WIDE_LATENCY, Multiplier


@pytest.mark.parametrize(("a_bits", "b_bits"), [(8, 8), (20, 4), (24, 16), (32, 32)])
def test_products_of_extreme_and_random_operands(pipeline, a_bits, b_bits):
    rng = random.Random(a_bits)

    def ends(bits: int) -> list[int]:
        top = 1 << (bits - 1)
        return [-top, -top + 1, -1, 0, 1, top - 1]

    pairs = [(a, b) for a in ends(a_bits) for b in ends(b_bits)]
    pairs += [tuple(rng.randrange(-1 << (bits - 1), 1 << (bits - 1)) for bits in (a_bits, b_bits)) for _ in range(500)]
    a, b = ([pair[side] for pair in pairs] for side in (0, 1))
    dut = Multiplier(a_bits, b_bits)
    assert dut.latency == (LATENCY if a_bits == 8 else WIDE_LATENCY)
    assert pipeline(dut, {"a": a, "b": b}, "product", dut.latency) == [x * y for x, y in pairs]
