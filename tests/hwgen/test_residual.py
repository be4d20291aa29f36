"""Residual adds: the tables against the golden model's rescale, the walk over both operands, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from golden.affine import Affine
from golden.errors import DoesNotFitError, InputError
from golden.graph import Add, Graph, Tensor, Window
from golden.rescale import Rescale, RescaleFormat
from hwgen.compiler import compile_graph
from hwgen.compiler.residual import rescaled_operand
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import Operation
from hwgen.gateware.pooling_path import TABLE_ENTRIES

FORMATS = ("shift", "fixed8", "fixed16", "fixed32", "tflite")
CONFIG = AcceleratorConfig(rows=4, cols=4, lanes=2, acc_depth=8, act_depth=512, add_tables=3)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("zero_point", [-128, -5, 0, 127])
@pytest.mark.parametrize("left_shift", [0, 3, 20])
def test_tables_hold_the_rescale_of_every_value(format, zero_point, left_shift):
    """For factors below 1 and above, where the format has them: rounding of ties and both signs are in the golden model's arithmetic."""
    made = RescaleFormat.parse(format)
    factors = [2.0**-9, 0.5, 1.0 if format != "fixed32" else 0.75] if format == "shift" else [0.0007, 0.25, 1 / 3, 0.5, 0.99]
    if format in ("shift", "tflite"):
        factors.append(4.0 if format == "shift" else 1.7)
    values = np.arange(256).astype(np.uint8).view(np.int8).astype(np.int64)  # the byte as unsigned in order
    for factor in factors:
        rescale = Rescale.from_real(made, factor)
        expected = rescale.apply((values - zero_point) << left_shift)
        assert rescaled_operand(zero_point, left_shift, rescale) == expected.tolist(), factor


def test_ties_are_among_the_values():
    """A quarter and a half of a small difference, whose halves the formats round each in their own way."""
    up = rescaled_operand(0, 0, Rescale.from_real(RescaleFormat.parse("fixed16"), 0.5))
    away = rescaled_operand(0, 0, Rescale.from_real(RescaleFormat.parse("tflite"), 0.25))
    assert [up[byte] for byte in (1, 3, 255, 253)] == [1, 2, 0, -1]
    assert [away[byte] for byte in (2, 6, 254, 250)] == [1, 2, -1, -2]


def add(names: tuple[str, str], output: str, *, left_shift: int = 20, scale: float = 0.5, out: float = 2**-19, **more: int) -> Add:
    half, back = (Rescale.from_real(CONFIG.rescale, factor) for factor in (scale, out))
    return Add(output + "_op", names, output, left_shift=left_shift, rescale_a=half, rescale_b=half, rescale_out=back, **more)


def graph(shape: tuple[int, int, int], *ops: Add, zero_points: tuple[int, ...] = (3, -4, 5, 6)) -> Graph:
    names = ["a", "b", *(op.output for op in ops)]
    tensors = {name: Tensor(name, shape, Affine(0.0625, zero_points[i])) for i, name in enumerate(names)}
    return Graph("adds", CONFIG.rescale, tensors, ("a", "b"), (names[-1],), ops)


def test_both_operands_are_read_word_by_word():
    """Tap 0 is the first operand, tap 1 the second; groups go along the words; nothing is read twice or in the padding."""
    net = graph((5, 3, 6), add(("a", "b"), "c", act_min=-20, act_max=90))
    program = compile_graph(net, CONFIG)
    a, b, c = (program.placements[name] for name in "abc")
    seen = []
    for fields in program.descriptors:
        assert fields["operation"] == Operation.ADD
        assert (fields["kernel_y"], fields["kernel_x"], fields["groups"], fields["lane_groups_last"]) == (1, 2, 2, 1)
        assert (fields["act_min"], fields["act_max"], fields["output_zero_point"], fields["table"]) == (-20, 90, 5, 0)
        assert (fields["param_step"], fields["tiles"]) == (0, 0)
        for y in range(fields["pixels_y"]):
            for x in range(fields["pixels_x"]):
                place = fields["act_address"] + y * fields["step_y"] + x * fields["step_x"]
                seen.append((place - a.base, place + fields["step_kernel_x"] - b.base))
                written = fields["output_address"] + y * fields["output_step_y"] + x * fields["output_step_x"]
                assert written - c.base == place - a.base
    assert seen == [(word, word) for word in range(0, 30, 2)]
    assert len(program.descriptors) == 3, "tiles of at most 8 pixels"
    assert len(program.params) == 1, "one record for all channels"


def test_every_add_has_a_table_of_its_own():
    net = graph((2, 2, 4), add(("a", "b"), "c"), add(("c", "b"), "d", scale=0.25))
    program = compile_graph(net, CONFIG)
    assert [fields["table"] for fields in program.descriptors] == [0, 1]
    assert len(program.tables) == 2 * TABLE_ENTRIES
    values = np.array(program.tables, np.int64).reshape(2, 2, 256)
    signed = np.where(values >= 1 << 31, values - (1 << 32), values)
    inputs = np.arange(256).astype(np.uint8).view(np.int8).astype(np.int64)
    for number, (zero_points, scale) in enumerate((((3, -4), 0.5), ((5, -4), 0.25))):
        for operand, zero_point in enumerate(zero_points):
            expected = Rescale.from_real(CONFIG.rescale, scale).apply((inputs - zero_point) << 20)
            np.testing.assert_array_equal(signed[number, operand], expected)


def test_more_adds_than_tables_are_refused():
    ops = tuple(add(("a", "b"), f"c{i}") for i in range(4))
    with pytest.raises(DoesNotFitError) as caught:
        compile_graph(graph((2, 2, 4), *ops, zero_points=(0,) * 6), CONFIG)
    assert caught.value.problems == ("tables of adds and functions (add_tables): 4 tables are needed, 3 are there",)


def test_sums_that_the_accumulators_cannot_hold_are_refused():
    narrow = replace(CONFIG, acc_bits=24)
    with pytest.raises(InputError) as caught:
        compile_graph(graph((2, 2, 4), add(("a", "b"), "c")), narrow)
    problems = caught.value.problems
    assert any(problem.startswith("layer c_op: a sum can reach ") for problem in problems)
    assert "layer c_op: a rescaled operand takes more than the accumulators' 24 bits" in problems
    compile_graph(graph((2, 2, 4), add(("a", "b"), "c", left_shift=14, out=2**-13)), narrow)


def test_the_flattening_of_a_map_is_laid_out_as_a_vector(network):
    """As it is stored, it would be added in an order that is not that of the other operand."""
    built = network(2, 2, 3).conv(3, Window((1, 1)))
    built.reshape(12)
    vector = built.current
    built.fully_connected(12)
    built.add(add((vector, built.current), "sum"), (12,))
    program = compile_graph(built.graph(), CONFIG)
    assert [layer.kind for layer in program.layers] == ["conv2d", "reshape", "fully_connected", "add"]
    assert program.placements[vector].shape == program.placements[built.current].shape == (1, 1, 12)
