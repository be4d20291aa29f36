"""Bench of `weft_wishbone`, driven by the master of cocotbext-wishbone with classic cycles, and by signals where that one cannot.

Environment: WEFT_BUILD, an emitted folder; WEFT_VECTORS, an npz file with int8[N, ...] arrays `in.NAME` and `out.NAME`, N >= 3.
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge, with_timeout
from cocotbext.wishbone.driver import WBOp, WishboneMaster

from hwgen import regmap
from hwgen.access_cycles import wishbone_latency
from hwgen.act_layout import host_layout
from hwgen.regmap import Window
from sim.build_folder import read_build

PERIOD_NS = 2
_SIGNALS = {name: f"wb_{port}" for name, port in (("datwr", "dat_w"), ("datrd", "dat_r"))} | {
    name: f"wb_{name}" for name in ("cyc", "stb", "we", "adr", "ack", "sel", "err")
}
_ACK, _ERR = 1, 2
_START, _IRQ_ENABLE = (regmap.BY_NAME["CONTROL"].field(name).mask for name in ("start", "irq_enable"))


class Host:
    """A Wishbone master with a driver's knowledge."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.build = read_build(Path(os.environ["WEFT_BUILD"]))
        with np.load(os.environ["WEFT_VECTORS"]) as vectors:
            self.inputs = {name: vectors[f"in.{name}"] for name in self.build.inputs}
            self.outputs = {name: vectors[f"out.{name}"] for name in self.build.outputs}
        self.limit_ns = PERIOD_NS * (4 * self.build.predicted_cycles + 20_000)
        logging.getLogger("cocotb").setLevel(logging.WARNING)

    async def begin(self) -> None:
        """Clock and reset."""
        self.dut.rst.value = 1
        Clock(self.dut.clk, PERIOD_NS, "ns", impl="gpi").start(start_high=False)
        await ClockCycles(self.dut.clk, 4)
        # Not before: what the master puts on its signals at once, Icarus loses at time 0.
        self.bus = WishboneMaster(self.dut, None, self.dut.clk, width=32, timeout=100, signals_dict=_SIGNALS)
        await ClockCycles(self.dut.clk, 1)
        self.dut.rst.value = 0
        await ClockCycles(self.dut.clk, 2)

    async def cycles(self, operations: Sequence[tuple[int, int | None]], sel: int = 0xF, idle: bool = False) -> list[tuple[int, int]]:
        """Cycles one after the other: (byte address, data or None to read); (1 for ack or 2 for err, data) of each."""
        made = [WBOp(address >> 2, data, sel=sel, idle=random.choice([0, 0, 1, 3]) if idle else 0) for address, data in operations]
        answers = await with_timeout(cocotb.start_soon(self.bus.send_cycle(made)), self.limit_ns, "ns")
        return [(answer.ack, int(answer.datrd)) for answer in answers]

    async def write(self, address: int, value: int, sel: int = 0xF) -> int:
        """Writes a word; 1 for ack, 2 for err."""
        return (await self.cycles([(address, value)], sel))[0][0]

    async def read(self, address: int) -> tuple[int, int]:
        """Reads a word: 1 for ack or 2 for err, and the data."""
        return (await self.cycles([(address, None)]))[0]

    async def infer(self, image: int, *, idle: bool = False) -> None:
        """An inference: writes, starts, waits for the interrupt, compares."""
        for name, values in self.inputs.items():
            layout = host_layout(self.build.tensors[name], self.build.config)
            words = layout.pack(values[image : image + 1])[0]
            answers = await self.cycles([(int(a), int(w)) for a, w in zip(layout.addresses, words, strict=True)], idle=idle)
            assert {ack for ack, _ in answers} == {_ACK}
        assert await self.write(regmap.register_address("CONTROL"), _START | _IRQ_ENABLE) == _ACK
        if not int(self.dut.irq.value):
            await with_timeout(RisingEdge(self.dut.irq), self.limit_ns, "ns")
        assert await self.read(regmap.register_address("CYCLES")) == (_ACK, self.build.predicted_cycles)
        for name, expected in self.outputs.items():
            layout = host_layout(self.build.tensors[name], self.build.config)
            answers = await self.cycles([(int(address), None) for address in layout.addresses], idle=idle)
            assert {ack for ack, _ in answers} == {_ACK}
            got = layout.unpack(np.array([[data for _, data in answers]], np.uint32))[0]
            np.testing.assert_array_equal(got, expected[image].reshape(-1))
        assert await self.write(regmap.register_address("IRQ_STATUS"), 1) == _ACK
        assert not int(self.dut.irq.value)


@cocotb.test()
async def inferences(dut: Any) -> None:
    """One after another, with and without idle cycles between strobes."""
    host = Host(dut)
    await host.begin()
    for image, idle in ((0, False), (1, True), (2, False)):
        await host.infer(image, idle=idle)


@cocotb.test()
async def registers(dut: Any) -> None:
    """Identity, bytes that are selected, and errors where the accelerator refuses."""
    host = Host(dut)
    await host.begin()
    for register in regmap.REGISTERS:
        if all(field.value is not None for field in register.fields):
            assert await host.read(register.offset) == (_ACK, register.constant(host.build.config))
    scratch = regmap.register_address("SCRATCH")
    assert await host.write(scratch, 0x12345678) == _ACK
    for sel in range(16):
        kept = sum(0xFF << 8 * k for k in range(4) if not sel >> k & 1)
        before, value = (await host.read(scratch))[1], random.getrandbits(32)
        assert await host.write(scratch, value, sel) == _ACK
        assert await host.read(scratch) == (_ACK, before & kept | value & ~kept & 0xFFFFFFFF)
    assert await host.write(regmap.register_address("ID"), 0) == _ERR
    assert (await host.read(7 << regmap.WINDOW_SHIFT))[0] == _ERR
    assert (await host.read(regmap.host_address(Window.WEIGHT, 0, 0, host.build.config)))[0] == _ERR
    answers = await host.cycles([(0, None), (4, 1), (scratch, 7), (scratch, None)])
    assert [ack for ack, _ in answers] == [_ACK, _ERR, _ACK, _ACK]
    assert (answers[0][1], answers[3][1]) == (regmap.MAGIC, 7)


async def drive(dut: Any, address: int, data: int | None) -> None:
    """Puts a cycle on the bus."""
    dut.wb_cyc.value, dut.wb_stb.value, dut.wb_we.value = 1, 1, int(data is not None)
    dut.wb_adr.value, dut.wb_dat_w.value, dut.wb_sel.value = address >> 2, data or 0, 0xF


async def answered(dut: Any, limit: int = 30) -> int:
    """Clock cycles until ack, which is then taken."""
    for cycle in range(limit):
        await RisingEdge(dut.clk)
        assert not int(dut.wb_err.value)
        if int(dut.wb_ack.value):
            return cycle
    raise AssertionError("no ack")


@cocotb.test()
async def strobes_that_stay(dut: Any) -> None:
    """A master that keeps stb high from one cycle to the next: each has one ack, and the latency is the documented one."""
    host = Host(dut)
    await host.begin()
    scratch = regmap.register_address("SCRATCH")
    latency = wishbone_latency(host.build.config)
    for value in range(5):
        await drive(dut, scratch, value)
        assert await answered(dut) == latency.write
        await drive(dut, scratch, None)
        assert await answered(dut) == latency.register
        assert int(dut.wb_dat_r.value) == value
    if host.build.config.max_layers:
        await drive(dut, regmap.counter_address(0, "busy"), None)
        assert await answered(dut) == latency.counter
    await drive(dut, regmap.host_address(Window.ACT, 0, 0, host.build.config), None)
    assert await answered(dut) == latency.memory
    dut.wb_cyc.value = dut.wb_stb.value = 0
    for _ in range(20):
        await RisingEdge(dut.clk)
        assert not int(dut.wb_ack.value)


@cocotb.test()
async def cycles_that_are_given_up(dut: Any) -> None:
    """After any time, with another one at once or later: that one's answer is its own."""
    host = Host(dut)
    await host.begin()
    scratch = regmap.register_address("SCRATCH")
    for length in range(1, 7):
        for pause in range(5):
            await drive(dut, scratch, 77)
            await ClockCycles(dut.clk, length)
            dut.wb_cyc.value = dut.wb_stb.value = 0
            for _ in range(1 + pause):
                await RisingEdge(dut.clk)
            await drive(dut, regmap.register_address("ID"), None)
            await answered(dut)
            assert int(dut.wb_dat_r.value) == regmap.MAGIC
            dut.wb_cyc.value = dut.wb_stb.value = 0
            await ClockCycles(dut.clk, 1 + pause)


@cocotb.test()
async def reset_in_a_cycle(dut: Any) -> None:
    """The next cycle is as any other."""
    host = Host(dut)
    await host.begin()
    for length in range(1, 7):
        await drive(dut, regmap.register_address("ID"), None)
        await ClockCycles(dut.clk, length)
        dut.wb_cyc.value = dut.wb_stb.value = 0
        dut.rst.value = 1
        await ClockCycles(dut.clk, 1)
        dut.rst.value = 0
        await ClockCycles(dut.clk, 1)
        assert await host.read(0) == (_ACK, regmap.MAGIC)
    await host.infer(1)
