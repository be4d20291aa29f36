"""From operators to weight tiles, parameter records and descriptors."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.errors import DoesNotFitError
from golden.graph import AveragePool2d, MaxPool2d, Padding, Window
from golden.rescale import RescaleFormat
from hwgen.compiler import compile_graph
from hwgen.compiler.convolution import weight_tiles
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import Operation
from hwgen.params import encode_record, param_fields, shifts

CONFIG = AcceleratorConfig(rows=4, cols=4, lanes=2, acc_depth=12)
CONFIGS = (CONFIG, AcceleratorConfig(rows=8, cols=2, lanes=1, weight_rows_per_cycle=4), AcceleratorConfig(rows=2, cols=6, lanes=2))


@settings(deadline=None)
@given(st.sampled_from(CONFIGS), st.tuples(st.integers(1, 9), st.integers(1, 3), st.integers(1, 3), st.integers(1, 9)))
def test_every_weight_lies_where_the_loader_takes_it(config, shape):
    """Tile (group, ky, kx, word), row r, column c: byte (r % L) * C + c of word r // L of the tile; nothing but 0 elsewhere."""
    kernel = np.random.default_rng(0).integers(-128, 128, shape).astype(np.int8)
    tiles = weight_tiles(kernel, config)
    groups, words = -(-shape[0] // config.cols), -(-shape[3] // config.rows)
    count = groups * shape[1] * shape[2] * words
    assert tiles.shape == (count * config.words_per_tile, config.weight_rows_per_cycle * config.cols)
    order = product(range(groups), range(shape[1]), range(shape[2]), range(words))
    for tile, (group, ky, kx, word) in zip(tiles.reshape(count, config.rows, config.cols).view(np.int8), order, strict=True):
        for r, c in product(range(config.rows), range(config.cols)):
            channel, depth = group * config.cols + c, word * config.rows + r
            inside = channel < shape[0] and depth < shape[3]
            assert tile[r, c] == (kernel[channel, ky, kx, depth] if inside else 0)


@pytest.mark.parametrize("format", ["tflite", "fixed16", "shift"])
def test_records_of_a_convolution(network, format):
    """One for each channel, the zero point folded into the bias; lanes beyond the channels repeat the last."""
    config = CONFIG.with_rescale(RescaleFormat.parse(format))
    graph = network(3, 3, 5, format=config.rescale, zero_point=-9).conv(5, Window((2, 2))).graph()
    program = compile_graph(graph, config)
    op = graph.ops[0]
    right, left = shifts(op.rescale)
    folded = op.bias + 9 * op.weight.astype(np.int64).sum(axis=(1, 2, 3))
    columns = {"bias": folded, "multiplier": op.rescale.multiplier, "right_shift": right, "left_shift": left}
    records = [encode_record(config, {name: int(column[c]) for name, column in columns.items()}) for c in range(5)]
    assert list(program.params) == [*records, records[-1]]
    assert all(record < 1 << sum(field.bits for field in param_fields(config)) for record in program.params)


def test_a_fully_connected_layer_is_a_convolution_over_the_whole_map(network):
    graph = network(2, 3, 5).fully_connected(6).graph()
    program = compile_graph(graph, CONFIG)
    (fields,) = program.descriptors
    assert (fields["kernel_y"], fields["kernel_x"], fields["channel_words"], fields["pixels"]) == (2, 3, 2, 1)
    np.testing.assert_array_equal(program.weights, weight_tiles(graph.ops[1].weight.reshape(6, 2, 3, 5), CONFIG))


def test_a_map_wider_than_a_kernel_is_read_in_other_rows(network):
    graph = network(1, 300, 3).fully_connected(2).graph()
    (fields,) = compile_graph(graph, CONFIG).descriptors
    assert (fields["kernel_y"], fields["kernel_x"], fields["width"], fields["height"]) == (20, 15, 15, 20)
    prime = network(1, 257, 3).fully_connected(2).graph()
    with pytest.raises(DoesNotFitError, match="kernel_x is 257, but the descriptor holds 0 to 255"):
        compile_graph(prime, CONFIG)


def test_a_vector_is_a_map_of_one_pixel(network):
    program = compile_graph(network(11).fully_connected(6).graph(), CONFIG)
    (fields,) = program.descriptors
    assert (fields["kernel_y"], fields["kernel_x"], fields["channel_words"], fields["pixels"]) == (1, 1, 3, 1)


def test_a_layer_larger_than_the_accumulators_is_divided(network):
    """Only the first tile of a layer waits for the layer before; each uses the same weights and parameters."""
    program = compile_graph(network(5, 5, 3).conv(3, Window((1, 1))).conv(3, Window((1, 1))).graph(), CONFIG)
    assert [(d["layer"], d["barrier"], d["last"], d["pixels"]) for d in program.descriptors] == [
        (0, 1, 0, 5),
        (0, 0, 0, 10),
        (0, 0, 0, 10),
        (1, 1, 0, 5),
        (1, 0, 0, 10),
        (1, 0, 1, 10),
    ]
    for layer in range(2):
        own = [d for d in program.descriptors if d["layer"] == layer]
        assert len({(d["weight_address"], d["param_address"], d["tiles"]) for d in own}) == 1
    assert program.descriptors[3]["weight_address"] == len(program.weights) // 2
    assert program.descriptors[3]["param_address"] == 4


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(st.integers(2, 9), st.integers(2, 9), st.integers(1, 9)),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(*[st.integers(0, 3)] * 4),
    st.sampled_from([MaxPool2d, AveragePool2d]),
    st.sampled_from(CONFIGS),
)
def test_pooling_reads_valid_pixels_alone(network, shape, kernel, stride, padding, kind, config):
    """The rectangles of a pooling layer cover its outputs once; within one, every window has the same valid taps, and reads those."""
    top, bottom, left, right = (min(pad, k - 1) for pad, k in zip(padding, (kernel[0],) * 2 + (kernel[1],) * 2, strict=True))
    window = Window(kernel, stride, Padding(top, bottom, left, right))
    out = window.output_size(*shape[:2])
    if min(out) < 1 or not all(_sees_a_pixel(window, axis, size, count) for axis, size, count in zip((0, 1), shape[:2], out, strict=True)):
        return
    program = compile_graph(network(*shape).pool(kind, window).graph(), config)
    target, source = program.placements[program.graph.outputs[0]], program.placements["input"]
    covered: Counter[tuple[int, int]] = Counter()
    for fields in program.descriptors:
        assert fields["operation"] == (Operation.MAX_POOL if kind is MaxPool2d else Operation.AVERAGE_POOL)
        first = fields["output_address"] - target.base
        y0, x0 = divmod(first // target.words_per_pixel, target.shape[1])
        for oy, ox in product(range(fields["pixels_y"]), range(fields["pixels_x"])):
            y, x = y0 + oy, x0 + ox
            covered[y, x] += 1
            taps = [(y * stride[0] - top + ky, x * stride[1] - left + kx) for ky, kx in product(range(kernel[0]), range(kernel[1]))]
            valid = {(ty, tx) for ty, tx in taps if 0 <= ty < shape[0] and 0 <= tx < shape[1]}
            read = {
                (fields["start_y"] + oy * stride[0] + ky, fields["start_x"] + ox * stride[1] + kx)
                for ky, kx in product(range(fields["kernel_y"]), range(fields["kernel_x"]))
            }
            assert read == valid
        assert fields["act_address"] == source.base + (fields["start_y"] * shape[1] + fields["start_x"]) * source.words_per_pixel
    assert covered == Counter(product(range(out[0]), range(out[1])))


def _sees_a_pixel(window: Window, axis: int, size: int, count: int) -> bool:
    before = (window.padding.top, window.padding.left)[axis]
    return all(any(0 <= out * window.stride[axis] - before + tap < size for tap in range(window.kernel[axis])) for out in range(count))


def test_an_average_has_a_record_for_each_count(network):
    """A 3 x 3 window with padding sees 4, 6 or 9 pixels."""
    program = compile_graph(network(5, 5, 2).pool(AveragePool2d, Window((3, 3), padding=Padding(1, 1, 1, 1))).graph(), CONFIG)
    assert len(program.params) == 3
    assert Counter(fields["param_address"] for fields in program.descriptors) == {0: 4, 1: 4, 2: 1}
    assert {fields["param_step"] for fields in program.descriptors} == {0}
    assert {fields["kernel_y"] * fields["kernel_x"] for fields in program.descriptors if fields["param_address"] == 1} == {6}
