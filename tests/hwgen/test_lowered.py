"""Weights with zero points as sums of int8 kernels, and parameter records."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.graph import FullyConnected, Window
from golden.rescale import Rescale
from hwgen.compiler import compile_graph
from hwgen.compiler.lowered import int8_parts, interleave, no_weights, records, wrap
from hwgen.config import AcceleratorConfig
from hwgen.params import encode_record

CONFIG = AcceleratorConfig(rows=4, cols=4, lanes=2, acc_depth=12)


def test_every_weight_and_zero_point():
    """All 65,536 pairs: the parts add up to the difference, which can need three, and none is there for nothing."""
    weight = np.arange(-128, 128).astype(np.int8)
    needed = set()
    for zero_point in range(-128, 128):
        parts = int8_parts(weight.reshape(1, 256), np.array([zero_point], np.int32), 0)
        difference = weight.astype(np.int64) - zero_point
        np.testing.assert_array_equal(np.sum([part.astype(np.int64) for part in parts], axis=0)[0], difference)
        assert all(part.dtype == np.int8 for part in parts)
        least = 1
        while not (-128 * least <= difference.min() and difference.max() <= 127 * least):
            least += 1
        assert len(parts) == least
        needed.add(least)
    assert needed == {1, 2, 3}


@pytest.mark.parametrize("axis", [0, 2])
def test_zero_points_belong_to_output_channels(axis):
    rng = np.random.default_rng(0)
    weight = rng.integers(-128, 128, (3, 4, 5)).astype(np.int8)
    zero_points = rng.integers(-128, 128, weight.shape[axis]).astype(np.int32)
    total = np.sum([part.astype(np.int64) for part in int8_parts(weight, zero_points, axis)], axis=0)
    for index in np.ndindex(weight.shape):
        assert total[index] == int(weight[index]) - zero_points[index[axis]]


def test_symmetric_weights_stay_as_they_are():
    weight = np.random.default_rng(1).integers(-128, 128, (2, 3)).astype(np.int8)
    (part,) = int8_parts(weight, np.zeros(2, np.int32), 0)
    np.testing.assert_array_equal(part, weight)
    (part,) = int8_parts(np.zeros((2, 3), np.int8), np.zeros(2, np.int32), 0)
    assert not part.any()


def test_a_group_has_all_its_kernels_before_the_next_group():
    words = [np.full((6, 2), 10 * kernel, np.uint8) + np.arange(6, dtype=np.uint8)[:, None] for kernel in range(3)]
    order = interleave(words, 2)[:, 0].tolist()
    assert order == [10 * kernel + word for group, kernel in product(range(2), range(3)) for word in range(3 * group, 3 * group + 3)]


def test_a_layer_whose_weights_have_zero_points_is_walked_again(network):
    """As often as there are parts; the zero point of the input is folded for the difference."""
    for zero_points, parts in (([0, 0, 0, 0, 0], 1), ([3, 0, -3, 0, 1], 2), ([0, -128, 0, 0, 127], 3)):
        weight = np.random.default_rng(2).integers(-128, 128, (5, 2, 2, 3)).astype(np.int8)
        weight[1, 0, 0, :2] = 127, -128
        weight[4, 0, 0, :2] = 127, -128
        built = network(4, 4, 3, zero_point=-9)
        graph = built.conv(5, Window((2, 2)), weight=weight, weight_zero_point=np.array(zero_points, np.int32)).graph()
        program = compile_graph(graph, CONFIG)
        assert {fields["extra_walks"] for fields in program.descriptors} == {parts - 1}
        tiles = len(program.weights) // CONFIG.words_per_tile
        assert {fields["tiles"] for fields in program.descriptors} == {tiles}
        (fields, *_) = program.descriptors
        assert tiles == parts * fields["groups"] * fields["kernel_y"] * fields["kernel_x"] * fields["channel_words"]
        difference = weight.astype(np.int64) - np.array(zero_points).reshape(-1, 1, 1, 1)
        folded = graph.ops[0].bias + 9 * difference.sum(axis=(1, 2, 3))
        assert [record & 0xFFFFFFFF for record in program.params[:5]] == [value & 0xFFFFFFFF for value in folded.tolist()]


def test_the_extremes_of_a_difference_count_for_the_overflow(network):
    """With a zero point a weight can be 255; 20-bit accumulators hold fewer of them."""
    built = network(20)
    op = FullyConnected(
        "fc",
        ("input",),
        "out",
        **built.weighted(np.full((1, 20), 127, np.int8), {"weight_zero_point": np.array([-128], np.int32), "bias": np.zeros(1, np.int32)}),
    )
    graph = built.add(op, (1,)).graph()
    with pytest.raises(Exception, match="a sum can reach 6") as caught:
        compile_graph(graph, AcceleratorConfig(rows=4, cols=4, lanes=2, acc_bits=20))
    assert caught.type.__name__ == "InputError"
    compile_graph(graph, AcceleratorConfig(rows=4, cols=4, lanes=2, acc_bits=24))


@settings(deadline=None)
@given(st.integers(-(2**40), 2**40), st.integers(2, 32))
def test_wrap(value, bits):
    wrapped = wrap(value, bits)
    assert (wrapped - value) % (1 << bits) == 0
    assert -(1 << (bits - 1)) <= wrapped < 1 << (bits - 1)


def test_records_fill_whole_lane_groups():
    """One factor serves all channels; lanes beyond the channels repeat the last record."""
    bias = np.array([5, -7, 2**40 + 3])
    made = records(CONFIG, bias, Rescale.from_real(CONFIG.rescale, 0.5))
    assert len(made) == 4
    assert made[3] == made[2]
    values = Rescale.from_real(CONFIG.rescale, 0.5)
    shift = {"right_shift": max(0, -int(values.shift[0])), "left_shift": max(0, int(values.shift[0]))}
    expected = [encode_record(CONFIG, {"bias": b, "multiplier": int(values.multiplier[0]), **shift}) for b in (5, -7, 3)]
    assert list(made[:3]) == expected


def test_no_weights():
    assert no_weights(CONFIG).shape == (0, CONFIG.weight_rows_per_cycle * CONFIG.cols)
