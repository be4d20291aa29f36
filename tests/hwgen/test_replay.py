# amaranth: UnusedElaboratable=no
"""The replay host against the host port and against a slave that delays and refuses as it likes."""

from __future__ import annotations

import random
import re
import warnings
from dataclasses import dataclass, field

import pytest
from amaranth.back import verilog
from amaranth.hdl import ClockDomain, Module, Mux, Signal
from amaranth.sim import Simulator
from hypothesis import given
from hypothesis import strategies as st

from hwgen import regmap
from hwgen.config import AcceleratorConfig
from hwgen.gateware.host import HostPort
from hwgen.gateware.ram import Ram
from hwgen.gateware.replay import Op, Replay, encode_record

ACT, WEIGHT = 1 << 25, 2 << 25
ID, CONTROL, STATUS, IRQ_STATUS, SCRATCH = 0x000, 0x008, 0x00C, 0x010, 0x018
CONFIG = AcceleratorConfig(rows=4, cols=2, lanes=1, act_depth=20, weight_depth=18, param_depth=5, program_depth=33, max_layers=3)
SLVERR, DECERR = 2, 3
RUN_CYCLES = 30
END = encode_record(Op.END)


def write(address: int, value: int, mask: int = 15) -> int:
    return encode_record(Op.WRITE, address, value, mask)


def compare(address: int, value: int, mask: int = 15) -> int:
    return encode_record(Op.COMPARE, address, value, mask)


WAIT = encode_record(Op.WAIT_IRQ)


@dataclass(frozen=True)
class Outcome:
    """Where a replay ended."""

    fail: int
    index: int
    expected: int
    got: int
    response: int
    cycles: int  # from reset to done


async def outcome(ctx, dut: Replay, limit: int) -> Outcome:
    """Waits for the end, and for a while more in which nothing may change."""
    cycles = 0
    while not ctx.get(dut.done):
        assert not ctx.get(dut.fail), "fail without done"
        assert cycles < limit, f"not done in {limit} cycles"
        await ctx.tick()
        cycles += 1
    results = (dut.fail, dut.fail_index, dut.fail_expected, dut.fail_got, dut.fail_response)
    values = tuple(ctx.get(result) for result in results)
    for _ in range(20):
        await ctx.tick()
        assert ctx.get(dut.done)
        assert tuple(ctx.get(result) for result in results) == values
        assert [ctx.get(valid) for valid in (dut.m_axil_awvalid, dut.m_axil_wvalid, dut.m_axil_arvalid)] == [0, 0, 0]
    return Outcome(*values, cycles)


def with_records(m: Module, records: list[int]) -> Replay:
    """A replay host with its memory in the module."""
    m.submodules.replay = dut = Replay(len(records))
    m.submodules.records = ram = Ram(width=64, depth=len(records), init=records)
    m.d.comb += [ram.read_en.eq(1), ram.read_addr.eq(dut.mem_addr), dut.mem_data.eq(ram.read_data)]
    return dut


# --- on the host port -----------------------------------------------------------------------------


class Accelerator:
    """A replay host, a host port, an activation memory, and a core that adds 1 to every run of `RUN_CYCLES` cycles in CYCLES."""

    def __init__(self, records: list[int]) -> None:
        self.module = m = Module()
        m.domains.sync = self.domain = ClockDomain("sync")
        self.replay = dut = with_records(m, records)
        m.submodules.host = host = HostPort(CONFIG)
        m.submodules.act = act = Ram(width=8 * CONFIG.rows, depth=CONFIG.act_depth, chunk=8)
        for path, member, _ in dut.signature.flatten(dut):
            name = path[0]
            if name.startswith("m_axil_"):
                master, slave = getattr(dut, name), getattr(host, name.replace("m_axil_", "s_axil_"))
                m.d.comb += slave.eq(master) if member.flow.name == "Out" else master.eq(slave)
        left, runs = Signal(range(RUN_CYCLES + 1)), Signal(32)
        with m.If(host.start):
            m.d.sync += [left.eq(RUN_CYCLES), runs.eq(runs + 1)]
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        m.d.comb += [
            host.busy.eq(left != 0),
            host.done.eq(left == 1),
            host.cycles.eq(runs),
            act.read_en.eq(host.act_read_en),
            act.read_addr.eq(host.act_read_addr),
            host.act_read_data.eq(act.read_data),
            act.write_en.eq(Mux(host.mem_write & (host.mem_window == 1), host.mem_strobe, 0)),
            act.write_addr.eq(host.mem_word),
            act.write_data.eq(host.mem_data),
            dut.irq.eq(host.irq),
        ]

    def run(self, *, reset_after: int | None = None) -> Outcome:
        result: list[Outcome] = []

        async def watch(ctx):
            if reset_after is not None:
                for _ in range(reset_after):
                    await ctx.tick()
                ctx.set(self.domain.rst, 1)
                await ctx.tick()
                ctx.set(self.domain.rst, 0)
            result.append(await outcome(ctx, self.replay, 5000))

        sim = Simulator(self.module)
        sim.add_clock(1e-6)
        sim.add_testbench(watch)
        sim.run()
        return result[0]


def two_runs() -> list[int]:
    """What the records of a network look like: fill, start, wait, read; twice."""
    records = [compare(ID, 0x57454654)]
    for run in (1, 2):
        records += [write(ACT + 4 * word, 0x01010101 * (word + run)) for word in range(20)]
        records += [write(CONTROL, 0b11), compare(STATUS, 1), WAIT, compare(STATUS, 2), write(IRQ_STATUS, 1)]
        records += [compare(regmap.register_address("CYCLES"), run)]
        records += [compare(ACT + 4 * word, 0x01010101 * (word + run)) for word in range(20)]
    return [*records, END]


def test_records_that_hold():
    result = Accelerator(two_runs()).run()
    assert (result.fail, result.index, result.expected, result.got, result.response) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("reset_after", [0, 1, 2, 3, 4, 5, 7, 30, 100, 150, 400])
def test_reset_starts_it_anew(reset_after):
    records = [write(SCRATCH, 1), compare(SCRATCH, 1), *two_runs()[1:24], END]  # ends while a run is under way
    result = Accelerator(records).run(reset_after=reset_after)
    assert result.fail == 0
    assert result.cycles == Accelerator(records).run(reset_after=0).cycles


def test_an_end_alone():
    assert Accelerator([END]).run().fail == 0


def test_what_follows_the_end_is_not_played():
    assert Accelerator([END, compare(ID, 0)]).run().fail == 0


@pytest.mark.parametrize("index", [0, 1, 5, 17])
def test_a_difference_stops_it_with_the_record(index):
    records = [compare(ID, 0x57454654) for _ in range(18)]
    records[index] = compare(ID, 0x57454653)
    result = Accelerator([*records, END]).run()
    assert (result.fail, result.index, result.expected, result.got, result.response) == (1, index, 0x57454653, 0x57454654, 0)


def test_the_first_of_two_differences_counts():
    result = Accelerator([compare(ID, 1, 1), compare(ID, 2), END]).run()
    assert (result.fail, result.index, result.expected, result.got) == (1, 0, 0x01, 0x54)


@pytest.mark.parametrize("bit", [0, 7, 8, 15, 16, 23, 24, 31])
@pytest.mark.parametrize("mask", [0b1111, 0b0101, 0b1010, 0b0000])
def test_the_mask_selects_the_bytes_that_are_compared(mask, bit):
    wide = sum(0xFF << 8 * k for k in range(4) if mask >> k & 1)
    value, expected = 0x57454654, 0x57454654 ^ 1 << bit
    result = Accelerator([compare(SCRATCH, 0), compare(ID, expected, mask), END]).run()
    if wide >> bit & 1:
        assert (result.fail, result.index, result.expected, result.got) == (1, 1, expected & wide, value & wide)
    else:
        assert result.fail == 0


@pytest.mark.parametrize("mask", range(16))
def test_the_mask_of_a_write_is_its_strobe(mask):
    expected = sum((0xAABBCCDD if mask >> k & 1 else 0x11223344) & 0xFF << 8 * k for k in range(4))
    records = [write(SCRATCH, 0x11223344), write(SCRATCH, 0xAABBCCDD, mask), compare(SCRATCH, expected)]
    records += [write(ACT + 76, 0x11223344), write(ACT + 76, 0xAABBCCDD, mask), compare(ACT + 76, expected), END]
    assert Accelerator(records).run().fail == 0


@pytest.mark.parametrize(
    ("record", "response"),
    [
        (write(ID, 1), SLVERR),
        (write(5 << 25, 1), DECERR),
        (compare(WEIGHT, 0), SLVERR),
        (compare(0xFFFFFFC, 0), DECERR),
        (compare(0xFFFFFFC, 5), DECERR),
        (compare(0xFFFFFFC, 0, 0), DECERR),
    ],
)
def test_a_bus_error_is_a_failure(record, response):
    result = Accelerator([write(SCRATCH, 3), compare(SCRATCH, 3), record, compare(SCRATCH, 0), END]).run()
    assert (result.fail, result.index, result.expected, result.got, result.response) == (1, 2, 0, response, response)


def test_a_memory_access_that_does_not_wait_for_the_run_fails():
    result = Accelerator([write(CONTROL, 3), write(ACT, 1), END]).run()
    assert (result.fail, result.index, result.response) == (1, 1, SLVERR)


def test_throughput():
    def cycles(record: int, count: int) -> int:
        return Accelerator([record] * count + [END]).run().cycles

    for record, each in ((write(SCRATCH, 1), 3), (write(ACT, 1), 3), (compare(ID, 0x57454654), 4), (compare(ACT + 4, 0), 9)):
        assert cycles(record, 21) - cycles(record, 1) == 20 * each


# --- on a slave that does as it likes ----------------------------------------------------------------


@dataclass
class Slave:
    """Takes AW and W in a random order, answers late, raises the interrupt line late; records what it saw."""

    records: list[int]
    seed: int
    bad: int = -1  # index of the record that is answered with an error
    patience: int = 4
    seen: list[tuple] = field(default_factory=list)

    def run(self) -> Outcome:
        m = Module()
        dut = with_records(m, self.records)
        rng = random.Random(self.seed)
        result: list[Outcome] = []

        async def idle(ctx):
            for _ in range(rng.randrange(self.patience + 1)):
                await ctx.tick()

        async def take(ctx, channel: str, *payload: str) -> tuple[int, ...]:
            ready, valid = getattr(dut, f"m_axil_{channel}ready"), getattr(dut, f"m_axil_{channel}valid")
            await idle(ctx)
            ctx.set(ready, 1)
            *_, is_valid = await ctx.tick().sample(valid).until(valid)
            assert is_valid
            ctx.set(ready, 0)
            return tuple(latched[name] for name in payload)

        latched: dict[str, int] = {}

        async def payloads(ctx):
            """What is on the bus at a clock edge; valid must stay, and the payload with it, until ready."""
            before: dict[str, tuple[int, ...]] = {}
            groups = {"aw": ("awaddr",), "w": ("wdata", "wstrb"), "ar": ("araddr",)}
            names = [name for group in groups.values() for name in group]
            sampled = [getattr(dut, "m_axil_" + name) for name in names]
            states = [getattr(dut, f"m_axil_{channel}{kind}") for channel in groups for kind in ("valid", "ready")]
            async for _, _, *values in ctx.tick().sample(*sampled, *states):
                latched.update(zip(names, values, strict=False))
                for k, (channel, group) in enumerate(groups.items()):
                    valid, ready = values[len(names) + 2 * k : len(names) + 2 * k + 2]
                    payload = tuple(latched[name] for name in group)
                    if channel in before:
                        assert valid
                        assert payload == before[channel]
                    before.pop(channel, None)
                    if valid and not ready:
                        before[channel] = payload

        async def respond(ctx, channel: str, index: int) -> None:
            await idle(ctx)
            valid, ready = getattr(dut, f"m_axil_{channel}valid"), getattr(dut, f"m_axil_{channel}ready")
            ctx.set(getattr(dut, f"m_axil_{channel}resp"), 2 if index == self.bad else 0)
            ctx.set(valid, 1)
            await ctx.tick().until(ready)
            ctx.set(valid, 0)
            ctx.set(getattr(dut, f"m_axil_{channel}resp"), 3)  # junk between responses
            ctx.set(dut.m_axil_rdata, 0xDEADBEEF)

        async def slave(ctx):
            for index, record in enumerate(self.records):
                op, value, mask, address = record >> 30 & 3, record >> 32, record >> 26 & 15, (record & (1 << 26) - 1) << 2
                if op == Op.WRITE:
                    together = {}
                    if rng.random() < 0.5:
                        together["aw"] = await take(ctx, "aw", "awaddr")
                        together["w"] = await take(ctx, "w", "wdata", "wstrb")
                    else:
                        together["w"] = await take(ctx, "w", "wdata", "wstrb")
                        together["aw"] = await take(ctx, "aw", "awaddr")
                    self.seen.append(("write", *together["aw"], *together["w"]))
                    assert self.seen[-1] == ("write", address, value, mask)
                    await respond(ctx, "b", index)
                elif op == Op.COMPARE:
                    self.seen.append(("read", *await take(ctx, "ar", "araddr")))
                    assert self.seen[-1] == ("read", address)
                    ctx.set(dut.m_axil_rdata, value)
                    await respond(ctx, "r", index)
                elif op == Op.WAIT_IRQ:
                    for _ in range(rng.randrange(3 * self.patience + 1)):
                        await ctx.tick()
                        assert [ctx.get(getattr(dut, f"m_axil_{channel}valid")) for channel in ("aw", "w", "ar")] == [0, 0, 0]
                        assert not ctx.get(dut.done)
                    ctx.set(dut.irq, 1)
                    await ctx.tick().repeat(6)
                    ctx.set(dut.irq, 0)
                if index == self.bad:
                    break

        async def watch(ctx):
            result.append(await outcome(ctx, dut, 200 * len(self.records) + 100))

        sim = Simulator(m)
        sim.add_clock(1e-6)
        sim.add_testbench(payloads, background=True)
        sim.add_testbench(slave)
        sim.add_testbench(watch)
        sim.run()
        return result[0]


def random_records(rng: random.Random, count: int, ops: list[Op]) -> list[int]:
    records, previous = [], Op.END
    for _ in range(count):
        op = rng.choice([op for op in ops if not op == previous == Op.WAIT_IRQ])
        previous = op
        records.append(encode_record(op, 4 * rng.getrandbits(26), rng.getrandbits(32), rng.getrandbits(4)))
    return [*records, END]


@pytest.mark.parametrize("patience", [0, 1, 4])
@pytest.mark.parametrize("seed", range(4))
def test_every_record_is_played_once_and_in_order(seed, patience):
    records = random_records(random.Random(seed), 60, [Op.WRITE, Op.COMPARE, Op.WAIT_IRQ])
    slave = Slave(records, seed, patience=patience)
    assert slave.run().fail == 0
    assert len(slave.seen) == sum(record >> 30 & 3 in (Op.WRITE, Op.COMPARE) for record in records)


@pytest.mark.parametrize("bad", [0, 1, 13, 29])
@pytest.mark.parametrize("op", [Op.WRITE, Op.COMPARE])
def test_an_error_response_stops_it_at_once(bad, op):
    slave = Slave(random_records(random.Random(bad), 30, [op]), 7, bad=bad)
    result = slave.run()
    assert (result.fail, result.index, result.expected, result.got, result.response) == (1, bad, 0, SLVERR, SLVERR)
    assert len(slave.seen) == bad + 1


# --- records and construction ---------------------------------------------------------------------


@given(st.sampled_from(list(Op)), st.integers(0, (1 << 26) - 1), st.integers(0, (1 << 32) - 1), st.integers(0, 15))
def test_layout_of_a_record(op, word, value, mask):
    assert encode_record(op, 4 * word, value, mask) == value << 32 | int(op) << 30 | mask << 26 | word


def test_codes_of_the_records():
    assert {op.name: op.value for op in Op} == {"END": 0, "WRITE": 1, "COMPARE": 2, "WAIT_IRQ": 3}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"address": 2}, "address must be a multiple of 4 below 2^28, not 2"),
        ({"address": 1 << 28}, "address must be a multiple of 4 below 2^28, not 268435456"),
        ({"address": -4}, "address must be a multiple of 4 below 2^28, not -4"),
        ({"value": 1 << 32}, "value must be an unsigned 32-bit integer, not 4294967296"),
        ({"value": -1}, "value must be an unsigned 32-bit integer, not -1"),
        ({"mask": 16}, "mask must be from 0 to 15, not 16"),
        ({"mask": -1}, "mask must be from 0 to 15, not -1"),
    ],
)
def test_records_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        encode_record(Op.WRITE, **arguments)


@pytest.mark.parametrize("depth", [0, -1, True, 2.0, (1 << 32) + 1])
def test_depths_out_of_range(depth):
    with pytest.raises(ValueError, match=rf"^depth must be an integer from 1 to 2\^32, not {re.escape(repr(depth))}$"):
        Replay(depth)


@pytest.mark.parametrize("depth", [1, 2, 1000, 1 << 20])
def test_emits_verilog_without_a_warning(depth):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = verilog.convert(Replay(depth), name="replay")
    assert "module replay" in text
