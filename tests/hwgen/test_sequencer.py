"""The sequencer: every descriptor to every unit, in order, whatever the units do; and its cycles."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from amaranth.hdl import Module

from hwgen.config import AcceleratorConfig
from hwgen.descriptor import BY_NAME, FIELDS, WORDS, encode
from hwgen.gateware.ram import READ_LATENCY, Ram
from hwgen.gateware.sequencer import Sequencer
from hwgen.identity import HEADER_WORDS

CONFIG = AcceleratorConfig(rows=4, cols=4, lanes=1, program_depth=8 * WORDS)
UNITS = ("loader", "feeder", "post")


@dataclass
class Observed:
    """Cycles of reads, with their address, and of each unit's acceptance, with the descriptor; cycles with done, busy, waits_program."""

    reads: list[tuple[int, int]] = field(default_factory=list)
    accepts: dict[str, list[tuple[int, dict[str, int]]]] = field(default_factory=lambda: {unit: [] for unit in UNITS})
    done: list[int] = field(default_factory=list)
    busy: list[int] = field(default_factory=list)
    waits: list[int] = field(default_factory=list)


def program(count: int, seed: int = 0) -> list[dict[str, int]]:
    rng = random.Random(seed)
    made = [{f.name: rng.randint(f.low, f.high) for f in FIELDS} | {"last": 0} for _ in range(count)]
    made[-1]["last"] = 1
    return made


def run(
    simulate, descriptors: list[dict[str, int]], *, starts: tuple[int, ...] = (2,), ready: float = 1.0, drain: int = 0, cycles: int = 400
):
    """What the sequencer does for a number of cycles; `drained` stays low for `drain` cycles after an acceptance."""
    rng = random.Random(1)
    m = Module()
    m.submodules.dut = dut = Sequencer(CONFIG)
    init = [0] * HEADER_WORDS + [word for fields in descriptors for word in encode(fields)]
    m.submodules.memory = ram = Ram(width=32, depth=CONFIG.program_depth, init=init)
    m.d.comb += [ram.read_en.eq(dut.read_en), ram.read_addr.eq(dut.read_addr), dut.read_data.eq(ram.read_data)]
    seen = Observed()

    async def testbench(ctx):
        for cycle in range(cycles):
            ctx.set(dut.start, cycle in starts)
            for unit in UNITS:
                ctx.set(getattr(dut, unit).ready, rng.random() < ready)
            last = max((accepts[-1][0] for accepts in seen.accepts.values() if accepts), default=-1)
            ctx.set(dut.drained, cycle > last + drain)
            if ctx.get(dut.read_en):
                seen.reads.append((cycle, ctx.get(dut.read_addr)))
            for unit in UNITS:
                stream = getattr(dut, unit)
                if ctx.get(stream.valid) and ctx.get(stream.ready):
                    fields = {name: int(ctx.get(getattr(stream.payload, name))) for name in BY_NAME}
                    seen.accepts[unit].append((cycle, fields))
            for name, cycles_with in (("done", seen.done), ("busy", seen.busy), ("waits_program", seen.waits)):
                if ctx.get(getattr(dut, name)):
                    cycles_with.append(cycle)
            await ctx.tick()

    simulate(m, testbench)
    return seen


@pytest.mark.parametrize("ready", [1.0, 0.5, 0.1])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_every_unit_gets_every_descriptor_once_in_order(simulate, count, ready):
    descriptors = program(count)
    seen = run(simulate, descriptors, ready=ready, cycles=1000)
    for accepts in seen.accepts.values():
        assert [fields for _, fields in accepts] == descriptors
    assert [address for _, address in seen.reads] == list(range(HEADER_WORDS, HEADER_WORDS + count * WORDS))
    assert len(seen.done) == 1


def test_cycles_of_a_fetch(simulate):
    """Reads from the cycle after start on, a word a cycle; the offer `FETCH_CYCLES` after the first read; the next fetch after the
    last unit has taken it."""
    assert Sequencer.FETCH_CYCLES == WORDS + READ_LATENCY
    seen = run(simulate, program(3), starts=(5,))
    fetches = [6, 6 + Sequencer.FETCH_CYCLES + 1, 6 + 2 * (Sequencer.FETCH_CYCLES + 1)]
    assert [cycle for cycle, _ in seen.reads] == [fetch + word for fetch in fetches for word in range(WORDS)]
    for accepts in seen.accepts.values():
        assert [cycle for cycle, _ in accepts] == [fetch + Sequencer.FETCH_CYCLES for fetch in fetches]


def test_the_next_fetch_waits_for_the_slowest_unit(simulate):
    seen = run(simulate, program(4), ready=0.2, cycles=1000)
    taken = [max(accepts[i][0] for accepts in seen.accepts.values()) for i in range(4)]
    assert [seen.reads[WORDS * i][0] for i in (1, 2, 3)] == [cycle + 1 for cycle in taken[:3]]


@pytest.mark.parametrize("drain", [0, 1, 30])
def test_done_comes_when_everything_is_drained(simulate, drain):
    seen = run(simulate, program(2), drain=drain, starts=(2, 20))
    last = seen.accepts["post"][-1][0]
    assert seen.done == [last + 1 + drain]
    assert seen.busy == list(range(3, seen.done[0] + 1)), "busy from the cycle after start to done; a start while busy does nothing"


def test_a_second_run_begins_at_word_0(simulate):
    descriptors = program(2)
    seen = run(simulate, descriptors, starts=(2, 100, 200))
    assert len(seen.done) == 3
    assert [fields for _, fields in seen.accepts["feeder"]] == descriptors * 3
    assert [address for _, address in seen.reads] == list(range(HEADER_WORDS, HEADER_WORDS + 2 * WORDS)) * 3


def test_waits_program_is_the_fetch_and_the_offer(simulate):
    """High while a descriptor is on its way to the feeder, low once the feeder has it."""
    seen = run(simulate, program(2), ready=0.2, cycles=1000)
    expected: list[int] = []
    begin = 3
    for index in range(2):
        expected += range(begin, seen.accepts["feeder"][index][0] + 1)
        begin = max(accepts[index][0] for accepts in seen.accepts.values()) + 1
    assert seen.waits == expected
