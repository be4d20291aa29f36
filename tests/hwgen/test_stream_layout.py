"""A tensor as a stream of bytes: against the layout of the host's words, and the hardware's walk against it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from golden.errors import InputError
from hwgen.act_layout import host_layout
from hwgen.config import AcceleratorConfig
from hwgen.gateware.stream_walk import StreamWalk
from hwgen.stream_layout import StreamTensor, stream_cycles, stream_tensor, walk


@dataclass(frozen=True)
class Place:
    """A tensor's place in activation memory."""

    base: int
    shape: tuple[int, int, int]
    words_per_pixel: int
    words_per_row: int
    dense: bool


def place(base: int, shape: tuple[int, int, int], rows: int, *, dense: bool) -> Place:
    _height, width, channels = shape
    words = -(-channels // rows)
    return Place(base, shape, words, -(-width * channels // rows) if dense else width * words, dense)


SHAPES = [(1, 1, 1), (1, 1, 10), (3, 2, 3), (2, 3, 7), (2, 2, 16), (4, 1, 33), (1, 5, 6)]


def config(rows: int) -> AcceleratorConfig:
    return AcceleratorConfig(rows=rows, cols=rows, lanes=1, act_depth=1024)


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("rows", [2, 4, 6, 12, 16])
def test_bytes_lie_where_the_host_finds_them(rows: int, dense: bool) -> None:
    for shape in SHAPES:
        stored = place(7, shape, rows, dense=dense)
        layout = host_layout(stored, config(rows))
        expected = (layout.addresses[layout.places // 4] + layout.places % 4).tolist()
        tensor = stream_tensor(stored)
        for beats in (True, False):
            steps = walk(tensor, config(rows), beats=beats)
            assert [step.address + step.place + k for step in steps for k in range(step.size)] == expected
            assert tensor.size == np.prod(shape) == sum(step.size for step in steps)
            assert all(1 <= step.size <= 4 - step.place for step in steps)
            if beats:
                moved = np.cumsum([0, *(step.size for step in steps)])
                assert [step.at for step in steps] == (moved[:-1] % 4).tolist()
                assert all(step.at + step.size <= 4 for step in steps)
        assert tensor.writes(config(rows)) >= tensor.reads(config(rows)) >= tensor.beats - (tensor.runs > 1) * tensor.beats


def test_rows_that_lie_apart_are_refused() -> None:
    with pytest.raises(InputError, match=r"has 9 words from row to row, and cannot be streamed"):
        stream_tensor(Place(0, (2, 3, 4), 1, 9, False))


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("rows", [2, 4, 6, 16])
def test_the_hardware_walks_the_same_way(simulate, rows: int, aligned: bool) -> None:
    """Tensor after tensor, a step at a time, with what is left of a beat as the room; some steps wait."""
    shapes = [(3, 2, 8), (1, 1, 10)] if aligned else SHAPES
    tensors = [stream_tensor(place(11 * index, shape, rows, dense=index % 2 == 0)) for index, shape in enumerate(shapes)]
    dut = StreamWalk(config(rows), tensors)
    assert dut.aligned == (aligned and rows % 4 == 0)

    async def testbench(ctx):
        for index, tensor in enumerate(tensors):
            ctx.set(dut.index, index)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            steps = walk(tensor, config(rows))
            for number, step in enumerate(steps):
                ctx.set(dut.room, 4 - step.at)
                for _ in range(number % 3):
                    await ctx.tick()
                found = tuple(ctx.get(signal) for signal in (dut.address, dut.place, dut.size, dut.last))
                assert found == (step.address, step.place, step.size, number == len(steps) - 1), (index, number)
                ctx.set(dut.advance, 1)
                await ctx.tick()
                ctx.set(dut.advance, 0)

    simulate(dut, testbench)


@pytest.mark.parametrize("steps", [[1], [2, 1], [1, 3, 1]])
def test_the_time_of_an_inference_as_specified(steps: list[int]) -> None:
    """The two lines of SPEC section 13; `tests/sim/test_bus_bench.py` counts them in the emitted Verilog."""
    whole, lean = config(4), AcceleratorConfig(rows=4, cols=4, lanes=1, act_depth=1024, overlap=False)
    inputs = [StreamTensor(0, 1, 4 * count, 1) for count in steps]
    outputs = [StreamTensor(0, 1, 4 * count, 1) for count in (5, 1)]
    w, more = sum(steps), len(steps) - 1 - (len(steps) > 1 and steps[0] == 1)
    for c in range(40, 50):
        found = stream_cycles(inputs, outputs, whole, c)
        assert (found.inputs, found.run) == (16 + 3 * w, 4 + 5 * -((3 - c) // 5))
        assert found.outputs == (2 + 11 * 5) + (2 + 11 * 1) + 2
        found = stream_cycles(inputs, outputs, lean, c)
        assert (found.inputs, found.run) == (11 + 2 * w + more, 2 + 3 * -((1 - c) // 3))
        assert found.outputs == (2 + 6 * 5) + (2 + 6 * 1) + 2


def test_beats() -> None:
    assert [StreamTensor(0, 1, size, 1).beats for size in (1, 4, 5, 3072)] == [1, 1, 2, 768]
