"""The cycle model against the closed forms of SPEC section 5; `test_core` holds it against the hardware."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from golden.graph import AveragePool2d, DepthwiseConv2d, MaxPool2d, Padding, Window
from golden.rescale import RescaleFormat
from hwgen.compiler import compile_graph
from hwgen.config import NAMED, AcceleratorConfig
from hwgen.cycles import predict
from hwgen.descriptor import WORDS

RESCALER = {"shift": 3, "fixed": 7, "tflite": 9}


def config(rows: int, cols: int, **more: object) -> AcceleratorConfig:
    return AcceleratorConfig(rows=rows, cols=cols, **{"lanes": 1, "act_depth": 2**16, "weight_depth": 2**16, **more})


@dataclass(frozen=True)
class Shape:
    """A layer in one pixel tile, in the terms of the specification: groups G, weight tiles of a group T, pixels P, channels."""

    config: AcceleratorConfig
    groups: int
    tiles: int
    pixels: int
    channels: int

    # The specification's symbols, from its text and not from the classes.

    @property
    def interval(self) -> int:
        """I: cycles between two sets of parameters."""
        return self.config.lanes + 5

    @property
    def lane_groups(self) -> int:
        """K of a full group."""
        return self.config.cols // self.config.lanes

    @property
    def last_lane_groups(self) -> int:
        return -(-self.channels // self.config.lanes) - (self.groups - 1) * self.lane_groups

    @property
    def path(self) -> int:
        return self.config.rows + self.config.cols + 7

    @property
    def post(self) -> int:
        return 8 + RESCALER[self.config.rescale.kind.value]

    def hidden(self, lane_groups: int, path: int) -> bool:
        """Whether post-processing keeps up: it takes no longer than the array for a group, and the bank is back in time."""
        group, space = self.tiles * self.pixels, max(self.pixels, self.interval)
        back = (lane_groups - 1) * space + max(path + 3, self.pixels + 4)
        return self.groups == 1 or group >= max(lane_groups * space, back)

    def tail(self, path: int) -> int:
        """From a layer's last issue to the cycle in which everything is in memory."""
        return path + 2 + (self.last_lane_groups - 1) * max(self.pixels, self.interval) + self.pixels + self.post

    @property
    def cycles(self) -> int:
        """Of a layer that finds its descriptor and its weights there, between two others."""
        return self.groups * self.tiles * self.pixels + self.tail(self.path)


FETCH = WORDS + 2
FIRST = FETCH + 2  # the first layer's descriptor, and its first tile's start
LAST = 1  # the cycle of `done`


formats = st.sampled_from(["shift", "fixed16", "tflite"]).map(RescaleFormat.parse)
arrays = st.sampled_from([(4, 4, 1, 1), (8, 4, 2, 2), (2, 8, 2, 1), (16, 16, 4, 4), (6, 3, 3, 2)])


@settings(deadline=None, max_examples=150)
@given(
    arrays,
    formats,
    st.integers(1, 40),
    st.integers(1, 3),
    st.integers(1, 3),
    st.tuples(st.integers(1, 15), st.integers(1, 15)),
    st.sampled_from([0, 2, 4]),
)
def test_a_convolution(network, array, format, channels, kernel, words, size, slots):
    """Two convolutions in a row, if the array is kept busy and post-processing keeps up: the first also waits for its descriptor and
    its weights, the second finds both there."""
    rows, cols, lanes, per_cycle = array
    made = config(rows, cols, lanes=lanes, weight_rows_per_cycle=per_cycle, rescale=format, weight_slots=slots)
    graph = (
        network(size[0] + kernel - 1, size[1], words * rows, format=format)
        .conv(channels, Window((kernel, 1)))
        .conv(channels, Window((1, 1)))
        .graph()
    )
    groups, pixels = -(-channels // cols), size[0] * size[1]
    shapes = [Shape(made, groups, kernel * words, pixels, channels), Shape(made, groups, -(-channels // rows), pixels, channels)]
    assume(pixels >= made.min_tile_pixels)
    assume(all(shape.hidden(shape.lane_groups, shape.path) for shape in shapes))
    timings = compile_graph(graph, made).layers
    assert timings[0].cycles == FIRST + shapes[0].cycles
    assert [timing.busy for timing in timings] == [shape.groups * shape.tiles * shape.pixels for shape in shapes]
    # The second descriptor's fetch begins when the first has been taken by all units, and has to end before the barrier.
    assume(timings[0].cycles - FIRST > FETCH + 3)
    assert timings[1].cycles == shapes[1].cycles + LAST


@settings(deadline=None, max_examples=60)
@given(arrays, formats, st.integers(1, 40), st.tuples(st.integers(2, 12), st.integers(2, 12)), st.booleans())
def test_pooling(network, array, format, channels, size, maximum):
    """The same with the pooling path's latency: one word of R bytes serves R / min(R, C) groups."""
    rows, cols, lanes, per_cycle = array
    made = config(rows, cols, lanes=lanes, weight_rows_per_cycle=per_cycle, rescale=format)
    kind = MaxPool2d if maximum else AveragePool2d
    graph = network(2 * size[0], 2 * size[1], channels, format=format).pool(kind, Window((2, 2), (2, 2))).graph()
    per_group = min(rows, cols)
    groups, pixels = -(-channels // per_group), size[0] * size[1]
    last = -(-channels // lanes) - (groups - 1) * (per_group // lanes)
    shape = Shape(made, groups, 4, pixels, channels)
    (timing,) = compile_graph(graph, made).layers
    space = max(pixels, shape.interval)
    path = 8  # feeder and pooling path, whose latency is that of a table
    assume(shape.hidden(per_group // lanes, path))
    # No weights to wait for, so the first issue is a cycle earlier than that of a convolution.
    assert timing.cycles == groups * 4 * pixels + (path + 2 + (last - 1) * space + pixels + shape.post) + FIRST - 1 + LAST


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from([(4, 4, 1, 1), (16, 8, 4, 4), (8, 4, 2, 2), (6, 3, 3, 2), (3, 6, 1, 1)]),
    formats,
    st.integers(1, 40),
    st.tuples(st.integers(5, 12), st.integers(5, 12)),
    st.integers(1, 3),
)
def test_a_depthwise_convolution(network, array, format, channels, size, stride):
    """3 x 3 with padding of 1: a kernel row streams every input column that a pixel begins at or follows, once for both slices of a
    pair; the padding behind a row is that before the next.  There are slots enough for the tiles of several pairs."""
    rows, cols, lanes, per_cycle = array
    made = config(rows, cols, lanes=lanes, weight_rows_per_cycle=per_cycle, rescale=format, weight_slots=12)
    built = network(*size, channels, format=format)
    weight = built.rng.integers(-127, 128, (3, 3, channels)).astype(np.int8)
    window = Window((3, 3), (stride, stride), Padding(1, 1, 1, 1))
    constants = {**built.weighted(np.moveaxis(weight, 2, 0), {}), "weight": weight}
    height, width = window.output_size(*size)
    op = DepthwiseConv2d("depthwise", ("input",), "out", window=window, **constants)
    graph = built.add(op, (height, width, channels), 0).graph()
    per_group = min(rows, cols)
    paired = stride == 2 and rows >= 2 * cols and channels > per_group
    share = 2 if paired else 1
    groups, pixels = -(-channels // (share * per_group)), height * width
    begin = (width - 1) * stride + share  # words up to the last pixel's
    # One column of padding is shared where there is one on the right too.
    right = (width - 1) * stride + 3 - 1 - size[1]
    stream = max(begin, (width - 1) * stride + 3 - max(0, min(1, right)))
    assume(share * pixels <= made.acc_depth)
    words = groups * 3 * height * stream
    (timing,) = compile_graph(graph, made).layers
    assert timing.busy == words
    lane_groups = share * per_group // lanes
    shape = Shape(made, groups, 3, height * stream, channels)
    space = max(pixels, shape.interval)
    assume(groups == 1 or 3 * height * stream >= max(lane_groups * space, (lane_groups - 1) * space + max(shape.path + 3, pixels + 4)))
    assume(height * stream >= share * made.min_tile_pixels)
    last = -(-channels // lanes) - (groups - 1) * lane_groups
    tail = shape.path + 2 + (last - 1) * space + pixels + shape.post - (stream - begin)
    second_tile = made.words_per_depthwise_tile if paired else 0  # a pair's first words wait for both its tiles
    assert timing.cycles == FIRST + second_tile + words + tail + LAST


def test_slow_post_processing_sets_the_pace(network):
    """One weight tile a group and one lane: a group takes C cycles a pixel in the post-processor and one in the array."""
    made = config(4, 8, acc_depth=64)
    pixels, groups = 49, 6
    (layer,) = compile_graph(network(7, 7, 4).conv(8 * groups, Window((1, 1))).graph(), made).layers
    assert layer.busy == groups * pixels
    assert layer.cycles - groups * 8 * pixels in range(pixels + 100), "all groups but the first wait for the post-processor"


@pytest.mark.parametrize("pixels", [1, 3, 5, 6, 7, 12])
def test_short_tiles_take_the_minimum_interval(network, pixels):
    """Below min_tile_pixels a tile costs that many cycles, whatever its pixels: with a slot more than the release needs, R / L."""
    made = config(8, 4)
    assert made.min_tile_pixels == made.words_per_tile == 8
    tiles = 40

    def cycles(count: int) -> int:
        return compile_graph(network(1, pixels, 8 * count).conv(4, Window((1, 1))).graph(), made).cycles

    assert cycles(2 * tiles) - cycles(tiles) == tiles * max(pixels, made.min_tile_pixels)


@pytest.mark.parametrize(("slots", "interval"), [(2, 11), (3, 6), (4, 4), (0, 4)])
def test_slots_set_the_minimum_interval(network, slots, interval):
    """8 x 8 with L = 2: a slot is held for 11 cycles after its tile, so D slots make tiles at least 11 / (D - 1) cycles long, and the
    loading of R / L words 4."""
    made = config(8, 8, weight_rows_per_cycle=2, weight_slots=slots)
    assert made.slot_release_cycles == 8 + 8 - 2 - 7 // 2 == 11
    assert made.min_tile_pixels == interval

    def cycles(tiles: int, pixels: int) -> int:
        return compile_graph(network(1, pixels, 8 * tiles).conv(8, Window((1, 1))).graph(), made).cycles

    for pixels in (interval, interval + 3):
        assert cycles(80, pixels) - cycles(40, pixels) == 40 * pixels, "no bubble"
    assert cycles(80, interval - 1) - cycles(40, interval - 1) > 40 * (interval - 1)


def test_layers_add_up_to_the_run(digits_like):
    for made in NAMED.values():
        program = compile_graph(digits_like.graph(), made)
        timings = predict(made, program.descriptors)
        assert sum(timing.cycles for timing in timings) == program.cycles
        assert all(0 < timing.busy <= timing.cycles for timing in timings)


def test_a_layer_of_whole_tiles_is_ideal_but_for_its_tail(network):
    """Groups * tiles * pixels is the least there is; the last group's post-processing and the latencies come on top."""
    made = NAMED["base-16x16"]
    (layer,) = compile_graph(network(16, 16, 32).conv(32, Window((3, 3))).graph(), made).layers
    ideal = layer.macs // (16 * 16)
    assert layer.busy == ideal == 2 * 9 * 2 * 14 * 14
    assert 0 < layer.cycles - ideal - 16 // 4 * 14 * 14 < 100
