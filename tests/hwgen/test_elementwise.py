"""Mean, requantize, lookup, pad and concatenation: what becomes of them, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from golden.affine import Affine
from golden.errors import DoesNotFitError, InputError
from golden.graph import Graph, Lookup, Mean, Op, Pad, Padding, Requantize, Tensor
from golden.rescale import Rescale, RescaleFormat
from hwgen.compiler import Program, compile_graph
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import Operation
from hwgen.params import encode_record, shifts

CONFIG = AcceleratorConfig(rows=4, cols=2, lanes=2, acc_depth=8, act_depth=512, add_tables=1)
HALF = Rescale.from_real(CONFIG.rescale, 0.5)


def graph(op: Op, *shapes: tuple[int, ...], zero_points: tuple[int, ...] | None = None) -> Graph:
    """One operator; shapes of its inputs, then of the output."""
    names = [*op.inputs, op.output]
    points = zero_points or (0,) * len(names)
    tensors = {name: Tensor(name, shape, Affine(0.0625, point)) for name, shape, point in zip(names, shapes, points, strict=True)}
    return Graph("one", CONFIG.rescale, tensors, op.inputs, (op.output,), (op,))


def bytes_written(program: Program, output: str) -> dict[int, tuple[int, int, int, int]]:
    """For every byte of the output's storage that is written, as the descriptors say: input row, column and channel, and the descriptor."""
    config, target = program.config, program.placements[output]
    found: dict[int, tuple[int, int, int, int]] = {}
    for number, fields in enumerate(program.descriptors):
        total = (fields["groups"] - 1) * fields["lane_groups"] + fields["lane_groups_last"]
        for y, x, lane in product(range(fields["pixels_y"]), range(fields["pixels_x"]), range(total * config.lanes)):
            word = fields["output_address"] - target.base + y * fields["output_step_y"] + x * fields["output_step_x"]
            byte = word * config.rows + fields["lane_place"] * config.lanes + lane
            source = (fields["start_y"] + y * fields["stride_y"], fields["start_x"] + x * fields["stride_x"], lane, number)
            assert byte not in found, "written twice"
            found[byte] = source
    return found


@pytest.mark.parametrize(("axes", "kernel"), [((0,), (5, 1)), ((1,), (1, 3)), ((0, 1), (5, 3))])
def test_a_mean_is_a_rescaled_sum(axes, kernel):
    """Over whole rows, columns or both; the zero points of all values come with the bias."""
    shape = (1 if 0 in axes else 5, 1 if 1 in axes else 3, 6)
    op = Mean("mean", ("x",), "y", axes=axes, rescale=Rescale.from_real(CONFIG.rescale, 0.07), act_min=-9)
    program = compile_graph(graph(op, (5, 3, 6), shape, zero_points=(-11, 4)), CONFIG)
    count = kernel[0] * kernel[1]
    for fields in program.descriptors:
        assert (fields["operation"], fields["kernel_y"], fields["kernel_x"]) == (Operation.SUM, *kernel)
        assert (fields["groups"], fields["output_zero_point"], fields["act_min"], fields["param_step"]) == (3, 4, -9, 0)
    right, left = shifts(op.rescale)
    record = {"bias": 11 * count, "multiplier": int(op.rescale.multiplier[0]), "right_shift": int(right[0]), "left_shift": int(left[0])}
    assert program.params == (encode_record(CONFIG, record),)
    assert len(bytes_written(program, "y")) == shape[0] * shape[1] * 6


def test_a_requantize_is_a_sum_of_one_value():
    op = Requantize("requantize", ("x",), "y", rescale=HALF)
    program = compile_graph(graph(op, (3, 5, 3), (3, 5, 3), zero_points=(-128, 127)), CONFIG)
    assert {(fields["operation"], fields["kernel_y"] * fields["kernel_x"]) for fields in program.descriptors} == {(Operation.SUM, 1)}
    assert program.params[0] & 0xFFFFFFFF == 128
    written = bytes_written(program, "y")
    assert {(byte // 20, byte % 20 // 4, byte % 4): source[:3] for byte, source in written.items()} == {
        (y, x, c): (y, x, c) for y, x, c in product(range(3), range(5), range(4))
    }


def test_sums_beyond_the_accumulators_are_refused():
    op = Mean("mean", ("x",), "y", axes=(0, 1), rescale=Rescale.from_real(CONFIG.rescale, 1 / 4000))
    made = graph(op, (60, 60, 1), (1, 1, 1), zero_points=(-128, 0))
    with pytest.raises(InputError) as caught:
        compile_graph(made, replace(CONFIG, acc_bits=20, act_depth=4096))
    assert caught.value.problems == ("layer mean: a sum can reach 918000, which takes 21 bits; the accumulators have 20",)
    compile_graph(made, replace(CONFIG, acc_bits=21, act_depth=4096))


def test_shifts_that_the_hardware_lacks_are_refused():
    format = RescaleFormat.parse("shift")
    op = Requantize("requantize", ("x",), "y", rescale=Rescale(format, np.array([0]), np.array([-9])))
    made = replace(graph(op, (1, 1, 4), (1, 1, 4)), format=format)
    with pytest.raises(InputError) as caught:
        compile_graph(made, CONFIG.with_rescale(format))
    assert caught.value.problems == ("layer requantize: left shifts up to 9, but the hardware has 0 to 7",)


def test_a_lookup_is_the_first_operand_of_an_add_without_a_second():
    table = np.random.default_rng(0).integers(-128, 128, 256).astype(np.int8)
    op = Lookup("lookup", ("x",), "y", table=table, act_max=100)
    program = compile_graph(graph(op, (3, 5, 3), (3, 5, 3)), CONFIG)
    for fields in program.descriptors:
        assert (fields["operation"], fields["kernel_y"], fields["kernel_x"], fields["act_max"]) == (Operation.ADD, 1, 1, 100)
    assert len(program.tables) == 512
    for value in range(-128, 128):
        assert program.tables[value & 0xFF] == int(table[value + 128]) & 0xFFFFFFFF
    with pytest.raises(DoesNotFitError, match=r"tables of adds and functions \(add_tables\): 1 table is needed, 0 are there"):
        compile_graph(graph(op, (3, 5, 3), (3, 5, 3)), replace(CONFIG, add_tables=0))


def test_a_pad_walks_over_the_padding_too():
    op = Pad("pad", ("x",), "y", padding=Padding(1, 2, 3, 0))
    program = compile_graph(graph(op, (2, 3, 5), (5, 6, 5), zero_points=(-7, -7)), CONFIG)
    written = bytes_written(program, "y")
    assert {(byte // 48, byte % 48 // 8, byte % 8): source[:3] for byte, source in written.items()} == {
        (y, x, c): (y - 1, x - 3, c) for y, x, c in product(range(5), range(6), range(6))
    }
    for fields in program.descriptors:
        assert (fields["operation"], fields["pad_value"], fields["height"], fields["width"]) == (Operation.MAX_POOL, -7, 2, 3)


def test_channels_around_a_map_are_moved_by_the_array():
    """The padding's value is in the records of its channels; rows and columns of padding come from the feeder."""
    op = Pad("pad", ("x",), "y", padding=Padding(1, 0, 0, 2), channels=(3, 2))
    program = compile_graph(graph(op, (2, 3, 5), (3, 5, 10), zero_points=(-7, -7)), CONFIG)
    (layer,) = program.layers
    assert (layer.kind, layer.macs, layer.parts) == ("pad", 0, ())
    for fields in program.descriptors:
        assert (fields["operation"], fields["pad_value"]) == (Operation.CONV, -7)
    assert {fields["start_y"] for fields in program.descriptors} == {-1, 0, 1}
    identity = {"multiplier": 1 << 30, "right_shift": 0, "left_shift": 1}
    assert program.params == tuple(encode_record(CONFIG, {"bias": -7 if c < 3 or c >= 8 else 0, **identity}) for c in range(10))
