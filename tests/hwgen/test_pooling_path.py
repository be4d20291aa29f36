"""The way past the array: which channels go to which column."""

from __future__ import annotations

import random

import pytest

from hwgen.config import AcceleratorConfig
from hwgen.gateware.pooling_path import PoolingPath


@pytest.mark.parametrize(("rows", "cols"), [(4, 4), (8, 2), (2, 6)])
def test_slices_go_to_the_columns(simulate, rows, cols):
    config = AcceleratorConfig(rows=rows, cols=cols, lanes=1)
    dut = PoolingPath(config)
    rng = random.Random(rows)
    words = [([rng.randrange(-128, 128) for _ in range(rows)], rng.randrange(dut.slices)) for _ in range(50)]
    got = []

    async def testbench(ctx):
        for acts, act_slice in [*words, *words[: PoolingPath.LATENCY - 1]]:
            for act, value in zip(dut.act, acts, strict=True):
                ctx.set(act, value)
            ctx.set(dut.act_slice, act_slice)
            await ctx.tick()
            got.append([ctx.get(value) for value in dut.value])

    simulate(dut, testbench)
    channels = config.pool_channels
    assert got[PoolingPath.LATENCY - 1 :] == [
        acts[act_slice * channels : (act_slice + 1) * channels] + [0] * (cols - channels) for acts, act_slice in words
    ]
