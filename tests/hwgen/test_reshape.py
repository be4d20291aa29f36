"""Reshapes that move channels: how pixels are cut and joined, and which reshapes move nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.graph import Lookup
from hwgen.compiler import Program, compile_graph
from hwgen.compiler.reshape import divided_shape
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import Operation

DEPTHS = dict.fromkeys(("act_depth", "weight_depth", "program_depth"), 1 << 16)
CONFIG = AcceleratorConfig(rows=4, cols=2, lanes=2, acc_depth=8, add_tables=1, **DEPTHS)
WIDE = AcceleratorConfig(rows=2, cols=6, lanes=1, acc_depth=5, **DEPTHS)


def played(program: Program, x: np.ndarray) -> np.ndarray:
    """The activation memory, uint8[words, R], after the descriptors were followed, each pixel and channel as section 6 of the
    specification says; bytes that nothing wrote are 0xEE."""
    config = program.config
    memory = np.full((program.act_words, config.rows), 0xEE, np.uint8)
    place = program.placements[program.graph.inputs[0]]
    height, width, channels = place.shape
    padded = np.full((height * width, place.words_per_pixel * config.rows), 0xEE, np.uint8)
    padded[:, :channels] = x.reshape(-1, channels).view(np.uint8)
    memory[place.base : place.base + place.words] = padded.reshape(-1, config.rows)
    tiles = program.weights.view(np.int8).reshape(-1, config.rows, config.cols).astype(np.int64)
    for fields in program.descriptors:
        assert fields["operation"] == Operation.CONV
        tile = fields["weight_address"] // config.words_per_tile
        for group in range(fields["groups"]):
            sums = np.zeros((fields["pixels_y"], fields["pixels_x"], config.cols), np.int64)
            for tap in range(fields["kernel_x"]):
                for word in range(fields["channel_words"]):
                    for row in range(fields["pixels_y"]):
                        for col in range(fields["pixels_x"]):
                            at = fields["act_address"] + row * fields["step_y"] + col * fields["step_x"] + word
                            at += tap * (fields["channel_words"] - 1 + fields["step_kernel_x"])
                            sums[row, col] += memory[at].view(np.int8).astype(np.int64) @ tiles[tile]
                    tile += 1
            last = group == fields["groups"] - 1
            lane_groups = fields["lane_groups_last"] if last else fields["lane_groups"]
            for lane in range(lane_groups * config.lanes):
                byte = (fields["lane_place"] + group * fields["lane_groups"]) * config.lanes + lane
                for row in range(fields["pixels_y"]):
                    for col in range(fields["pixels_x"]):
                        at = fields["output_address"] + row * fields["output_step_y"] + col * fields["output_step_x"] + byte // config.rows
                        memory[at, byte % config.rows] = sums[row, col, lane].astype(np.int8).view(np.uint8)
    return memory


shapes = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 13))


@st.composite
def reshapes(draw):
    """Two shapes of the same number of elements, the second now and then a vector."""
    source = draw(shapes)
    size = math.prod(source)
    channels = draw(st.sampled_from([d for d in range(1, size + 1) if size % d == 0]))
    pixels = size // channels
    height = draw(st.sampled_from([d for d in range(1, pixels + 1) if pixels % d == 0]))
    return source, (height, pixels // height, channels)


@settings(deadline=None, max_examples=60)
@given(reshapes(), st.sampled_from([CONFIG, WIDE]))
def test_every_element_comes_to_its_place(network, drawn, config):
    source, target = drawn
    if source[2] == target[2]:
        return
    built = network(*source).reshape(*target)
    program = compile_graph(built.graph(), config)
    x = built.inputs()[0]
    place = program.placements[built.current]
    memory = played(program, x)[place.base : place.base + place.words]
    stored = memory.view(np.int8).reshape(-1, place.words_per_pixel * config.rows)
    np.testing.assert_array_equal(stored[:, : target[2]].reshape(-1), x.reshape(-1))


@pytest.mark.parametrize(
    ("source", "target", "between"),
    [
        ((2, 2, 12), (4, 2, 6), None),
        ((4, 2, 6), (2, 2, 12), None),
        ((2, 2, 6), (3, 2, 4), (1, 12, 2)),
        ((1, 1, 24), (3, 2, 4), None),  # words of both
        ((1, 1, 30), (5, 3, 2), None),  # a word is two pixels
        ((2, 2, 5), (1, 4, 5), None),
        ((1, 7, 3), (1, 1, 21), None),
        ((5, 7, 9), (7, 9, 5), (1, 315, 1)),
    ],
)
def test_a_map_between_where_neither_divides_the_other(source, target, between):
    assert divided_shape(source, target, CONFIG) == between


def test_both_passes_and_the_map_between(network):
    built = network(2, 2, 6).reshape(3, 2, 4)
    program = compile_graph(built.graph(), CONFIG)
    assert [(layer.name, layer.output) for layer in program.layers] == [
        ("reshape_0 (divided)", "reshape_0 (divided)"),
        ("reshape_0", "reshape_0.out"),
    ]
    between = program.placements["reshape_0 (divided)"]
    assert between.shape == (1, 12, 2)


def test_a_flattened_map_that_is_read_as_a_vector(network):
    """A fully connected layer knows the order of a map; what takes a value at a time does not."""
    built = network(2, 3, 5).reshape(30)
    free = compile_graph(built.fully_connected(3).graph(), CONFIG)
    assert [layer.kind for layer in free.layers] == ["fully_connected"]
    built = network(2, 3, 5).reshape(30)
    built.add(Lookup("table", (built.current,), "y", table=np.arange(-128, 128)), (30,))
    moved = compile_graph(built.graph(), CONFIG)
    assert [layer.kind for layer in moved.layers] == ["reshape", "lookup"]
    assert moved.placements["reshape_0.out"].shape == (1, 1, 30)
