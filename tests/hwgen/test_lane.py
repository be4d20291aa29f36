"""A lane: bias, rescale, zero point and clamp against the golden model's arithmetic; magnitudes against exact division."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.rescale import Rescale, RescaleFormat, RescaleKind
from hwgen.compiler.reciprocal import reciprocal
from hwgen.config import AcceleratorConfig
from hwgen.gateware.lane import Lane
from hwgen.gateware.rescaler import rescaler_type
from hwgen.params import shifts

FORMATS = ("shift", "fixed8", "fixed16", "fixed32", "tflite")


def config(format: str, acc_bits: int = 32) -> AcceleratorConfig:
    return AcceleratorConfig(rows=4, cols=4, lanes=1, rescale=RescaleFormat.parse(format), acc_bits=acc_bits)


def run(
    pipeline, made: AcceleratorConfig, acc, bias, rescale: Rescale, *, zero_point=0, act_min=-128, act_max=127, magnitude=0
) -> list[int]:
    """Results of acc and bias, int64[N] each, and a rescale of N channels, which arrives `PARAMETER_DELAY` cycles after its accumulator."""
    right, left = shifts(rescale)
    late = {"right_shift": right}
    if made.rescale.kind is not RescaleKind.SHIFT:
        late["multiplier"] = rescale.multiplier
    if made.rescale.kind is not RescaleKind.FIXED:
        late["left_shift"] = left
    rest = [0] * Lane.PARAMETER_DELAY
    constants = {"zero_point": zero_point, "act_min": act_min, "act_max": act_max, "magnitude": magnitude}
    count = len(acc) + Lane.PARAMETER_DELAY
    inputs = {"acc": [*acc, *rest], "bias": [*bias, *rest]}
    inputs |= {name: [*rest, *values] for name, values in late.items()}
    inputs |= {name: [value] * count for name, value in constants.items()}
    return pipeline(Lane(made), inputs, "result", Lane.latency(made))[: len(acc)]


def golden(acc, bias, rescale: Rescale, zero_point: int, act_min: int, act_max: int) -> list[int]:
    return np.clip(rescale.apply(acc + bias) + zero_point, act_min, act_max).tolist()


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("zero_point", "act_min", "act_max"),
    [(0, -128, 127), (-128, -128, 127), (127, -128, 127), (-7, -7, 90), (5, 20, 20), (127, -128, -100), (-128, 100, 127)],
)
def test_outputs_around_both_clamps(pipeline, format, zero_point, act_min, act_max):
    """M = 1/64: results from -600 to 600, so that each clamp is reached from both sides, and every value between them."""
    made = config(format)
    acc = np.arange(-600 * 64, 600 * 64, 37)
    bias = np.resize([0, -5, 1000, -1000], acc.size)
    rescale = Rescale.from_real(made.rescale, np.full(acc.size, 1 / 64))
    got = run(pipeline, made, acc, bias, rescale, zero_point=zero_point, act_min=act_min, act_max=act_max)
    assert got == golden(acc, bias, rescale, zero_point, act_min, act_max)
    assert {act_min, act_max} <= set(got)


@pytest.mark.parametrize("format", FORMATS)
def test_the_largest_rescaled_values_are_clamped(pipeline, format):
    """M >= 1 makes the widest results that a format has: nothing wraps before the clamp."""
    made = config(format)
    top = 2**31
    largest = {"shift": 7, "tflite": 0}.get(format, 0)
    acc = np.array([-top, -top + 1, -1, 0, 1, top - 2, top - 1])
    factors = np.full(acc.size, 2.0**largest if format == "shift" else 1 - 2.0 ** (1 - made.rescale.bits))
    rescale = Rescale.from_real(made.rescale, factors)
    for zero_point in (-128, 127):
        assert run(pipeline, made, acc, np.zeros_like(acc), rescale, zero_point=zero_point) == golden(
            acc, np.zeros_like(acc), rescale, zero_point, -128, 127
        )


@settings(deadline=None, max_examples=12)
@given(st.sampled_from(FORMATS), st.integers(-128, 127), st.tuples(st.integers(-128, 127), st.integers(-128, 127)).map(sorted), st.data())
def test_random(pipeline, format, zero_point, clamp, data):
    made = config(format)
    size = 60
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    acc, bias = rng.integers(-(2**30), 2**30, size), rng.integers(-(2**29), 2**29, size)
    rescale = Rescale.from_real(made.rescale, np.exp2(rng.uniform(-30, -1, size)))
    got = run(pipeline, made, acc, bias, rescale, zero_point=zero_point, act_min=clamp[0], act_max=clamp[1])
    assert got == golden(acc, bias, rescale, zero_point, *clamp)


def test_accumulator_and_bias_may_each_have_wrapped(pipeline):
    """Only their sum has to fit (SPEC section 7)."""
    made = config("tflite", acc_bits=20)
    true = np.array([-(2**19), -1, 0, 5, 2**19 - 1])
    for folded in (-(2**19), 2**18 + 3, 2**19 - 1):
        wrapped = (true - folded + 2**19) % 2**20 - 2**19
        rescale = Rescale.from_real(made.rescale, np.full(true.size, 1 / 4096))
        assert run(pipeline, made, wrapped, np.full(true.size, folded), rescale) == golden(true, 0 * true, rescale, 0, -128, 127)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 9])
def test_magnitudes_divide_every_sum(pipeline, format, count):
    """Average pooling: halves round away from zero, for every sum of `count` int8 values."""
    made = config(format)
    constants = reciprocal(made.rescale, count)
    if constants is None:
        assert format in ("shift", "fixed8"), "only narrow formats cannot divide by so little"
        return
    sums = np.arange(-128 * count, 127 * count + 1)
    rescale = Rescale(made.rescale, np.resize(constants.multiplier, sums.size), np.resize(constants.shift, sums.size))
    got = run(pipeline, made, sums, 0 * sums, rescale, magnitude=1)
    assert got == [(1 if s > 0 else -1) * ((abs(s) + count // 2) // count) for s in sums.tolist()]


@pytest.mark.parametrize("format", FORMATS)
def test_latency(format):
    made = config(format)
    assert Lane.latency(made) == {"shift": 7, "fixed8": 11, "fixed16": 11, "fixed32": 11, "tflite": 13}[format]
    assert Lane.latency(made) == rescaler_type(made).LATENCY + 4
