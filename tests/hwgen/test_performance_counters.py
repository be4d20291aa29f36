"""The counters: every cycle of a run in one counter of one layer."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from hwgen.config import AcceleratorConfig
from hwgen.gateware.performance_counters import PerformanceCounters
from hwgen.gateware.ram import READ_LATENCY
from hwgen.regmap import COUNTERS

CONFIG = AcceleratorConfig(rows=4, cols=4, lanes=1, max_layers=6)
FLAGS = ("issue", "waits_post", "waits_weights", "waits_program")


def reason(issue: bool, waits_post: bool, waits_weights: bool, waits_program: bool) -> str:
    """What a cycle counts as."""
    if issue:
        return "busy"
    if waits_weights:
        return "stall_weights"
    return "stall_memory" if waits_program and not waits_post else "stall_post"


def possible(rng: random.Random) -> tuple[bool, ...]:
    """What feeder and sequencer can show together: at most one of the feeder's three."""
    feeder = rng.choice([(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0)])
    return *map(bool, feeder), rng.random() < 0.4


def run(simulate, runs: list[list[tuple[int, tuple[bool, ...]]]], gap: int = 5):
    """runs: (layer, flags) of each cycle of each run.  Gives, after each run, the counters of all layers and `cycles`."""
    dut = PerformanceCounters(CONFIG)
    results = []

    async def testbench(ctx):
        async def read() -> dict[int, dict[str, int]]:
            found = {}
            for layer in range(CONFIG.max_layers):
                ctx.set(dut.read_layer, layer)
                for _ in range(READ_LATENCY):
                    await ctx.tick()
                word = ctx.get(dut.read_data)
                found[layer] = {name: word >> 32 * i & 0xFFFFFFFF for i, name in enumerate(COUNTERS)}
            return found

        for cycles in runs:
            for layer, flags in cycles:
                ctx.set(dut.running, 1)
                ctx.set(dut.layer, layer)
                for name, flag in zip(FLAGS, flags, strict=True):
                    ctx.set(getattr(dut, name), flag)
                await ctx.tick()
            ctx.set(dut.running, 0)
            for name in FLAGS:
                ctx.set(getattr(dut, name), 0)
            for _ in range(gap):
                await ctx.tick()
            results.append((await read(), ctx.get(dut.cycles)))

    simulate(dut, testbench)
    return results


def random_run(rng: random.Random, layers: int, *, before: int) -> list[tuple[int, tuple[bool, ...]]]:
    """Before the first issue the feeder shows the layer of the run before."""
    cycles = [(before, (False, *possible(rng)[1:])) for _ in range(rng.randrange(1, 20))]
    for layer in range(layers):
        body = [possible(rng) for _ in range(rng.choice([1, 1, 2, 30]))]
        first = body[0] if layer else (True, False, False, body[0][3])
        cycles += [(layer, flags) for flags in (first, *body[1:])]
    return cycles


@pytest.mark.parametrize("seed", range(6))
def test_every_cycle_counts_once(simulate, seed):
    rng = random.Random(seed)
    runs, before = [], 0
    for _ in range(3):
        layers = rng.randrange(1, CONFIG.max_layers + 1)
        runs.append(random_run(rng, layers, before=before))
        before = layers - 1
    for cycles, (counters, total) in zip(runs, run(simulate, runs, gap=rng.choice([2, 5])), strict=True):
        expected: dict[int, Counter[str]] = {}
        begun = False
        for layer, flags in cycles:
            begun |= flags[0]
            expected.setdefault(layer if begun else 0, Counter())[reason(*flags)] += 1
        assert {layer: Counter({k: v for k, v in counters[layer].items() if v}) for layer in expected} == expected
        assert total == len(cycles) == sum(sum(counters[layer].values()) for layer in expected)


def test_nothing_counts_between_runs(simulate):
    """Layers of the run before keep their counters where the next run does not reach them."""
    long = [(layer, (True, False, False, False)) for layer in (0, 1, 1, 2, 2, 2)]
    short = [(0, (True, False, False, False))]
    (first, _), (second, cycles) = run(simulate, [long, short], gap=50)
    assert [first[layer]["busy"] for layer in range(3)] == [1, 2, 3]
    assert [second[layer]["busy"] for layer in range(3)] == [1, 2, 3]
    assert cycles == 1
