"""Bench of `weft_axi_stream`: packets of inputs in, packets of outputs out, driven by the source, sink and master of cocotbext-axi.

Environment: WEFT_BUILD, an emitted folder; WEFT_VECTORS, an npz file with int8[N, ...] arrays `in.NAME` and `out.NAME`, N >= 3.
"""

from __future__ import annotations

import itertools
import logging
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge, with_timeout
from cocotb.utils import get_sim_time
from cocotbext.axi import (  # type: ignore[import-untyped]
    AxiLiteBus,
    AxiLiteMaster,
    AxiResp,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)

from hwgen import regmap
from hwgen.regmap import Window
from sim.build_folder import read_build

PERIOD_NS = 2
_START, _IRQ_ENABLE = (regmap.BY_NAME["CONTROL"].field(name).mask for name in ("start", "irq_enable"))
_MANUAL, _GO, _IRQ = (regmap.STREAM_BY_NAME["STREAM_CONTROL"].field(name).mask for name in ("manual", "go", "irq_enable"))


class Streams:
    """What is around the accelerator: a source of inputs, a sink of outputs, a processor."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.build = read_build(Path(os.environ["WEFT_BUILD"]))
        with np.load(os.environ["WEFT_VECTORS"]) as vectors:
            self.inputs = [vectors[f"in.{name}"] for name in self.build.inputs]
            self.outputs = [vectors[f"out.{name}"] for name in self.build.outputs]
        self.limit_ns = PERIOD_NS * (
            20 * self.build.predicted_cycles + 100 * sum(x[0].size for x in (*self.inputs, *self.outputs)) + 20_000
        )
        logging.getLogger("cocotb").setLevel(logging.WARNING)
        self.source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), dut.clk, dut.rst)
        self.sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), dut.clk, dut.rst)
        self.axil = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)

    async def begin(self) -> None:
        """Clock and reset."""
        self.dut.rst.value = 1
        Clock(self.dut.clk, PERIOD_NS, "ns", impl="gpi").start(start_high=False)
        await ClockCycles(self.dut.clk, 4)
        await self.reset()

    async def reset(self) -> None:
        """A reset of one cycle."""
        self.dut.rst.value = 1
        await RisingEdge(self.dut.clk)
        self.dut.rst.value = 0
        await ClockCycles(self.dut.clk, 2)

    async def send(self, image: int) -> None:
        """Queues an image's packets."""
        for values in self.inputs:
            await self.source.send(AxiStreamFrame(values[image].tobytes()))

    async def check(self, image: int) -> None:
        """Compares the packets of an image's outputs, every byte and the end."""
        for values in self.outputs:
            frame = await with_timeout(self.sink.recv(), self.limit_ns, "ns")
            assert bytes(frame.tdata) == values[image].tobytes(), f"image {image}"

    async def write(self, address: int, value: int, count: int = 4) -> AxiResp:
        """Writes bytes; the response."""
        answer = await with_timeout(self.axil.write(address, value.to_bytes(count, "little")), self.limit_ns, "ns")
        return AxiResp(answer.resp)

    async def read(self, address: int) -> int:
        """Reads a word."""
        answer = await with_timeout(self.axil.read(address, 4), self.limit_ns, "ns")
        assert AxiResp(answer.resp) == AxiResp.OKAY
        return int.from_bytes(answer.data, "little")

    async def stream(self, name: str) -> dict[str, int]:
        """A register of the streams."""
        return regmap.STREAM_BY_NAME[name].decode(await self.read(regmap.stream_address(name)))

    async def until(self, **expected: int) -> None:
        """Waits for fields of STREAM_STATUS."""
        for _ in range(self.limit_ns // PERIOD_NS):
            status = await self.stream("STREAM_STATUS")
            if all(status[name] == value for name, value in expected.items()):
                return
        raise AssertionError(f"STREAM_STATUS never became {expected}")

    def stall(self, probability: float) -> None:
        """Idle cycles of the source, back-pressure of the sink."""

        def pauses() -> Iterator[bool]:
            return (random.random() < probability for _ in itertools.count())

        self.source.set_pause_generator(pauses())
        self.sink.set_pause_generator(pauses())


@cocotb.test()
async def one_after_the_other(dut: Any) -> None:
    """Packets queue up; every output is the golden model's, and nothing comes besides."""
    streams = Streams(dut)
    await streams.begin()
    order = [0, 1, 2, 1, 0]
    for image in order:
        await streams.send(image)
    for image in order:
        await streams.check(image)
    await ClockCycles(dut.clk, 200)
    assert streams.sink.empty()
    assert not any((await streams.stream("STREAM_ERRORS")).values())
    assert not any((await streams.stream("STREAM_STATUS")).values())


@cocotb.test()
async def stalls_everywhere(dut: Any) -> None:
    """Idle cycles and back-pressure, while the processor reads and writes registers."""
    streams = Streams(dut)
    await streams.begin()
    scratch = regmap.register_address("SCRATCH")
    for probability in (0.3, 0.8):
        streams.stall(probability)
        ended = [False]

        async def processor(ended: list[bool] = ended) -> None:
            while not ended[0]:
                value = random.getrandbits(32)
                assert await streams.write(scratch, value) == AxiResp.OKAY
                assert await streams.read(scratch) == value
                assert await streams.read(regmap.register_address("ID")) == regmap.MAGIC
                assert not any((await streams.stream("STREAM_ERRORS")).values())
                await ClockCycles(dut.clk, random.choice([1, 1, 5, 30]))

        task = cocotb.start_soon(processor())
        for image in (0, 1):
            await streams.send(image)
        for image in (0, 1):
            await streams.check(image)
        ended[0] = True
        await task


@cocotb.test()
async def runs_that_wait_for_go(dut: Any) -> None:
    """With `manual`; a `go` without inputs does nothing."""
    streams = Streams(dut)
    await streams.begin()
    control = regmap.stream_address("STREAM_CONTROL")
    assert await streams.write(control, _MANUAL | _GO) == AxiResp.OKAY
    for image in (0, 1):
        await streams.send(image)
        await streams.until(loaded=1)
        await ClockCycles(dut.clk, 300)
        assert await streams.stream("STREAM_STATUS") == {"active": 1, "loaded": 1, "running": 0, "sending": 0}
        assert streams.sink.empty()
        assert await streams.stream("STREAM_CONTROL") == {"manual": 1, "go": 0, "irq_enable": 0}
        assert await streams.write(control, _MANUAL | _GO) == AxiResp.OKAY
        await streams.check(image)
        await streams.until(active=0)
    # What waits goes on when it need not wait any more.
    await streams.send(2)
    await streams.until(loaded=1)
    assert await streams.write(control, 0) == AxiResp.OKAY
    await streams.check(2)


def spoiled(data: bytes, how: str) -> list[AxiStreamFrame]:
    """Packets instead of one: too short, too long, or with a byte left out."""
    beats = -(-len(data) // 4)
    if how == "early":
        return [AxiStreamFrame(data[: 4 * random.randrange(1, beats)])]
    if how == "late":
        return [AxiStreamFrame(data + bytes(4 * (beats - len(data) // 4) + random.randrange(1, 9)))]
    keep = [1] * len(data)
    keep[random.randrange(len(data) - (len(data) - 1) % 4 - 1)] = 0
    return [AxiStreamFrame(data, tkeep=keep)]


@cocotb.test()
async def packets_that_end_too_early_or_too_late(dut: Any) -> None:
    """In every input: no output comes of them, a register says it, and the next inputs are right again."""
    streams = Streams(dut)
    await streams.begin()
    address = regmap.stream_address("STREAM_ERRORS")
    assert await streams.write(regmap.stream_address("STREAM_CONTROL"), _IRQ) == AxiResp.OKAY
    for probability, which, how in itertools.product((0.0, 0.5), range(len(streams.inputs)), ("early", "late", "keep")):
        if len(streams.inputs[which][0].tobytes()) <= 4 and how == "early":
            continue
        streams.stall(probability)
        for values in streams.inputs[:which]:
            await streams.source.send(AxiStreamFrame(values[0].tobytes()))
        for frame in spoiled(streams.inputs[which][0].tobytes(), how):
            await streams.source.send(frame)
        await with_timeout(streams.source.wait(), streams.limit_ns, "ns")
        await ClockCycles(dut.clk, 20)
        errors = await streams.stream("STREAM_ERRORS")
        assert errors[how], (which, how, errors)
        assert int(dut.irq.value)
        assert await streams.write(address, 1 << regmap.STREAM_BY_NAME["STREAM_ERRORS"].field(how).offset) == AxiResp.OKAY
        assert not (await streams.stream("STREAM_ERRORS"))[how]
        assert await streams.write(address, 0xFFFFFFFF) == AxiResp.OKAY
        assert not int(dut.irq.value)
        await streams.send(1)
        await streams.check(1)
    assert streams.sink.empty()


@cocotb.test()
async def the_processor_cannot_spoil_an_inference(dut: Any) -> None:
    """Its writes to memories and CONTROL are refused meanwhile; a run that it began before is waited for."""
    streams = Streams(dut)
    await streams.begin()
    act = regmap.host_address(Window.ACT, 0, 0, streams.build.config)
    control = regmap.register_address("CONTROL")
    assert await streams.write(control, _IRQ_ENABLE) == AxiResp.OKAY
    assert await streams.write(regmap.stream_address("STREAM_CONTROL"), _MANUAL) == AxiResp.OKAY
    await streams.send(0)
    await streams.until(loaded=1)
    for address in (act, control, regmap.host_address(Window.PROGRAM, 0, 0, streams.build.config)):
        assert await streams.write(address, 0xFFFFFFFF) == AxiResp.SLVERR
    assert await streams.read(act) is not None
    assert await streams.write(regmap.register_address("SCRATCH"), 5) == AxiResp.OKAY
    assert await streams.write(regmap.stream_address("STREAM_CONTROL"), _GO) == AxiResp.OKAY
    await streams.check(0)
    assert await streams.read(control) == _IRQ_ENABLE, "a start leaves it as it is"
    assert int(dut.irq.value)
    await streams.until(active=0)
    assert await streams.write(regmap.register_address("IRQ_STATUS"), 1) == AxiResp.OKAY

    assert await streams.write(control, _START) == AxiResp.OKAY
    await streams.send(2)
    await ClockCycles(dut.clk, 30)
    assert (await streams.stream("STREAM_STATUS"))["running"] == 1
    await streams.check(2)
    assert not any((await streams.stream("STREAM_ERRORS")).values())


@cocotb.test()
async def registers_of_the_streams(dut: Any) -> None:
    """Byte enables, read-only ones, what lies beside them, and the accelerator's own behind them."""
    streams = Streams(dut)
    await streams.begin()
    control = regmap.stream_address("STREAM_CONTROL")
    assert await streams.write(control + 1, 0xFF, 1) == AxiResp.OKAY
    assert await streams.read(control) == 0
    assert await streams.write(control, 0xFFFFFFFF) == AxiResp.OKAY
    assert await streams.stream("STREAM_CONTROL") == {"manual": 1, "go": 0, "irq_enable": 1}
    assert await streams.write(regmap.stream_address("STREAM_STATUS"), 1) == AxiResp.SLVERR
    assert await streams.read(regmap.register_address("SCRATCH")) == 0, "what is for the streams does not get there"
    for address in (control + 0xC, control + 0x100, 7 << regmap.WINDOW_SHIFT):
        assert await streams.write(address, 1) == AxiResp.DECERR
        assert AxiResp((await streams.axil.read(address, 4)).resp) == AxiResp.DECERR
    for register in regmap.REGISTERS:
        if all(field.value is not None for field in register.fields):
            assert await streams.read(register.offset) == register.constant(streams.build.config)
    assert await streams.write(control, 0) == AxiResp.OKAY
    await streams.send(1)
    await streams.check(1)


@cocotb.test()
async def reset_at_any_time(dut: Any) -> None:
    """The next inference is as if there had been none."""
    streams = Streams(dut)
    await streams.begin()
    size = sum(values[0].size for values in streams.inputs)
    span = streams.build.predicted_cycles + 4 * size
    for moment in [1, 2, 3, 5, 8, *(random.randrange(10, span) for _ in range(7))]:
        await streams.send(0)
        await ClockCycles(dut.clk, moment)
        streams.source.clear()
        await streams.reset()
        streams.sink.clear()
        await streams.send(1)
        await streams.check(1)
        assert streams.sink.empty()


@cocotb.test()
async def how_long_it_takes(dut: Any) -> None:
    """Cycles from an inference's first byte to its last, when nobody else is on the bus and nobody waits."""
    streams = Streams(dut)
    await streams.begin()
    await streams.send(0)
    await RisingEdge(dut.s_axis_tvalid)
    began, ends = get_sim_time("ns"), 0
    while ends < len(streams.outputs):
        await with_timeout(RisingEdge(dut.clk), streams.limit_ns, "ns")
        ends += int(dut.m_axis_tvalid.value) and int(dut.m_axis_tready.value) and int(dut.m_axis_tlast.value)
        assert get_sim_time("ns") - began < streams.limit_ns
    assert round((get_sim_time("ns") - began) / PERIOD_NS) == int(os.environ["WEFT_STREAM_CYCLES"])
