"""The byte shifter: every alignment of a window in its words, padding on both sides, rows after rows without a gap."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import pytest
from amaranth.hdl import Module, Signal

from hwgen.config import AcceleratorConfig
from hwgen.gateware.byte_shifter import ByteShifter
from hwgen.gateware.delay import delay
from hwgen.gateware.ram import READ_LATENCY, Ram, far_read_latency

CONFIGS = {
    rows: AcceleratorConfig(rows=rows, cols=cols, lanes=1) for rows, cols in ((4, 4), (6, 3), (7, 7), (8, 2), (2, 4))
}  # some with R no power of two


@dataclass(frozen=True)
class Rows:
    """Windows of `size` bytes that begin `stride` bytes after each other, the first `before` bytes before each of `rows` rows of
    `width` bytes; as many as do not begin more than R bytes behind the row's end."""

    size: int
    stride: int
    before: int
    width: int
    rows: int = 2
    dense: int = 1

    def starts(self, memory_word: int) -> list[int]:
        return list(range(-self.before, self.width + memory_word, self.stride))


def run(simulate, config: AcceleratorConfig, layers: list[Rows], *, pause: float = 0.0, seed: int = 0) -> None:
    """Rows follow each other without a gap, or with pauses before them; there is always one where the kind of layer changes, and the next
    layer's constants are there meanwhile.  Checks every result, as it comes."""
    size = config.rows
    rng = random.Random(seed)
    row_words = [-(-layer.width // size) for layer in layers]
    memory = np.random.default_rng(seed).integers(
        0, 256, (2 + sum(r * layer.rows for r, layer in zip(row_words, layers, strict=True)), size)
    )
    m = Module()
    m.submodules.dut = dut = ByteShifter(config)
    init = [int.from_bytes(bytes(row.tolist()), "little") for row in memory]
    m.submodules.memory = ram = Ram(width=8 * size, depth=len(memory), init=init)
    asked, where = Signal(), Signal.like(ram.read_addr)  # the read follows the issue
    m.d.sync += [ram.read_en.eq(asked), ram.read_addr.eq(where)]
    m.d.comb += dut.read_data.eq(delay(m, ram.read_data, far_read_latency(config) - READ_LATENCY, name="answer"))

    # Every window: layer, its first byte, its memory word, the row's bytes, whether it is the first of a row.
    windows = []
    base = 0
    for layer, words in zip(layers, row_words, strict=True):
        for _ in range(layer.rows):
            row = memory[base : base + words].reshape(-1)[: layer.width].tolist()
            windows += [(layer, x, base + (x + layer.size - 1) // size, row, number == 0) for number, x in enumerate(layer.starts(size))]
            base += words

    async def testbench(ctx):
        due: list[int | None] = [None] * ByteShifter.latency(config)  # the window whose result is there
        position, seen = 0, 0
        ctx.set(dut.restart, 1)
        ctx.set(dut.first_byte, layers[0].size - 1 - layers[0].before)
        await ctx.tick()
        while position < len(windows) or any(number is not None for number in due):
            here = due.pop(0)
            if here is not None:
                layer, x, word, row, _ = windows[here]
                data = ctx.get(dut.data).to_bytes(size, "little")
                inside = [bool(ctx.get(dut.inside) >> i & 1) for i in range(size)]
                if layer.dense:
                    assert inside == [0 <= x + i < layer.width for i in range(size)]
                    for i in range(layer.size):
                        assert not inside[i] or data[i] == row[x + i], (layer, x, i)
                else:
                    assert all(inside)
                    assert list(data) == memory[min(word, len(memory) - 1)].tolist()
                seen += 1
            ctx.set(dut.restart, 0)
            ctx.set(asked, 0)
            go = position < len(windows)
            if go:
                layer, x, word, _, first = windows[position]
                for member, value in (("x", x), ("dense", layer.dense), ("stride", layer.stride), ("width", layer.width)):
                    ctx.set(getattr(dut, member), value)
                ctx.set(dut.shift, size + 1 - layer.size)
                under_way = [windows[number][0] for number in due if number is not None]
                go = not (first and rng.random() < pause) and all(other == layer for other in under_way)
            ctx.set(dut.issue, go)
            if go:
                ctx.set(asked, 1)
                ctx.set(where, min(word, len(memory) - 1))
                following = windows[position + 1] if position + 1 < len(windows) else None
                if following is None or following[4]:
                    ctx.set(dut.restart, 1)
                    ctx.set(dut.first_byte, following[0].size - 1 - following[0].before if following else 0)
                elif layer.dense:
                    assert ctx.get(dut.crosses) == following[2] - word
            due.append(position if go else None)
            position += go
            await ctx.tick()
        assert seen == len(windows)

    simulate(m, testbench)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=[f"{rows} bytes a word" for rows in CONFIGS])
def test_every_window_and_stride(simulate, config):
    """All lengths and strides up to R bytes, with none and the most bytes before the row, over rows long enough for every alignment."""
    size = config.rows
    layers = [
        Rows(length, stride, before, 2 * size + 3, rows=2 - (size > 4))
        for length in range(1, size + 1)
        for stride in range(1, size + 1)
        for before in {0, length - 1, (length - 1) // 2}
    ]
    aligned = {
        ((x + layer.size - 1) % size, layer.size) for layer in layers for x in layer.starts(size) if 0 <= x <= layer.width - layer.size
    }
    assert len(aligned) == size * size, "a window of each length ends at each byte of a word"
    run(simulate, config, layers)


@pytest.mark.parametrize("width", [1, 2, 5, 6, 7, 12, 40])
def test_rows_of_every_length_with_pauses_between(simulate, width):
    """Rows shorter than a window too; a pause before a row, and what the memory answers meanwhile, change nothing."""
    config = CONFIGS[6]
    run(simulate, config, [Rows(5, 2, 4, width, rows=3), Rows(6, 6, 3, width), Rows(3, 1, 0, width)], pause=0.5, seed=width)


def test_layers_of_both_kinds_take_turns(simulate):
    """Where the map is not dense the memory's answer passes unchanged, even while the next layer's constants are known."""
    config = CONFIGS[4]
    dense, plain = Rows(3, 2, 2, 11), Rows(4, 4, 0, 8, dense=0)
    run(simulate, config, [dense, plain, dense, Rows(4, 3, 1, 9), plain, plain, dense])
