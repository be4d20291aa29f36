"""The parameter fetcher: which record is where, when, through takes and restarts in every order."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from amaranth.hdl import Module

from golden.rescale import RescaleFormat
from hwgen.config import AcceleratorConfig
from hwgen.gateware.lane import Lane
from hwgen.gateware.param_fetcher import ParamFetcher
from hwgen.gateware.ram import Ram
from hwgen.params import param_bits

RECORDS = 64
CONFIGS = {
    "1 lane": AcceleratorConfig(rows=4, cols=4, lanes=1, param_depth=RECORDS),
    "4 lanes": AcceleratorConfig(rows=8, cols=4, lanes=4, param_depth=RECORDS, rescale=RescaleFormat.parse("fixed8")),
    "3 lanes": AcceleratorConfig(rows=6, cols=3, lanes=3, param_depth=RECORDS, acc_bits=24, rescale=RescaleFormat.parse("shift")),
}


@dataclass(frozen=True)
class Descriptor:
    """Lane groups taken one after the other, each `delay` cycles after `ready`; the next descriptor `rest` cycles after the last take."""

    address: int
    step: int
    delays: tuple[int, ...]
    rest: int


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
@pytest.mark.parametrize("seed", range(4))
def test_against_the_rules(simulate, config, seed):
    """After a take in cycle t: the bias from t + 3 on, the rest two cycles later, `ready` again at t + interval.  After a restart:
    `ready` at t + interval, and the records of the new address; what was fetched ahead is thrown away."""
    rng = random.Random(seed)
    interval, bits, lanes = ParamFetcher.interval(config), param_bits(config), config.lanes
    descriptors = [
        Descriptor(
            rng.randrange(RECORDS - 4 * lanes),
            rng.randrange(2),
            tuple(rng.choice([0, 0, 1, 30]) for _ in range(rng.randrange(1, 5))),
            rng.choice([0, 0, 1, 2, 3, 4, 5, interval - 1, interval, 25]),
        )
        for _ in range(25)
    ]
    contents = [rng.getrandbits(bits) for _ in range(RECORDS)]
    m = Module()
    m.submodules.dut = dut = ParamFetcher(config)
    m.submodules.memory = ram = Ram(width=bits, depth=RECORDS, init=contents)
    m.d.comb += [ram.read_en.eq(dut.read_en), ram.read_addr.eq(dut.read_addr), dut.read_data.eq(ram.read_data)]
    taken: list[tuple[int, list[int]]] = []  # cycle, records of the lanes

    async def testbench(ctx):
        waiting, current, group, cycle = list(descriptors), None, 0, 0
        ready_at, restart_at, take_at = None, 3, None
        end = None
        while end is None or cycle < end:
            restart = cycle == restart_at
            ready = ready_at is not None and cycle >= ready_at
            assert ctx.get(dut.ready) == ready
            if ready and take_at is None and current is not None and group < len(current.delays):
                take_at = cycle + current.delays[group]
            take = cycle == take_at
            ctx.set(dut.take, take)
            ctx.set(dut.restart, 0)
            if take:
                first = current.address + group * lanes * current.step
                taken.append((cycle, [contents[first + lane * current.step] for lane in range(lanes)]))
                ready_at, take_at, group = cycle + interval, None, group + 1
                if group == len(current.delays):
                    restart_at = cycle + current.rest if waiting else None
                    restart = cycle == restart_at
                    end = None if waiting else cycle + 40
            ctx.set(dut.restart, restart)
            if restart:
                current, group = waiting.pop(0), 0
                ctx.set(dut.address, current.address)
                ctx.set(dut.step, current.step)
                ready_at = cycle + interval
            else:
                ctx.set(dut.address, rng.randrange(RECORDS))
                ctx.set(dut.step, rng.randrange(2))
            for members, delay, part in (
                (dut.bias, ParamFetcher.BIAS_DELAY, slice(0, config.acc_bits)),
                (dut.rest, ParamFetcher.BIAS_DELAY + Lane.PARAMETER_DELAY, slice(config.acc_bits, bits)),
            ):
                shown = [records for at, records in taken if at + delay <= cycle]
                if shown:
                    expected = [record >> part.start & (1 << part.stop - part.start) - 1 for record in shown[-1]]
                    assert [ctx.get(member) for member in members] == expected
            await ctx.tick()
            cycle += 1

    simulate(m, testbench)
    assert len(taken) == sum(len(descriptor.delays) for descriptor in descriptors)


def test_interval_is_that_of_the_lanes():
    """A set for all lanes comes record by record, so a lane more is a cycle more."""
    assert [ParamFetcher.interval(config) for config in CONFIGS.values()] == [6, 9, 8]
