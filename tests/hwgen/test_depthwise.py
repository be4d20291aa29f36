"""Depthwise convolutions: weight tiles, pairs, and what becomes an ordinary convolution."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.graph import DepthwiseConv2d, Padding, Window
from hwgen.compiler import compile_graph
from hwgen.compiler.convolution import weight_tiles
from hwgen.compiler.depthwise import depthwise_tiles
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import Operation

CONFIG = AcceleratorConfig(rows=4, cols=4, lanes=2, acc_depth=12)
PAIRS = AcceleratorConfig(rows=8, cols=2, lanes=1, weight_rows_per_cycle=2, acc_depth=12, depthwise_rows=3)
CONFIGS = (CONFIG, PAIRS, AcceleratorConfig(rows=2, cols=6, lanes=2, depthwise_rows=2), replace(CONFIG, depthwise_rows=1))


def layer(network, shape, window, *, channels=None, seed=0, **options):
    """A network of one depthwise convolution."""
    built = network(*shape, seed=seed)
    channels = channels or shape[2]
    weight = built.rng.integers(-127, 128, (*window.kernel, channels)).astype(np.int8)
    constants = built.weighted(np.moveaxis(weight, 2, 0), options)
    op = DepthwiseConv2d("depthwise", ("input",), "out", window=window, **{**constants, "weight": weight})
    return built.add(op, (*window.output_size(*shape[:2]), channels), -5).graph()


@settings(deadline=None)
@given(
    st.sampled_from(CONFIGS),
    st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 19)),
    st.integers(1, 3),
    st.booleans(),
)
def test_every_weight_lies_where_the_loader_takes_it(config, shape, dilation, pair):
    """Tile (group, ky, chunk, slice), row r, column c: tap chunk * K + r of the slice's channel c; nothing but 0 elsewhere."""
    extent = (shape[1] - 1) * dilation + 1
    taps = min(config.depthwise_taps, extent)
    chunks, channels = -(-extent // taps), config.pool_channels
    share = 2 if pair and config.depthwise_pairs and chunks == 1 else 1
    kernel = np.random.default_rng(0).integers(1, 128, shape).astype(np.int8)
    tiles = depthwise_tiles(kernel, dilation, share, config)
    groups = -(-shape[2] // (share * channels))
    order = list(product(range(groups), range(shape[0]), range(chunks), range(share)))
    rows = config.words_per_depthwise_tile * config.weight_rows_per_cycle
    assert tiles.shape == (len(order) * config.words_per_depthwise_tile, config.weight_rows_per_cycle * config.cols)
    for tile, (group, ky, chunk, part) in zip(tiles.reshape(len(order), rows, config.cols).view(np.int8), order, strict=True):
        for r, c in product(range(rows), range(config.cols)):
            tap, rest = divmod(chunk * taps + r, dilation)
            channel = (group * share + part) * channels + c
            there = r < taps and rest == 0 and tap < shape[1] and c < channels and channel < shape[2]
            assert tile[r, c] == (kernel[ky, tap, channel] if there else 0)


@pytest.mark.parametrize(
    ("config", "shape", "window", "paired", "groups"),
    [
        (PAIRS, (5, 7, 8), Window((3, 3), (2, 2)), 1, 2),
        (PAIRS, (5, 7, 3), Window((3, 3), (1, 2)), 1, 1),
        (PAIRS, (5, 7, 9), Window((3, 3), (2, 2)), 1, 3),
        (PAIRS, (5, 7, 2), Window((3, 3), (2, 2)), 0, 1),  # one slice has no partner
        (PAIRS, (5, 7, 8), Window((3, 3), (2, 1)), 0, 4),  # every column begins a pixel
        (PAIRS, (5, 7, 8), Window((3, 3), (2, 3)), 0, 4),
        (PAIRS, (5, 9, 8), Window((3, 4), (2, 2)), 0, 4),  # two chunks of taps
        (PAIRS, (5, 9, 8), Window((1, 2), (2, 2), dilation=(1, 2)), 1, 2),
        (CONFIG, (5, 7, 8), Window((3, 3), (2, 2)), 0, 2),  # a word is one slice
    ],
)
def test_pairs_where_two_slices_can_take_turns(network, config, shape, window, paired, groups):
    program = compile_graph(layer(network, shape, window), config)
    out = window.output_size(*shape[:2])
    for fields in program.descriptors:
        assert fields["operation"] == Operation.DEPTHWISE
        assert (fields["paired"], fields["groups"]) == (paired, groups)
        assert fields["pixels"] * (1 + paired) <= config.acc_depth
        assert fields["lane_groups"] == (1 + paired) * config.pool_channels // config.lanes
        words = program.weights.shape[0] // config.words_per_depthwise_tile
        assert fields["tiles"] == words == groups * (1 + paired) * window.kernel[0] * fields["kernel_x"]
        least = (fields["pixels_x"] - 1) * window.stride[1] + 1
        assert least <= fields["stream_x"] <= least + fields["dilation_x"]
    assert sum(fields["pixels"] for fields in program.descriptors) == out[0] * out[1]
    assert len(program.params) == -(-shape[2] // config.lanes) * config.lanes


def test_the_zero_point_is_folded_into_each_channel(network):
    graph = layer(network, (4, 4, 6), Window((3, 2), padding=Padding(1, 1, 0, 1)))
    op = graph.ops[0]
    program = compile_graph(graph, CONFIG)
    folded = op.bias - 3 * op.weight.astype(np.int64).sum(axis=(0, 1))
    assert [record & 0xFFFFFFFF for record in program.params] == [value & 0xFFFFFFFF for value in folded.tolist()]
    assert {fields["pad_value"] for fields in program.descriptors} == {3}


def test_several_outputs_for_an_input_are_a_convolution(network):
    """Output channel c reads input channel c // 2; every other weight is 0."""
    graph = layer(network, (4, 4, 3), Window((2, 2)), channels=6)
    program = compile_graph(graph, replace(CONFIG, dense_input=False))
    assert {fields["operation"] for fields in program.descriptors} == {Operation.CONV}
    kernel = np.zeros((6, 2, 2, 3), np.int8)
    for channel in range(6):
        kernel[channel, :, :, channel // 2] = graph.ops[0].weight[:, :, channel]
    np.testing.assert_array_equal(program.weights, weight_tiles(kernel, CONFIG))


def test_without_depthwise_rows_it_is_a_convolution(network):
    graph = layer(network, (4, 4, 5), Window((3, 3)))
    config = replace(CONFIG, depthwise_rows=0)
    program = compile_graph(graph, config)
    assert {fields["operation"] for fields in program.descriptors} == {Operation.CONV}
    kernel = np.zeros((5, 3, 3, 5), np.int8)
    for channel in range(5):
        kernel[channel, :, :, channel] = graph.ops[0].weight[:, :, channel]
    np.testing.assert_array_equal(program.weights, weight_tiles(kernel, config))
