"""The accumulators: forwarding at every distance, across tiles and banks; pooling; the read port of the post-processor."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import pytest

from hwgen.config import AcceleratorConfig
from hwgen.descriptor import Operation
from hwgen.gateware.accumulator import Accumulator
from hwgen.gateware.feeder import Feeder
from hwgen.gateware.ram import READ_LATENCY

CONFIG = AcceleratorConfig(rows=4, cols=2, lanes=1, acc_depth=16, acc_bits=24)


@dataclass(frozen=True)
class Word:
    """A word of C values and what accompanies it; `gap` cycles without a word come before it."""

    values: tuple[int, ...]
    first: bool
    tile_last: bool
    group_last: bool
    gap: int


def words(groups: list[list[int]], values, gaps) -> list[Word]:
    """groups: the pixels of each group's tile, once for each of its tiles.  values(): what a word holds; gaps(): the cycles before it."""
    made = []
    for tiles in groups:
        for tile, pixels in enumerate(tiles):
            for pixel in range(pixels):
                last = pixel == pixels - 1
                made.append(Word(values(), tile == 0, last, last and tile == len(tiles) - 1, gaps()))
    return made


def totals(stream: list[Word], operation: Operation, bits: int) -> list[list[list[int]]]:
    """What each group's bank holds at its end: [group][pixel][column]."""
    groups: list[list[list[int]]] = [[]]
    pixel = 0
    for word in stream:
        if word.first:
            groups[-1].append(list(word.values))
        else:
            old = groups[-1][pixel]
            new = [max(o, v) if operation is Operation.MAX_POOL else o + v for o, v in zip(old, word.values, strict=True)]
            groups[-1][pixel] = [(value + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1)) for value in new]
        pixel = 0 if word.tile_last else pixel + 1
        if word.group_last:
            groups.append([])
    return groups[:-1]


def accumulate(simulate, config: AcceleratorConfig, stream: list[Word], operation: Operation, hold: int = 0) -> list[list[list[int]]]:
    """Feeds a stream and reads every bank when it is full, while the next group goes into the other; [group][pixel][column].

    A word waits where the bank that it needs is still being read, or `hold` cycles more.
    """
    dut = Accumulator(config)
    pixels = [1]
    for word in stream:
        pixels[-1] += not word.tile_last and word.first
        if word.group_last:
            pixels.append(1)
    pixels.pop()
    done: list[list[list[int]]] = []
    full: list[int] = []

    async def feed(ctx):
        cycle = 0
        ctx.set(dut.operation, operation)
        under_way: list[tuple[int, ...] | None] = [None] * READ_LATENCY
        group = 0
        rng = random.Random(3)

        async def step(word: Word | None) -> None:
            nonlocal cycle
            values = under_way.pop(0)
            for value, given in zip(dut.value, values or [rng.randrange(-100, 100) for _ in dut.value], strict=True):
                ctx.set(value, given)
            under_way.append(word.values if word else None)
            ctx.set(dut.control.valid, word is not None)
            for name in ("first", "tile_last", "group_last"):  # noise beside words that do not count
                ctx.set(getattr(dut.control, name), getattr(word, name) if word else rng.random() < 0.5)
            if ctx.get(dut.bank_full):
                full.append(cycle)
            await ctx.tick()
            cycle += 1

        before: Word | None = None
        tile_begin = -Feeder.TILE_INTERVAL
        for word in stream:
            for _ in range(word.gap if config.overlap or before is None or before.tile_last else 0):
                await step(None)
            while len(done) < group - (config.acc_banks - 1) and (config.overlap or word.first):
                await step(None)
            if not config.overlap and (word.first or before is None or before.tile_last):
                while cycle < tile_begin + Feeder.TILE_INTERVAL:  # as the feeder keeps them apart
                    await step(None)
                tile_begin = cycle
            before = word
            if word.first and group > 1:
                for _ in range(hold):
                    await step(None)
            await step(word)
            group += word.group_last
        while len(done) < group:
            await step(None)

    async def read(ctx):
        cycle = 0
        while len(done) < len(pixels):
            while len(full) <= len(done) or cycle <= full[len(done)]:  # from the cycle after bank_full on
                await ctx.tick()
                cycle += 1
            bank = len(done) % 2 if config.overlap else 0
            found: list[list[int]] = []
            for pixel in range(pixels[len(done)] + READ_LATENCY):
                if pixel >= READ_LATENCY:
                    data = ctx.get(dut.read_data)
                    parts = [(data >> (c * config.acc_bits)) % (1 << config.acc_bits) for c in range(config.cols)]
                    found.append([part - (part >> (config.acc_bits - 1) << config.acc_bits) for part in parts])
                ctx.set(dut.read_en, pixel < pixels[len(done)])
                ctx.set(dut.read_bank, bank)
                ctx.set(dut.read_addr, min(pixel, config.acc_depth - 1))
                await ctx.tick()
                cycle += 1
            done.append(found)

    simulate(dut, feed, read)
    return done


def random_values(rng: random.Random, config: AcceleratorConfig):
    top = 1 << (config.psum_bits - 1)
    return lambda: tuple(rng.choice([-top, top - 1, rng.randrange(-top, top)]) for _ in range(config.cols))


@pytest.mark.parametrize("gap", range(6))
@pytest.mark.parametrize("pixels", range(1, 7))
def test_forwarding(simulate, pixels, gap):
    """Tiles of 1 to 6 pixels with 0 to 5 cycles between their words: a pixel meets itself at every distance from 1 word on."""
    rng = random.Random(10 * pixels + gap)
    stream = words([[pixels] * 5, [pixels] * 3, [pixels], [pixels] * 4], random_values(rng, CONFIG), lambda: gap)
    assert accumulate(simulate, CONFIG, stream, Operation.CONV) == totals(stream, Operation.CONV, CONFIG.acc_bits)


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("pixels", range(1, 7))
def test_one_bank_adds_words_of_a_pixel_three_cycles_apart(simulate, pixels, operation):
    """Without overlap: tiles of 1 to 6 pixels as close as the feeder issues them, groups after each other; nothing is forwarded."""
    config = replace(CONFIG, overlap=False)
    rng = random.Random(pixels)
    byte = lambda: tuple(rng.choice([-128, 127, rng.randrange(-128, 128)]) for _ in range(config.cols))  # noqa: E731
    values = random_values(rng, config) if operation is Operation.CONV else byte
    stream = words([[pixels] * 5, [pixels] * 3, [pixels], [pixels] * 4], values, lambda: rng.choice([0, 0, 1, 3]))
    assert accumulate(simulate, config, stream, operation) == totals(stream, operation, config.acc_bits)


def test_one_bank_needs_the_interval(simulate, monkeypatch):
    """A cycle less, and a sum is lost: the test above would find it."""
    config = replace(CONFIG, overlap=False)
    monkeypatch.setattr(Feeder, "TILE_INTERVAL", 2)
    stream = words([[1] * 5], lambda: (1, 2), lambda: 0)
    assert accumulate(simulate, config, stream, Operation.CONV) != totals(stream, Operation.CONV, config.acc_bits)


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("seed", range(4))
def test_random_gaps_and_tiles(simulate, operation, seed):
    rng = random.Random(seed)
    groups = [[pixels] * rng.randrange(1, 6) for pixels in (rng.choice([1, 1, 2, 3, 4, 9, 16]) for _ in range(12))]
    byte = lambda: tuple(rng.choice([-128, 127, rng.randrange(-128, 128)]) for _ in range(CONFIG.cols))  # noqa: E731
    values = random_values(rng, CONFIG) if operation is Operation.CONV else byte
    stream = words(groups, values, lambda: rng.choice([0, 0, 0, 1, 2, 3, 4, 5]))
    assert accumulate(simulate, CONFIG, stream, operation) == totals(stream, operation, CONFIG.acc_bits)


def test_sums_wrap_at_the_accumulators_width(simulate):
    """Sums on the way may leave the width if the last does not (SPEC section 7)."""
    config = AcceleratorConfig(rows=64, cols=2, lanes=1, acc_bits=22, acc_depth=16)
    high, low = 64 * 128 * 128, -64 * 128 * 127
    values = iter([(high, low)] * 3 + [(low, high)] * 3)
    stream = words([[1] * 6], lambda: next(values), lambda: 0)
    assert accumulate(simulate, config, stream, Operation.CONV) == [[[3 * high + 3 * low] * 2]]
    assert 3 * high >= 1 << 21


def test_the_old_contents_of_a_bank_do_not_count(simulate):
    """Groups of fewer and of more pixels than those that used the bank before; the first tile starts from nothing."""
    rng = random.Random(1)
    stream = words([[9] * 2, [16] * 2, [16], [3], [5] * 3, [16]], random_values(rng, CONFIG), lambda: 0)
    assert accumulate(simulate, CONFIG, stream, Operation.CONV, hold=3) == totals(stream, Operation.CONV, CONFIG.acc_bits)


def test_bank_full_and_the_first_read(simulate):
    """bank_full pulses in the cycle in which the last sum is written, `READ_LATENCY` + 2 after the word; a read may follow in the next."""
    dut = Accumulator(CONFIG)
    seen = []

    async def testbench(ctx):
        for cycle in range(12):
            ctx.set(dut.control.valid, cycle == 2)
            for name in ("first", "tile_last", "group_last"):
                ctx.set(getattr(dut.control, name), 1)
            ctx.set(dut.value[0], 77 if cycle == 2 + READ_LATENCY else -1)
            full = 2 + READ_LATENCY + Accumulator.write_delay(CONFIG)
            ctx.set(dut.read_en, cycle == full + 1)
            if ctx.get(dut.bank_full):
                seen.append(("full", cycle))
            if cycle == full + 1 + READ_LATENCY:
                seen.append(("read", ctx.get(dut.read_data) % (1 << CONFIG.acc_bits)))
            await ctx.tick()

    simulate(dut, testbench)
    assert seen == [("full", 6), ("read", 77)]
