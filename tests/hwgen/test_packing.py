"""Which inputs are stored without gaps, which convolutions get a pack pass, and what both do to the program."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from golden.graph import Conv2d, MaxPool2d, Padding, Window
from hwgen.compiler import compile_graph
from hwgen.compiler.convolution import weight_tiles
from hwgen.compiler.packing import PACK, dense_inputs, packs
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import Operation

CONFIG = AcceleratorConfig(rows=8, cols=4, lanes=1, acc_depth=16)


@pytest.mark.parametrize(
    ("shape", "window", "options", "dense"),
    [
        ((5, 9, 2), Window((3, 3)), {}, True),
        ((5, 9, 4), Window((3, 2)), {}, True),  # two taps fill a word
        ((5, 9, 4), Window((3, 3)), {}, False),  # three do not fit
        ((5, 9, 5), Window((3, 1)), {}, False),  # a word holds one pixel at most
        ((5, 9, 1), Window((3, 8)), {}, True),
        ((5, 9, 1), Window((3, 9)), {}, False),
        ((5, 9, 4), Window((1, 1), (1, 2)), {}, True),
        ((5, 9, 4), Window((1, 1), (1, 3)), {}, False),  # a stride of more than a word
        ((5, 9, 2), Window((3, 3), dilation=(2, 1)), {}, True),
        ((5, 9, 2), Window((3, 3), dilation=(1, 2)), {}, False),  # taps with gaps
        ((5, 9, 2), Window((3, 3), padding=Padding(3, 3, 2, 5)), {}, True),
        ((5, 9, 2), Window((3, 3), padding=Padding(0, 0, 3, 0)), {}, False),  # a first window outside the row
        ((5, 19, 2), Window((3, 3)), {}, False),  # a row of outputs does not fit a bank
        ((5, 18, 2), Window((3, 3)), {}, True),
        ((5, 9, 2), Window((3, 3)), {"dense_input": False}, False),
    ],
)
def test_inputs_that_the_byte_shifter_can_read(network, shape, window, options, dense):
    config = replace(CONFIG, **options)
    graph = network(*shape).conv(3, window).graph()
    assert dense_inputs(graph, config) == ({"input"} if dense else set())
    program = compile_graph(graph, config)
    place = program.placements["input"]
    assert place.dense == dense
    assert any(fields["dense"] for fields in program.descriptors) == dense
    if dense:
        assert place.words_per_row == -(-shape[1] * shape[2] // config.rows)
        assert place.words == shape[0] * place.words_per_row
    assert not program.placements["conv_0.out"].dense, "only inputs are"


def test_an_input_that_something_else_reads_stays_as_pixels(network):
    built = network(5, 9, 2).conv(3, Window((3, 3)))
    built.current = "input"
    assert dense_inputs(built.graph(), CONFIG) == set(), "an input that is an output"
    pooled = built.pool(MaxPool2d, Window((2, 2))).graph()
    assert dense_inputs(pooled, CONFIG) == set()
    vector = network(4).fully_connected(3).graph()
    assert dense_inputs(vector, CONFIG) == set()


@pytest.mark.parametrize(
    ("channels", "window", "outputs", "lanes", "expected"),
    [
        (1, Window((3, 3)), 4, 1, False),  # 3 rows + 2 tiles against 3 tiles of one group
        (1, Window((3, 3)), 12, 1, False),  # 3 + 3 * 2 against 3 * 3
        (1, Window((3, 3)), 16, 1, True),  # 3 + 4 * 2 against 4 * 3
        (1, Window((4, 2)), 8, 1, True),  # 4 + 2 * 1 against 2 * 4
        (1, Window((4, 2)), 4, 1, False),  # 4 + 1 against 4
        (1, Window((4, 2)), 8, 2, True),
        (1, Window((4, 3)), 40, 2, False),  # a kernel row of 3 bytes is no multiple of the lanes
        (2, Window((4, 2)), 40, 4, True),
        (1, Window((4, 5)), 40, 1, False),  # more bytes than a slice has
        (1, Window((1, 4)), 40, 1, False),  # nothing to gather
    ],
)
def test_a_pack_pass_where_it_pays(network, channels, window, outputs, lanes, expected):
    config = replace(CONFIG, lanes=lanes)
    graph = network(6, 7, channels).conv(outputs, window).graph()
    (op,) = graph.ops
    assert isinstance(op, Conv2d)
    assert packs(op, channels, config) == expected
    program = compile_graph(graph, config)
    assert [layer.kind for layer in program.layers] == ([PACK] if expected else []) + ["conv2d"]


def test_the_cycles_of_the_words_agree_with_the_choice(network):
    """Words through the feeder with a pack pass and without, which is what the choice is about."""
    window = Window((4, 2))
    graph = network(8, 5, 1).conv(8, window).graph()
    with_pack = compile_graph(graph, CONFIG)
    without = compile_graph(graph, replace(CONFIG, cols=2, rows=8, lanes=2, dense_input=True))
    pixels = 5 * 4
    assert sum(layer.busy for layer in with_pack.layers) == (4 + 2 * 1) * pixels
    assert [layer.kind for layer in without.layers] == [PACK, "conv2d"]


def test_a_packed_convolution(network):
    """Two layers for one operator: the pack pass fills a map of its own, the convolution reads it with a kernel of one tap."""
    window = Window((4, 2), padding=Padding(1, 2, 1, 0))
    graph = network(6, 7, 1).conv(8, window).pool(MaxPool2d, Window((2, 2))).graph()
    program = compile_graph(graph, CONFIG)
    pack, conv, pool = program.layers
    assert (pack.name, pack.kind, pack.output, pack.macs) == ("conv_0 (pack)", PACK, "conv_0 (packed)", 0)
    assert (conv.name, conv.kind, conv.output) == ("conv_0", "conv2d", "conv_0.out")
    assert conv.macs == 8 * 6 * 7 * 8
    packed, out = program.placements["conv_0 (packed)"], program.placements["conv_0.out"]
    assert packed.shape == (6, 7, 8)
    kernel = graph.ops[0].weight.reshape(8, 1, 1, 8)
    np.testing.assert_array_equal(program.weights, weight_tiles(kernel, CONFIG))
    assert len(program.params) == 8 + 1 + 1, "channels, the pack pass, the pooling"
    packing = [fields for fields in program.descriptors if fields["layer"] == pack.index]
    convolving = [fields for fields in program.descriptors if fields["layer"] == conv.index]
    assert [fields["barrier"] for fields in packing] == [1] + [0] * (len(packing) - 1)
    assert [fields["barrier"] for fields in convolving] == [1] + [0] * (len(convolving) - 1)
    assert {(fields["operation"], fields["dense"], fields["param_address"]) for fields in packing} == {(Operation.MAX_POOL, 1, 8)}
    assert {(fields["operation"], fields["dense"], fields["param_address"]) for fields in convolving} == {(Operation.CONV, 0, 0)}
    assert {(fields["kernel_y"], fields["kernel_x"]) for fields in convolving} == {(1, 1)}
    places = sorted([(packed.base, packed.words), (out.base, out.words), (program.placements["input"].base, 6)])
    assert all(base + words <= after for (base, words), (after, _) in pairwise(places)), "all three at a time"
    assert pool.index == 2


def test_a_dense_convolution_without_a_pack_pass(network):
    """A kernel row is one tap of kw * Cin channels."""
    graph = network(5, 9, 2).conv(3, Window((3, 3), padding=Padding(1, 1, 1, 1))).graph()
    program = compile_graph(graph, CONFIG)
    kernel = graph.ops[0].weight.reshape(3, 3, 1, 6)
    np.testing.assert_array_equal(program.weights, weight_tiles(kernel, CONFIG))
    (fields, *_) = program.descriptors
    assert (fields["dense"], fields["width"], fields["start_x"], fields["stride_x"]) == (1, 18, -2, 2)
    assert (fields["dense_byte"], fields["dense_shift"]) == (3, 3)
