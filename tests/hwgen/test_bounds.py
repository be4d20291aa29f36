"""Overflow is refused exactly where an input reaches it: the worst input is built and run through the golden model's sums."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.errors import InputError
from golden.graph import AveragePool2d, Window
from golden.rescale import RescaleFormat
from hwgen.compiler import compile_graph
from hwgen.compiler.bounds import extreme_sums, overflow_problems
from hwgen.config import AcceleratorConfig


def config(acc_bits: int = 20, format: str = "tflite") -> AcceleratorConfig:
    return AcceleratorConfig(rows=4, cols=4, lanes=1, acc_bits=acc_bits, act_depth=2**16, rescale=RescaleFormat.parse(format))


weights = st.lists(st.lists(st.integers(-128, 127), min_size=5, max_size=5), min_size=1, max_size=4).map(np.array)


@settings(deadline=None)
@given(weights, st.integers(-128, 127), st.integers(-(2**20), 2**20))
def test_the_extremes_are_reached_and_not_exceeded(weight, zero_point, offset):
    """The input that is 127 where the weight is positive and -128 elsewhere reaches the top; its opposite the bottom."""
    bias = np.full(len(weight), offset)
    low, high = extreme_sums(weight, zero_point, bias)

    def sums(x: np.ndarray) -> np.ndarray:
        return weight @ (x.T - zero_point) + bias[:, None]

    for channel, row in enumerate(weight):
        assert sums(np.where(row > 0, 127, -128)[None])[channel, 0] == high[channel]
        assert sums(np.where(row > 0, -128, 127)[None])[channel, 0] == low[channel]
    random = sums(np.random.default_rng(0).integers(-128, 128, (200, 5)))
    assert (low <= random.min(axis=1)).all()
    assert (random.max(axis=1) <= high).all()


@pytest.mark.parametrize("acc_bits", [20, 27, 32])
def test_the_last_sum_that_fits_passes_and_the_next_is_refused(acc_bits):
    top = 1 << (acc_bits - 1)
    none = np.zeros(2, np.int64)
    for low, high in ((-top, 0), (0, top - 1), (-top, top - 1)):
        assert overflow_problems("x", config(acc_bits), np.array([low, 0]), np.array([0, high]), none) == []
    for low, high, reach in ((-top - 1, 0, top), (0, top, top), (-5, 4 * top, 4 * top)):
        (problem,) = overflow_problems("x", config(acc_bits), np.array([low, 0]), np.array([0, high]), none)
        assert problem == f"layer x: a sum can reach {reach}, which takes {reach.bit_length() + 1} bits; the accumulators have {acc_bits}"


@pytest.mark.parametrize(
    ("low", "high", "shift", "fits"), [(-1, 2**24 - 1, 7, True), (-(2**24), 0, 7, True), (0, 2**24, 7, False), (-(2**24) - 1, 0, 7, False)]
)
def test_tflites_left_shift_stays_within_32_bits(low, high, shift, fits):
    problems = overflow_problems("x", config(32), np.array([low]), np.array([high]), np.array([shift]))
    assert problems == ([] if fits else ["layer x: a sum shifted left by up to 7 leaves 32 bits before the multiplication"])
    assert overflow_problems("x", config(32, "shift"), np.array([low]), np.array([high]), np.array([shift])) == [], (
        "shift has wider results"
    )


def worst_case(network, bias: int, *, acc_bits: int = 20, zero_point: int = -128):
    """One channel of 16 weights of 127: its sum over x in -128 .. 127 is from bias to bias + 16 * 127 * 255."""
    weight = np.full((1, 1, 1, 16), 127, np.int8)
    built = network(1, 1, 16, zero_point=zero_point).conv(1, Window((1, 1)), weight=weight, bias=np.array([bias], np.int32))
    return built.graph(), config(acc_bits)


def test_a_network_is_refused_exactly_when_an_input_overflows(network):
    reach = 16 * 127 * 255
    fits = 2**19 - 1 - reach
    graph, small = worst_case(network, fits)
    compile_graph(graph, small)
    graph, small = worst_case(network, fits + 1)
    with pytest.raises(InputError, match="a sum can reach 524288, which takes 21 bits; the accumulators have 20") as caught:
        compile_graph(graph, small)
    assert "layer conv_0" in caught.value.problems[0]
    # The input that does it: the largest everywhere.
    op = graph.ops[0]
    assert int(op.weight.astype(np.int64).reshape(-1) @ np.full(16, 127 - -128)) + int(op.bias[0]) == 2**19


def test_sums_of_raw_inputs_may_leave_the_accumulator(network):
    """The hardware sums raw inputs; only the sum with the folded bias has to fit.  `test_core` runs this network."""
    weight = np.array([127] * 32 + [48], np.int8)
    low, high = extreme_sums(weight[None].astype(np.int64), -128, np.array([-(2**19)]))
    assert (low[0], high[0]) == (-(2**19), 2**19 - 1 - 15), "all of 20 bits"
    assert -128 * int(weight.sum()) < -(2**19), "the sum of raw inputs of -128 has left them"
    shape = {"weight": weight.reshape(1, 1, 1, 33), "bias": np.array([-(2**19)], np.int32)}
    compile_graph(network(1, 1, 33, zero_point=-128).conv(1, Window((1, 1)), **shape).graph(), config(20))


@pytest.mark.parametrize("format", ["tflite", "fixed32", "shift"])
def test_average_pooling_is_refused_exactly_when_its_sum_overflows(network, format):
    """4,096 values of -128 sum up to -2^19, whose magnitude 20 bits do not hold; half as many, and 21 bits, do."""

    def graph(height: int, width: int):
        return network(height, width, 1, format=RescaleFormat.parse(format)).pool(AveragePool2d, Window((height, width))).graph()

    compile_graph(graph(64, 32), config(20, format))
    compile_graph(graph(64, 64), config(21, format))
    with pytest.raises(InputError, match="layer pool_0: a sum can reach 524288, which takes 21 bits; the accumulators have 20"):
        compile_graph(graph(64, 64), config(20, format))
