# amaranth: UnusedElaboratable=no
"""The host port against a model of the register file, with every order of the handshakes, errors and busy rules."""

from __future__ import annotations

import itertools
import random
import warnings
from dataclasses import dataclass, field

import pytest
from amaranth.back import verilog
from amaranth.hdl import ClockDomain, Module
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.errors import InputError
from golden.rescale import RescaleFormat
from hwgen import regmap
from hwgen.access_cycles import AccessCycles, axi_lite_interval, axi_lite_latency
from hwgen.config import NAMED, AcceleratorConfig
from hwgen.family import Family
from hwgen.gateware.host import HostPort

OKAY, SLVERR, DECERR = 0, 2, 3
REGISTERS, ACT, WEIGHT, PARAM, PROGRAM, TABLE = (window << 25 for window in range(6))
ID, CONTROL, STATUS, IRQ_STATUS, CYCLES, SCRATCH = 0x000, 0x008, 0x00C, 0x010, 0x014, 0x018


def small(rows: int = 4, cols: int = 2, **parameters: object) -> AcceleratorConfig:
    defaults = {"lanes": 1, "act_depth": 20, "weight_depth": 18, "param_depth": 5, "program_depth": 33, "max_layers": 3, "acc_depth": 16}
    return AcceleratorConfig(rows=rows, cols=cols, **{**defaults, **parameters})


SMALL = small()
# An activation word of half a host word, of one, of one and a half, and of six; a weight word of 2 and 128 bytes; tables of two adds.
SHAPES = {
    "2x2": small(2, 2, rescale=RescaleFormat.parse("shift")),
    "4x2": SMALL,
    "6x6": small(6, 6, rescale=RescaleFormat.parse("fixed16"), add_tables=2),
    "24x8": small(24, 8, weight_rows_per_cycle=12),
    "4x2, lean": small(overlap=False, max_layers=0),
    "4x2, lean, weights that have to be loaded": small(overlap=False, family=Family.ICE40),
}


def counter_value(layer: int) -> int:
    """What the model's core counts in a layer: four values in one."""
    return sum((0x10000000 * (k + 1) + layer * 257 + k) << (32 * k) for k in range(4))


@dataclass
class Bench:
    """The port, a model of the core behind it that misbehaves wherever the contract lets it, and a monitor of both."""

    config: AcceleratorConfig = SMALL
    run_cycles: int | None = None  # length of a run; None: until `finish`
    with_core: bool = True  # False: the testbench plays the core
    finish: bool = False
    memory: dict[tuple[int, int, int], int] = field(default_factory=dict)  # (window, word, byte) -> value
    writes: list[tuple[int, ...]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    now: int = 0

    def __post_init__(self) -> None:
        self.dut = HostPort(self.config)
        self.domain = ClockDomain("sync")
        self.noise = random.Random(1)

    def run(self, *testbenches: object) -> None:
        m = Module()
        m.domains.sync = self.domain
        m.submodules.dut = self.dut
        sim = Simulator(m)
        sim.add_clock(1e-6)
        if self.with_core:
            sim.add_testbench(self.core, background=True)
        sim.add_testbench(self.monitor, background=True)
        for testbench in testbenches:
            sim.add_testbench(testbench)
        sim.run()

    async def core(self, ctx) -> None:
        """Memories, counters and runs.  Data is noise but in the cycle in which the contract wants it."""
        dut, left = self.dut, None
        layers: list[int | None] = [None] * HostPort.COUNTER_LATENCY
        sampled = (dut.start, dut.mem_write, dut.mem_window, dut.mem_word, dut.mem_chunk, dut.mem_data, dut.mem_strobe)
        # What comes out at the end of this cycle is first; what is asked for in it, last.
        reads, program_reads, weight_reads = ([None] * (HostPort.read_latency(self.config) - 1) for _ in range(3))
        weights = regmap.Window.WEIGHT in regmap.readable(self.config)
        weight_bits = regmap.MEMORIES[regmap.Window.WEIGHT].word_bits(self.config)
        read_before = wrote_before = 0
        read_members = (dut.act_read_en, dut.act_read_addr, dut.program_read_en, dut.program_read_addr, dut.counter_layer)
        read_members += (dut.weight_read_en, dut.weight_read_addr) if weights else (dut.start, dut.start)
        async for (
            _,
            reset,
            start,
            write,
            window,
            word,
            chunk,
            data,
            strobe,
            read_act,
            address,
            read_program,
            line,
            layer,
            read_weight,
            tile,
        ) in ctx.tick().sample(*sampled, *read_members):
            self.now += 1
            busy = left is not None
            read_weight = weights and read_weight
            read = read_act or read_program or read_weight
            assert read_act + read_program + read_weight <= 1
            # With `overlap` the core writes a cycle after it is told to.
            assert not ((wrote_before if self.config.overlap else write) and read), "a memory's ports meet"
            wrote_before = write
            assert not (write and read_before and not self.config.overlap), "a memory's only port is in use"
            read_before = read
            assert not (busy and (write or read)), "a memory is used while busy"
            if write:
                self.writes.append((window, word, chunk, data, strobe))
                for lane in range(4):
                    if strobe >> lane & 1:
                        self.memory[window, word, 4 * chunk + lane] = data >> 8 * lane & 0xFF
            if start:
                assert not busy, "started while busy"
                self.starts.append(self.now)
                left = -1 if self.run_cycles is None else self.run_cycles
            done = False
            if left is not None and not start:
                left -= left > 0
                if left == 0 or self.finish:
                    left, self.finish, done = None, False, True
            if reset:
                left, done = None, False
            ctx.set(dut.done, done)
            ctx.set(dut.busy, left is not None or done)
            value = reads.pop(0)
            ctx.set(dut.act_read_data, self.noise.getrandbits(8 * self.config.rows) if value is None else value)
            reads.append(sum(self.memory.get((1, address, k), 0) << 8 * k for k in range(self.config.rows)) if read_act else None)
            value = program_reads.pop(0)
            ctx.set(dut.program_read_data, self.noise.getrandbits(32) if value is None else value)
            program_reads.append(sum(self.memory.get((4, line, k), 0) << 8 * k for k in range(4)) if read_program else None)
            if weights:
                value = weight_reads.pop(0)
                ctx.set(dut.weight_read_data, self.noise.getrandbits(weight_bits) if value is None else value)
                weight_reads.append(
                    sum(self.memory.get((2, tile, k), 0) << 8 * k for k in range(weight_bits // 8)) if read_weight else None
                )
            layers = [*layers[1:], layer]
            ctx.set(dut.counter_data, counter_value(layer) if len(set(layers)) == 1 else self.noise.getrandbits(128))
            ctx.set(dut.cycles, self.now * 0x01010101 & 0xFFFFFFFF)

    async def monitor(self, ctx) -> None:
        """A response stays as it is until it is taken."""
        dut, held_b, held_r = self.dut, None, None
        async for _, reset, bvalid, bready, bresp, rvalid, rready, rresp, rdata in ctx.tick().sample(
            dut.s_axil_bvalid, dut.s_axil_bready, dut.s_axil_bresp, dut.s_axil_rvalid, dut.s_axil_rready, dut.s_axil_rresp, dut.s_axil_rdata
        ):
            if held_b is not None:
                assert (bvalid, bresp) == (1, held_b)
            if held_r is not None:
                assert (rvalid, rresp, rdata) == (1, *held_r)
            held_b = bresp if bvalid and not bready and not reset else None
            held_r = (rresp, rdata) if rvalid and not rready and not reset else None

    async def write(self, ctx, address: int, data: int, strobe: int = 15, aw: int = 0, w: int = 0, b: int = 0) -> int:
        """A write, `aw`, `w` idle cycles before address and data, the response taken `b` cycles after its valid.  Returns bresp."""
        dut, address_left, data_left = self.dut, True, True
        for cycle in itertools.count():
            ctx.set(dut.s_axil_awvalid, address_left and cycle >= aw)
            ctx.set(dut.s_axil_awaddr, address if address_left and cycle >= aw else 0x0ABCDEF0)
            ctx.set(dut.s_axil_wvalid, data_left and cycle >= w)
            ctx.set(dut.s_axil_wdata, data if data_left and cycle >= w else 0xDEADBEEF)
            ctx.set(dut.s_axil_wstrb, strobe if data_left and cycle >= w else 15)
            if not (address_left or data_left):
                break
            assert cycle < aw + w + 20, "the port does not take the write"
            *_, awvalid, awready, wvalid, wready = await ctx.tick().sample(
                dut.s_axil_awvalid, dut.s_axil_awready, dut.s_axil_wvalid, dut.s_axil_wready
            )
            address_left &= not (awvalid and awready)
            data_left &= not (wvalid and wready)
        return await self.response(ctx, "b", b)

    async def read(self, ctx, address: int, ar: int = 0, r: int = 0) -> tuple[int, int]:
        """A read; returns rresp and rdata."""
        dut = self.dut
        for _ in range(ar):
            await ctx.tick()
        ctx.set(dut.s_axil_arvalid, 1)
        ctx.set(dut.s_axil_araddr, address)
        for _ in range(20):
            *_, arready = await ctx.tick().sample(dut.s_axil_arready)
            if arready:
                break
        else:
            raise AssertionError("the port does not take the read")
        ctx.set(dut.s_axil_arvalid, 0)
        ctx.set(dut.s_axil_araddr, 0x0ABCDEF0)
        response = await self.response(ctx, "r", r)
        return response, self.last_data

    async def response(self, ctx, channel: str, delay: int) -> int:
        """Waits for the channel's valid, and takes the response `delay` cycles later.  `latency` counts the cycles to valid."""
        dut = self.dut
        valid, ready, code = (getattr(dut, f"s_axil_{channel}{name}") for name in ("valid", "ready", "resp"))
        ctx.set(ready, delay == 0)
        for self.latency in range(1, 20):
            *_, is_valid, response, self.last_data = await ctx.tick().sample(valid, code, dut.s_axil_rdata)
            if is_valid:
                break
        else:
            raise AssertionError("no response")
        for _ in range(delay - 1):
            await ctx.tick()
        if delay:
            ctx.set(ready, 1)
            await ctx.tick()
        ctx.set(ready, 0)
        return response

    async def reset(self, ctx) -> None:
        ctx.set(self.domain.rst, 1)
        await ctx.tick()
        ctx.set(self.domain.rst, 0)


# --- registers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", SHAPES.values(), ids=SHAPES)
def test_registers_after_reset(config):
    bench = Bench(config)

    async def host(ctx):
        for register in regmap.REGISTERS:
            response, value = await bench.read(ctx, register.offset)
            assert response == OKAY
            if register.name != "CYCLES":
                assert value == register.constant(config), register.name
        assert (await bench.read(ctx, 0x00)) == (OKAY, int.from_bytes(b"WEFT", "big"))
        _, array = await bench.read(ctx, 0x20)
        assert array == config.rows | config.cols << 8 | config.lanes << 16 | config.weight_rows_per_cycle << 24

    bench.run(host)


def test_cycles_and_counters_are_read_through_also_while_busy():
    bench = Bench()

    async def host(ctx):
        for busy in (0, 1):
            _, first = await bench.read(ctx, CYCLES)
            _, second = await bench.read(ctx, CYCLES)
            assert (second - first) & 0xFFFFFFFF == 4 * 0x01010101  # one register read later
            for layer, (k, name) in itertools.product(range(3), enumerate(regmap.COUNTERS)):
                assert regmap.counter_address(layer, name) == 0x1000 + 16 * layer + 4 * k
                expected = counter_value(layer) >> 32 * k & 0xFFFFFFFF
                assert await bench.read(ctx, 0x1000 + 16 * layer + 4 * k) == (OKAY, expected)
            if not busy:
                assert await bench.write(ctx, CONTROL, 1) == OKAY

    bench.run(host)


@pytest.mark.parametrize("strobe", range(16))
def test_strobes_select_the_bytes_of_a_register(strobe):
    bench = Bench()

    async def host(ctx):
        await bench.write(ctx, SCRATCH, 0x11223344)
        assert await bench.write(ctx, SCRATCH, 0xAABBCCDD, strobe) == OKAY
        expected = sum((0xAABBCCDD if strobe >> k & 1 else 0x11223344) & 0xFF << 8 * k for k in range(4))
        assert await bench.read(ctx, SCRATCH) == (OKAY, expected)
        # start and irq_enable are both in byte 0
        assert await bench.write(ctx, CONTROL, 0xFFFFFFFF, strobe) == OKAY
        assert await bench.read(ctx, CONTROL) == (OKAY, 2 * (strobe & 1))
        await ctx.tick()
        assert len(bench.starts) == strobe & 1
        if strobe & 1:
            bench.finish = True
            await ctx.tick().repeat(3)
            await bench.write(ctx, IRQ_STATUS, 1, strobe ^ 15)
            assert await bench.read(ctx, IRQ_STATUS) == (OKAY, 1)
            await bench.write(ctx, IRQ_STATUS, 1, strobe)
            assert await bench.read(ctx, IRQ_STATUS) == (OKAY, 0)

    bench.run(host)


def test_low_address_bits_are_ignored():
    bench = Bench()

    async def host(ctx):
        for k in range(4):
            assert await bench.write(ctx, SCRATCH + k, 100 + k) == OKAY
            assert await bench.read(ctx, SCRATCH + 3 - k) == (OKAY, 100 + k)
            assert await bench.write(ctx, ACT + 8 + k, 0x01020304 + k) == OKAY
            assert await bench.read(ctx, ACT + 11 - k) == (OKAY, 0x01020304 + k)

    bench.run(host)


# --- handshakes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("aw", range(4))
@pytest.mark.parametrize("w", range(4))
def test_address_and_data_come_in_any_order_and_responses_wait(aw, w):
    bench = Bench()

    async def host(ctx):
        for number, (b, r) in enumerate(itertools.product((0, 1, 4), repeat=2)):
            value = 0x10203040 * (number % 3 + 1) + number
            assert await bench.write(ctx, SCRATCH, value, aw=aw, w=w, b=b) == OKAY
            assert bench.latency == 2
            assert await bench.read(ctx, SCRATCH, ar=aw, r=r) == (OKAY, value)
            assert await bench.write(ctx, SCRATCH + 0x100, value, aw=aw, w=w, b=b) == DECERR

    bench.run(host)


def test_no_ready_and_no_valid_waits_for_the_other_side():
    bench = Bench()
    dut = bench.dut

    async def host(ctx):
        assert [ctx.get(ready) for ready in (dut.s_axil_awready, dut.s_axil_wready, dut.s_axil_arready)] == [1, 1, 1]
        # bready and rready stay low: both responses come all the same
        for name, value in (
            ("awvalid", 1),
            ("awaddr", SCRATCH),
            ("wvalid", 1),
            ("wdata", 7),
            ("wstrb", 15),
            ("arvalid", 1),
            ("araddr", ID),
        ):
            ctx.set(getattr(dut, "s_axil_" + name), value)
        await ctx.tick()
        for name in ("awvalid", "wvalid", "arvalid"):
            ctx.set(getattr(dut, "s_axil_" + name), 0)
        await ctx.tick().repeat(2)
        for _ in range(10):
            assert [ctx.get(dut.s_axil_bvalid), ctx.get(dut.s_axil_rvalid)] == [1, 1]
            await ctx.tick()
        # a write behind an untaken response is taken in, but waits for it
        ctx.set(dut.s_axil_awvalid, 1)
        ctx.set(dut.s_axil_wvalid, 1)
        ctx.set(dut.s_axil_wdata, 8)
        await ctx.tick()
        ctx.set(dut.s_axil_awvalid, 0)
        ctx.set(dut.s_axil_wvalid, 0)
        assert [ctx.get(dut.s_axil_awready), ctx.get(dut.s_axil_wready)] == [0, 0]
        ctx.set(dut.s_axil_rready, 1)
        await ctx.tick()
        ctx.set(dut.s_axil_rready, 0)
        assert await bench.read(ctx, SCRATCH) == (OKAY, 7)
        assert await bench.response(ctx, "b", 0) == OKAY
        assert await bench.response(ctx, "b", 0) == OKAY
        assert await bench.read(ctx, SCRATCH) == (OKAY, 8)
        assert not ctx.get(dut.s_axil_bvalid)

    bench.run(host)


def test_a_read_passes_a_write_that_lacks_its_data():
    bench = Bench()
    dut = bench.dut

    async def host(ctx):
        ctx.set(dut.s_axil_awvalid, 1)
        ctx.set(dut.s_axil_awaddr, SCRATCH)
        await ctx.tick()
        ctx.set(dut.s_axil_awvalid, 0)
        assert await bench.read(ctx, SCRATCH) == (OKAY, 0)
        ctx.set(dut.s_axil_wvalid, 1)
        ctx.set(dut.s_axil_wdata, 5)
        ctx.set(dut.s_axil_wstrb, 15)
        await ctx.tick()
        ctx.set(dut.s_axil_wvalid, 0)
        assert await bench.response(ctx, "b", 0) == OKAY
        assert await bench.read(ctx, SCRATCH) == (OKAY, 5)

    bench.run(host)


def test_latency():
    bench = Bench()

    async def host(ctx):
        await bench.write(ctx, SCRATCH, 1, b=5)
        assert bench.latency == 2
        for address, cycles in ((ID, 3), (0x1000, 5), (ACT, 8), (PROGRAM, 8), (WEIGHT, 3), (7 << 25, 3)):
            await bench.read(ctx, address)
            assert bench.latency == cycles

    bench.run(host)
    assert axi_lite_latency(bench.config) == AccessCycles(write=2, register=3, counter=5, memory=8)


LEAN = small(overlap=False)
LEAN_WEIGHTS = small(overlap=False, family=Family.ICE40)


@pytest.mark.parametrize("config", [LEAN, LEAN_WEIGHTS], ids=["counters", "weights that have to be loaded"])
def test_latency_of_a_lean_port(config):
    """From the valid signals, as it takes an address when it answers."""
    bench = Bench(config)
    dut = bench.dut

    async def count(ctx, valid, *requests):
        for request in requests:
            ctx.set(request, 1)
        cycles = 0
        while not ctx.get(valid):
            await ctx.tick()
            cycles += 1
            for request in requests:  # a master keeps valid until ready
                ctx.set(request, 0) if ctx.get(valid) else None
        await ctx.tick().repeat(8)
        return cycles

    async def host(ctx):
        ctx.set(dut.s_axil_bready, 1)
        ctx.set(dut.s_axil_rready, 1)
        ctx.set(dut.s_axil_awaddr, SCRATCH)
        assert await count(ctx, dut.s_axil_bvalid, dut.s_axil_awvalid, dut.s_axil_wvalid) == 1
        weights = (WEIGHT, 3 if config is LEAN_WEIGHTS else 1)
        for address, cycles in ((ID, 1), (0x1000, 3), (ACT, 3), (PROGRAM, 3), weights, (7 << 25, 1)):
            ctx.set(dut.s_axil_araddr, address)
            assert await count(ctx, dut.s_axil_rvalid, dut.s_axil_arvalid) == cycles

    bench.run(host)
    assert axi_lite_latency(config) == AccessCycles(write=1, register=1, counter=3, memory=3)


@pytest.mark.parametrize("config", [SMALL, LEAN], ids=["4x2", "4x2, lean"])
def test_throughput(config):
    bench = Bench(config)
    dut = bench.dut
    expected = AccessCycles(write=2, register=4, counter=6, memory=9) if config.overlap else AccessCycles(1, 2, 4, 4)
    assert axi_lite_interval(config) == expected

    async def count(ctx, valid, transactions, *requests):
        for request in requests:
            ctx.set(request, 1)
        times = []
        while len(times) < transactions:
            *_, is_valid = await ctx.tick().sample(valid)
            if is_valid:
                times.append(bench.now)
        for request in requests:
            ctx.set(request, 0)
        await ctx.tick().repeat(8)
        return {later - earlier for earlier, later in itertools.pairwise(times)}

    async def host(ctx):
        ctx.set(dut.s_axil_bready, 1)
        ctx.set(dut.s_axil_rready, 1)
        ctx.set(dut.s_axil_awaddr, ACT)
        assert await count(ctx, dut.s_axil_bvalid, 10, dut.s_axil_awvalid, dut.s_axil_wvalid) == {expected.write}
        reads = ((ID, expected.register), (0x1000, expected.counter), (ACT, expected.memory), (PROGRAM, expected.memory))
        for address, cycles in reads:
            ctx.set(dut.s_axil_araddr, address)
            assert await count(ctx, dut.s_axil_rvalid, 10, dut.s_axil_arvalid) == {cycles}

    bench.run(host)


# --- errors and memories --------------------------------------------------------------------------


def mapped_registers():
    return {register.offset for register in regmap.REGISTERS}


@pytest.mark.parametrize("tables", [0, 1])
def test_errors_of_unmapped_and_forbidden_accesses(tables):
    """The window of the tables is unmapped as a whole in an accelerator that has none."""
    config = small(add_tables=tables)
    bench = Bench(config)

    async def host(ctx):
        holes = sorted(set(range(0, 0x60, 4)) - mapped_registers())
        assert holes, "the map has no hole left to test"
        unmapped = [*holes, 0xFFC, 0x1000 + 16 * 3, 0x2000, ACT - 4, *(window << 25 for window in (6, 7)), 0xFFFFFFC]
        unmapped += [TABLE, TABLE + 4] if not tables else []
        assert regmap.MEMORIES[regmap.Window.TABLE].span(config) == 2048 * tables
        for window, memory in regmap.MEMORIES.items():
            unmapped += [(window << 25) + memory.span(config), (window << 25) + (1 << 25) - 4]
        for address in unmapped:
            assert await bench.write(ctx, address, 0xFFFFFFFF) == DECERR, hex(address)
            assert await bench.read(ctx, address) == (DECERR, 0), hex(address)
        for register in regmap.REGISTERS:
            if register.access is regmap.Access.RO:
                assert await bench.write(ctx, register.offset, 0xFFFFFFFF) == SLVERR, register.name
        for layer, k in itertools.product(range(3), range(4)):
            assert await bench.write(ctx, 0x1000 + 16 * layer + 4 * k, 0xFFFFFFFF) == SLVERR
        for window in (WEIGHT, PARAM, *([TABLE] if tables else [])):
            assert await bench.read(ctx, window) == (SLVERR, 0)
        assert bench.writes == []
        for address in (CONTROL, STATUS, IRQ_STATUS, SCRATCH):
            assert await bench.read(ctx, address) == (OKAY, 0)
        assert bench.starts == []

    bench.run(host)


@pytest.mark.parametrize("config", SHAPES.values(), ids=SHAPES)
def test_memory_writes_reach_the_right_bits(config):
    bench = Bench(config)
    bits = {ACT: 8 * config.rows, WEIGHT: 8 * config.weight_rows_per_cycle * config.cols, PROGRAM: 32}
    bits[PARAM] = {"2x2": 40, "4x2": 72, "6x6": 54, "24x8": 72}[
        next(name for name, shape in SHAPES.items() if shape is config).split(",")[0]
    ]
    chunks = {base: next(2**k for k in range(8) if 2**k * 32 >= width) for base, width in bits.items()}
    depth = {ACT: 20, WEIGHT: 18, PARAM: 5, PROGRAM: 33, TABLE: 1024}
    if config.add_tables:
        bits[TABLE], chunks[TABLE] = 32, 1

    async def host(ctx):
        number = 0
        for base in bits:
            window = base >> 25
            for word in (0, 1, depth[base] - 2, depth[base] - 1):
                for chunk in range(chunks[base]):
                    number += 1
                    address, data, strobe = base + (word * chunks[base] + chunk) * 4, number * 0x01234567 & 0xFFFFFFFF, number % 16
                    assert regmap.host_address(regmap.Window(window), word, chunk, config) == address
                    bench.writes.clear()
                    assert await bench.write(ctx, address, data, strobe) == OKAY
                    await ctx.tick()
                    padding = 32 * chunk >= bits[base]
                    assert bench.writes == ([] if padding else [(window, word, chunk, data, strobe)])

    bench.run(host)


@pytest.mark.parametrize("config", SHAPES.values(), ids=SHAPES)
def test_activations_are_read_back(config):
    bench = Bench(config)
    chunks = regmap.MEMORIES[regmap.Window.ACT].chunks(config)
    rng = random.Random(3)
    words = {word: rng.getrandbits(8 * config.rows) for word in (0, 1, 7, 19)}

    async def host(ctx):
        for word, value in words.items():
            for address, data in regmap.host_words(regmap.Window.ACT, word, value, config):
                assert await bench.write(ctx, address, data) == OKAY
        for word, value in words.items():
            for chunk in range(chunks):
                expected = value >> 32 * chunk & 0xFFFFFFFF
                assert await bench.read(ctx, ACT + (word * chunks + chunk) * 4) == (OKAY, expected)

    bench.run(host)


def test_the_program_is_read_back():
    bench = Bench()
    rng = random.Random(4)
    words = {word: rng.getrandbits(32) for word in (0, 1, 4, 32)}

    async def host(ctx):
        for word, value in words.items():
            assert await bench.write(ctx, PROGRAM + 4 * word, value) == OKAY
        for word, value in words.items():
            assert await bench.read(ctx, PROGRAM + 4 * word) == (OKAY, value)
            assert await bench.read(ctx, ACT) == (OKAY, 0)

    bench.run(host)


@pytest.mark.parametrize("offset", range(10))
def test_a_read_never_meets_a_write_of_its_memory(offset):
    """The core's model asserts it; what is read is the old word or the new one."""
    bench = Bench()

    async def writer(ctx):
        for value in range(1, 12):
            await bench.write(ctx, ACT + 4, value * 0x01010101)

    async def reader(ctx):
        seen = [(await bench.read(ctx, ACT + 4, ar=offset if k == 0 else 0)) for k in range(6)]
        assert all(response == OKAY and value % 0x01010101 == 0 for response, value in seen)
        assert [value for _, value in seen] == sorted(value for _, value in seen)
        assert seen[-1][1] > 0

    bench.run(writer, reader)


# --- runs and the interrupt -----------------------------------------------------------------------


def test_a_run():
    bench = Bench(run_cycles=18)
    dut = bench.dut

    async def host(ctx):
        assert await bench.write(ctx, CONTROL, 0b11) == OKAY
        assert await bench.read(ctx, STATUS) == (OKAY, 0b01)
        assert await bench.read(ctx, CONTROL) == (OKAY, 0b10)
        assert not ctx.get(dut.irq)
        await ctx.tick().repeat(16)
        assert await bench.read(ctx, STATUS) == (OKAY, 0b10)
        assert ctx.get(dut.irq)
        assert await bench.write(ctx, IRQ_STATUS, 0) == OKAY
        assert ctx.get(dut.irq)
        assert await bench.write(ctx, CONTROL, 0b00) == OKAY
        assert not ctx.get(dut.irq)
        assert await bench.read(ctx, IRQ_STATUS) == (OKAY, 1)
        assert await bench.write(ctx, CONTROL, 0b10) == OKAY
        assert ctx.get(dut.irq)
        # a start clears STATUS.done, not IRQ_STATUS
        assert await bench.write(ctx, CONTROL, 0b11) == OKAY
        assert await bench.read(ctx, STATUS) == (OKAY, 0b01)
        assert await bench.read(ctx, IRQ_STATUS) == (OKAY, 1)
        assert await bench.write(ctx, IRQ_STATUS, 1) == OKAY
        assert not ctx.get(dut.irq)
        assert await bench.read(ctx, STATUS) == (OKAY, 0b01)
        assert len(bench.starts) == 2

    bench.run(host)


def test_busy_from_the_start_pulse_on_even_if_the_core_says_so_later():
    bench = Bench(with_core=False)
    dut = bench.dut

    async def host(ctx):
        ctx.set(dut.s_axil_awaddr, CONTROL)
        ctx.set(dut.s_axil_wdata, 1)
        ctx.set(dut.s_axil_wstrb, 15)
        ctx.set(dut.s_axil_bready, 1)
        for held in (dut.s_axil_awvalid, dut.s_axil_wvalid):
            ctx.set(held, 1)
        trace = []
        for _ in range(12):  # starts in a row: the first alone is let through
            *_, start, bvalid, bresp = await ctx.tick().sample(dut.start, dut.s_axil_bvalid, dut.s_axil_bresp)
            trace.append((start, bvalid and bresp))
        assert [start for start, _ in trace] == [0, 0, 1] + [0] * 9
        assert [response for _, response in trace] == [0, 0, OKAY, 0, SLVERR, 0, SLVERR, 0, SLVERR, 0, SLVERR, 0]

        for held in (dut.s_axil_awvalid, dut.s_axil_wvalid):
            ctx.set(held, 0)
        await ctx.tick().repeat(4)
        assert await bench.read(ctx, STATUS) == (OKAY, 0b01)
        assert await bench.read(ctx, ACT) == (SLVERR, 0)
        ctx.set(dut.done, 1)
        await ctx.tick()
        ctx.set(dut.done, 0)
        assert await bench.read(ctx, STATUS) == (OKAY, 0b10)
        assert await bench.write(ctx, CONTROL, 1) == OKAY

    bench.run(host)


def test_memories_are_closed_and_start_is_refused_while_busy():
    bench = Bench()

    async def host(ctx):
        await bench.write(ctx, ACT, 0x12345678)
        await bench.write(ctx, CONTROL, 0b11)
        bench.writes.clear()
        for base in (ACT, WEIGHT, PARAM, PROGRAM):
            assert await bench.write(ctx, base, 0xFFFFFFFF) == SLVERR
            assert await bench.read(ctx, base) == (SLVERR, 0)
            assert await bench.read(ctx, base + (1 << 25) - 4) == (DECERR, 0)
        assert await bench.write(ctx, CONTROL, 0b01) == SLVERR
        assert await bench.read(ctx, CONTROL) == (OKAY, 0b10), "a refused write changes nothing"
        assert await bench.write(ctx, CONTROL, 0b01, 0b1110) == OKAY
        assert await bench.write(ctx, CONTROL, 0b00) == OKAY
        assert await bench.read(ctx, CONTROL) == (OKAY, 0b00)
        assert await bench.write(ctx, SCRATCH, 9) == OKAY
        assert await bench.read(ctx, SCRATCH) == (OKAY, 9)
        assert bench.writes == []
        assert len(bench.starts) == 1
        bench.finish = True
        await ctx.tick().repeat(3)
        assert await bench.read(ctx, ACT) == (OKAY, 0x12345678)
        assert await bench.write(ctx, ACT, 0) == OKAY
        assert await bench.write(ctx, CONTROL, 1) == OKAY
        await ctx.tick()
        assert len(bench.starts) == 2

    bench.run(host)


def test_busy_of_the_core_alone_closes_the_memories():
    bench = Bench(with_core=False)
    dut = bench.dut

    async def host(ctx):
        ctx.set(dut.busy, 1)
        assert await bench.read(ctx, STATUS) == (OKAY, 1)
        assert await bench.read(ctx, ACT) == (SLVERR, 0)
        assert await bench.write(ctx, ACT, 1) == SLVERR
        assert await bench.write(ctx, CONTROL, 1) == SLVERR
        ctx.set(dut.busy, 0)
        assert await bench.read(ctx, STATUS) == (OKAY, 0)
        assert await bench.write(ctx, ACT, 1) == OKAY

    bench.run(host)


@pytest.mark.parametrize("when", range(6))
def test_a_run_that_ends_while_the_interrupt_is_cleared_is_not_lost(when):
    bench = Bench(with_core=False)
    dut = bench.dut

    async def host(ctx):
        ctx.set(dut.done, 1)
        await ctx.tick()
        ctx.set(dut.done, 0)
        assert await bench.read(ctx, IRQ_STATUS) == (OKAY, 1)
        for name, value in (("awvalid", 1), ("awaddr", IRQ_STATUS), ("wvalid", 1), ("wdata", 1), ("wstrb", 15), ("bready", 1)):
            ctx.set(getattr(dut, "s_axil_" + name), value)
        for cycle in range(6):  # handshake in cycle 0, effect at the end of cycle 1
            ctx.set(dut.done, cycle == when)
            await ctx.tick()
            ctx.set(dut.s_axil_awvalid, 0)
            ctx.set(dut.s_axil_wvalid, 0)
        ctx.set(dut.done, 0)
        assert await bench.read(ctx, IRQ_STATUS) == (OKAY, int(when >= 1))

    bench.run(host)


# --- reset ----------------------------------------------------------------------------------------


def test_reset_aborts_a_run_and_clears_registers_and_the_port_is_ready_at_once():
    bench = Bench()
    dut = bench.dut

    async def host(ctx):
        await bench.write(ctx, SCRATCH, 0xFFFFFFFF)
        await bench.write(ctx, ACT + 4, 0x0BADF00D)
        await bench.write(ctx, CONTROL, 0b11)
        bench.finish = True
        await ctx.tick().repeat(4)
        assert ctx.get(dut.irq)
        await bench.write(ctx, CONTROL, 0b11)
        assert await bench.read(ctx, STATUS) == (OKAY, 1)
        await bench.reset(ctx)
        assert not ctx.get(dut.irq)
        assert await bench.read(ctx, STATUS) == (OKAY, 0)
        assert bench.latency == 3
        for address in (CONTROL, IRQ_STATUS, SCRATCH):
            assert await bench.read(ctx, address) == (OKAY, 0)
        assert await bench.read(ctx, ACT + 4) == (OKAY, 0x0BADF00D)
        await bench.reset(ctx)
        assert await bench.write(ctx, CONTROL, 1, b=3) == OKAY
        assert bench.latency == 2

    bench.run(host)


@pytest.mark.parametrize("cycles", range(10))
@pytest.mark.parametrize("kind", ["aw only", "w only", "write", "register", "memory"])
def test_reset_drops_what_is_under_way(kind, cycles):
    bench = Bench()
    dut = bench.dut

    async def host(ctx):
        ctx.set(dut.s_axil_awaddr, SCRATCH)
        ctx.set(dut.s_axil_wdata, 0xFFFFFFFF)
        ctx.set(dut.s_axil_wstrb, 15)
        ctx.set(dut.s_axil_araddr, ID if kind == "register" else ACT)
        requests = {
            "aw only": [dut.s_axil_awvalid],
            "w only": [dut.s_axil_wvalid],
            "write": [dut.s_axil_awvalid, dut.s_axil_wvalid],
            "register": [dut.s_axil_arvalid],
            "memory": [dut.s_axil_arvalid],
        }[kind]
        for request in requests:
            ctx.set(request, 1)
        await ctx.tick()
        for request in requests:
            ctx.set(request, 0)
        for _ in range(cycles):
            await ctx.tick()
        await bench.reset(ctx)
        for _ in range(10):
            assert [ctx.get(dut.s_axil_bvalid), ctx.get(dut.s_axil_rvalid)] == [0, 0]
            assert [ctx.get(ready) for ready in (dut.s_axil_awready, dut.s_axil_wready, dut.s_axil_arready)] == [1, 1, 1]
            await ctx.tick()
        assert await bench.read(ctx, SCRATCH) == (OKAY, 0)
        assert await bench.write(ctx, SCRATCH, 3) == OKAY
        assert await bench.read(ctx, SCRATCH) == (OKAY, 3)

    bench.run(host)


# --- random traffic against a model ---------------------------------------------------------------


class Model:
    """What the registers and the activation memory hold, and how every access is answered; written from the documents."""

    def __init__(self, config: AcceleratorConfig) -> None:
        self.config = config
        self.scratch = self.irq_enable = self.irq_done = self.busy = self.finished = 0
        self.act: dict[int, int] = {}  # by host word
        self.program: dict[int, int] = {}
        self.weights: dict[int, int] = {}
        self.constant = {r.offset: r.constant(config) for r in regmap.REGISTERS if all(f.value is not None for f in r.fields)}

    def depth(self, window: int) -> int:
        memory = regmap.MEMORIES[regmap.Window(window)]
        return memory.depth(self.config) * memory.chunks(self.config)

    def place(self, address: int) -> tuple[str, int, int]:
        """("register" | "counter" | "memory" | "", window, word in the window)."""
        window, word = address >> 25, (address & (1 << 25) - 1) >> 2
        if window == 0 and 4 * word in mapped_registers():
            return "register", 0, word
        if window == 0 and 0x1000 <= 4 * word < 0x1000 + 16 * self.config.max_layers:
            return "counter", 0, word
        return ("memory" if window in (1, 2, 3, 4, 5) and word < self.depth(window) else ""), window, word

    def write(self, address: int, data: int, strobe: int) -> int:
        kind, window, word = self.place(address)
        mask = sum(0xFF << 8 * k for k in range(4) if strobe >> k & 1)
        if not kind:
            return DECERR
        if kind == "memory":
            if not self.busy and window == 1:
                width = 8 * self.config.rows - 32 * (word % regmap.MEMORIES[regmap.Window.ACT].chunks(self.config))
                kept = mask & ((1 << max(width, 0)) - 1)
                self.act[word] = self.act.get(word, 0) & ~kept | data & kept
            if not self.busy and window == 2:  # read by accelerators whose words are narrower than the host's
                kept = mask & ((1 << regmap.MEMORIES[regmap.Window.WEIGHT].word_bits(self.config)) - 1)
                self.weights[word] = self.weights.get(word, 0) & ~kept | data & kept
            if not self.busy and window == 4:
                self.program[word] = self.program.get(word, 0) & ~mask | data & mask
            return SLVERR if self.busy else OKAY
        offset = 4 * word
        if offset == SCRATCH:
            self.scratch = self.scratch & ~mask | data & mask
        elif offset == CONTROL:
            if data & mask & 1 and self.busy:
                return SLVERR
            if mask & 1:
                self.irq_enable = data >> 1 & 1
            if data & mask & 1:
                self.busy, self.finished = 1, 0
        elif offset == IRQ_STATUS:
            self.irq_done &= ~(data & mask)
        else:
            return SLVERR
        return OKAY

    def read(self, address: int) -> tuple[int, int | None]:
        """The response and the data; None for data that the model does not know."""
        kind, window, word = self.place(address)
        if not kind:
            return DECERR, 0
        if kind == "counter":
            return OKAY, counter_value((word - 0x400) // 4) >> 32 * (word % 4) & 0xFFFFFFFF
        if kind == "memory":
            readable = {1: self.act, 4: self.program}
            if regmap.Window.WEIGHT in regmap.readable(self.config):
                readable[2] = self.weights
            return (SLVERR, 0) if self.busy or window not in readable else (OKAY, readable[window].get(word, 0))
        state = {
            CONTROL: self.irq_enable << 1,
            STATUS: self.busy | self.finished << 1,
            IRQ_STATUS: self.irq_done,
            SCRATCH: self.scratch,
            CYCLES: None,
        }
        return OKAY, (self.constant | state)[4 * word]


def addresses(config: AcceleratorConfig) -> st.SearchStrategy[int]:
    edges = [4 * k for k in range(20)] + [0x1000 + 4 * k for k in range(14)]
    for window, memory in regmap.MEMORIES.items():
        edges += [(window << 25) + 4 * k for k in range(6)]
        edges += [(window << 25) + memory.span(config) + 4 * k for k in range(-6, 2)]
    state = [CONTROL, STATUS, IRQ_STATUS, SCRATCH]
    return st.one_of(st.sampled_from(state), st.sampled_from(edges), st.integers(0, (1 << 28) - 1))


def operations(config: AcceleratorConfig) -> st.SearchStrategy[list[tuple]]:
    delay = st.sampled_from([0, 0, 0, 1, 2, 5])
    data = st.one_of(st.integers(0, 3), st.integers(0, (1 << 32) - 1))
    strobe = st.one_of(st.just(15), st.integers(0, 15))
    return st.lists(
        st.one_of(
            st.tuples(st.just("write"), addresses(config), data, strobe, delay, delay, delay),
            st.tuples(st.just("read"), addresses(config), delay, delay),
            st.tuples(st.just("finish")),
        ),
        min_size=5,
        max_size=60,
    )


@pytest.mark.parametrize("shape", ["4x2", "6x6", "4x2, lean", "4x2, lean, weights that have to be loaded"])
def test_random_traffic_equals_the_model(shape):
    config = SHAPES[shape]

    @settings(max_examples=25, deadline=None, derandomize=True, database=None)
    @given(operations(config))
    def check(traffic):
        bench, model = Bench(config), Model(config)

        async def host(ctx):
            for kind, *arguments in traffic:
                if kind == "write":
                    assert await bench.write(ctx, *arguments) == model.write(*arguments[:3])
                elif kind == "read":
                    response, value = await bench.read(ctx, *arguments)
                    expected, data = model.read(arguments[0])
                    assert response == expected
                    assert data is None or value == data
                elif model.busy:
                    bench.finish = True
                    await ctx.tick().repeat(4)
                    model.busy, model.finished, model.irq_done = 0, 1, 1
                assert ctx.get(bench.dut.irq) == (model.irq_enable & model.irq_done)

        bench.run(host)

    check()


@pytest.mark.parametrize("seed", range(3))
def test_reads_and_writes_at_once(seed):
    """Two masters' worth of traffic, each with its own registers and words, so that the order between them does not show."""
    bench = Bench(SHAPES["6x6"])
    rng = random.Random(seed)
    delays = [0, 0, 0, 1, 2, 4]
    preset = {word: rng.getrandbits(48) for word in range(8)}
    for word, value in preset.items():
        for k in range(6):
            bench.memory[1, word, k] = value >> 8 * k & 0xFF
    written: dict[int, int] = {}

    async def writer(ctx):
        for _ in range(150):
            word, data = rng.randrange(8, 20), rng.getrandbits(32)
            delay = [rng.choice(delays) for _ in range(3)]
            assert await bench.write(ctx, ACT + 8 * word, data, 15, *delay) == OKAY
            written[word] = data

    async def reader(ctx):
        for _ in range(150):
            word, chunk = rng.randrange(8), rng.randrange(2)
            expected = preset[word] >> 32 * chunk & 0xFFFFFFFF
            delay = rng.choice(delays), rng.choice(delays)
            assert await bench.read(ctx, ACT + 8 * word + 4 * chunk, *delay) == (OKAY, expected)
            assert (await bench.read(ctx, ID))[1] == 0x57454654

    bench.run(writer, reader)
    for word, data in written.items():
        assert sum(bench.memory[1, word, k] << 8 * k for k in range(4)) == data


# --- construction ---------------------------------------------------------------------------------


def test_a_memory_larger_than_its_window_is_refused():
    with pytest.raises(InputError, match="weight_depth is 65536, but a window of 33554432 bytes holds 8192 words of 32768 bits"):
        HostPort(AcceleratorConfig(rows=64, cols=64, weight_rows_per_cycle=64, weight_depth=65536))


@pytest.mark.parametrize("config", [*SHAPES.values(), *NAMED.values()], ids=[*SHAPES, *NAMED])
def test_emits_verilog_without_a_warning(config):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = verilog.convert(HostPort(config), name="host_port")
    assert "module host_port" in text
