# amaranth: UnusedElaboratable=no
"""The way past the array: which channels go to which column, and the tables of residual adds."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import pytest

from hwgen.config import AcceleratorConfig
from hwgen.gateware.pooling_path import TABLE_ENTRIES, PoolingPath


@dataclass(frozen=True)
class Word:
    """What goes in with an activation word."""

    acts: tuple[int, ...]
    act_slice: int
    operand: int = 0


def draw(dut: PoolingPath, rng: random.Random, count: int) -> list[Word]:
    return [
        Word(tuple(rng.randrange(-128, 128) for _ in dut.act), rng.randrange(dut.config.slices), rng.randrange(2)) for _ in range(count)
    ]


async def stream(ctx: Any, dut: PoolingPath, words: list[Word]) -> list[list[int]]:
    """One word a cycle; what comes out, `LATENCY` cycles later."""
    got = []
    for cycle in range(len(words) + PoolingPath.LATENCY - 1):
        word = words[min(cycle, len(words) - 1)]
        for act, value in zip(dut.act, word.acts, strict=True):
            ctx.set(act, value)
        if dut.config.slices > 1:
            ctx.set(dut.act_slice, word.act_slice)
        ctx.set(dut.operand, word.operand)
        await ctx.tick()
        if cycle >= PoolingPath.LATENCY - 1:
            got.append([ctx.get(value) for value in dut.value])
    return got


def chosen(config: AcceleratorConfig, word: Word) -> list[int]:
    channels = config.pool_channels
    return list(word.acts[word.act_slice * channels : (word.act_slice + 1) * channels])


@pytest.mark.parametrize("tables", [0, 2])
@pytest.mark.parametrize(("rows", "cols"), [(4, 4), (8, 2), (2, 6)])
def test_slices_go_to_the_columns(simulate, rows, cols, tables):
    """With and without tables in the accelerator: they answer for residual adds alone."""
    config = AcceleratorConfig(rows=rows, cols=cols, lanes=1, add_tables=tables)
    dut = PoolingPath(config, tuple(range(TABLE_ENTRIES * tables)))
    words = draw(dut, random.Random(rows), 50)

    async def testbench(ctx):
        columns = [0] * (cols - config.pool_channels)
        assert await stream(ctx, dut, words) == [chosen(config, word) + columns for word in words]

    simulate(dut, testbench)


def entries(config: AcceleratorConfig, seed: int) -> list[int]:
    """Signed entries of all tables, the ends of the accumulators' range among them."""
    rng = random.Random(seed)
    half = 1 << (config.acc_bits - 1)
    return [rng.choice([-half, half - 1, rng.randrange(-half, half)]) for _ in range(TABLE_ENTRIES * config.add_tables)]


@pytest.mark.parametrize(("rows", "cols", "acc_bits"), [(4, 4, 32), (8, 2, 24), (2, 6, 20)])
def test_adds_look_up_their_operands(simulate, rows, cols, acc_bits):
    """Entry 512 * table + 256 * operand + the byte as unsigned; every channel, in the same cycle."""
    config = AcceleratorConfig(rows=rows, cols=cols, lanes=1, acc_bits=acc_bits, add_tables=3)
    values = entries(config, 1)
    dut = PoolingPath(config, tuple(value & ((1 << acc_bits) - 1) for value in values))
    rng = random.Random(2)

    async def testbench(ctx):
        ctx.set(dut.add, 1)
        for table in (2, 0, 1):
            ctx.set(dut.table, table)
            words = draw(dut, rng, 100)
            expected = [[values[512 * table + 256 * word.operand + (act & 0xFF)] for act in chosen(config, word)] for word in words]
            columns = [0] * (cols - config.pool_channels)
            assert await stream(ctx, dut, words) == [row + columns for row in expected]

    simulate(dut, testbench)


def test_every_byte_of_both_operands(simulate):
    config = AcceleratorConfig(rows=2, cols=2, lanes=1, add_tables=1)
    values = entries(config, 3)
    dut = PoolingPath(config, tuple(value & 0xFFFFFFFF for value in values))
    words = [Word((byte, -1 - byte), 0, operand) for operand in (0, 1) for byte in range(-128, 128)]

    async def testbench(ctx):
        ctx.set(dut.add, 1)
        got = await stream(ctx, dut, words)
        assert got == [[values[256 * word.operand + (act & 0xFF)] for act in word.acts] for word in words]

    simulate(dut, testbench)


def test_the_host_writes_all_copies(simulate):
    """Entries of 32 bits, of which an accumulator's width is kept; an entry that is not written stays."""
    config = AcceleratorConfig(rows=4, cols=4, lanes=1, acc_bits=24, add_tables=2)
    before, after = entries(config, 4), entries(config, 5)
    dut = PoolingPath(config, tuple(value & 0xFFFFFF for value in before))
    rng = random.Random(6)
    written = set(rng.sample(range(len(before)), 600))

    async def testbench(ctx):
        for entry in written:
            ctx.set(dut.table_write_en, 1)
            ctx.set(dut.table_write_addr, entry)
            ctx.set(dut.table_write_data, after[entry] & 0xFFFFFFFF)
            await ctx.tick()
        ctx.set(dut.table_write_en, 0)
        ctx.set(dut.add, 1)
        for table in range(2):
            ctx.set(dut.table, table)
            words = [
                Word(tuple((byte + 7 * c + 128) % 256 - 128 for c in range(4)), 0, operand) for operand in (0, 1) for byte in range(256)
            ]
            places = [[512 * table + 256 * word.operand + (act & 0xFF) for act in word.acts] for word in words]
            got = await stream(ctx, dut, words)
            assert got == [[(after if place in written else before)[place] for place in row] for row in places]

    simulate(dut, testbench)


def test_the_values_have_the_bits_for_what_comes():
    """Activations alone need no more than psums; rescaled operands those of an accumulator."""
    for tables, bits in ((0, 19), (1, 28)):
        config = AcceleratorConfig(rows=8, cols=8, lanes=1, acc_bits=28, add_tables=tables)
        assert PoolingPath(config).value[0].shape().width == bits
