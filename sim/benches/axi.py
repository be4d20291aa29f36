"""Bench of the whole accelerator through its AXI4-Lite port, driven by the master of cocotbext-axi.

Environment: WEFT_BUILD, an emitted folder; WEFT_VECTORS, an npz file with int8[N, ...] arrays `input` and `output`, N >= 3.
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
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp  # type: ignore[import-untyped]

from hwgen import regmap
from hwgen.regmap import Window
from sim.build_folder import read_build
from sim.replay import host_words

PERIOD_NS = 2
_START, _IRQ_ENABLE = (regmap.BY_NAME["CONTROL"].field(name).mask for name in ("start", "irq_enable"))


class Host:
    """A driver of the accelerator: what a processor on the bus does."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.build = read_build(Path(os.environ["WEFT_BUILD"]))
        vectors = np.load(os.environ["WEFT_VECTORS"])
        self.inputs, self.outputs = vectors["input"], vectors["output"]
        self.limit_ns = PERIOD_NS * (4 * self.build.predicted_cycles + 5000)
        logging.getLogger("cocotb").setLevel(logging.WARNING)
        self.axil = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)

    async def begin(self) -> None:
        """Clock and reset."""
        self.dut.rst.value = 1
        Clock(self.dut.clk, PERIOD_NS, "ns", impl="gpi").start(start_high=False)
        await ClockCycles(self.dut.clk, 4)
        self.dut.rst.value = 0
        await ClockCycles(self.dut.clk, 2)

    async def reset(self) -> None:
        """A reset of one cycle."""
        self.dut.rst.value = 1
        await RisingEdge(self.dut.clk)
        self.dut.rst.value = 0
        await ClockCycles(self.dut.clk, 2)

    async def write(self, address: int, value: int) -> AxiResp:
        """Writes a 32-bit word; the response."""
        response = await with_timeout(self.axil.write(address, value.to_bytes(4, "little")), self.limit_ns, "ns")
        return AxiResp(response.resp)

    async def read(self, address: int) -> tuple[AxiResp, int]:
        """Reads a 32-bit word: the response and the data."""
        response = await with_timeout(self.axil.read(address, 4), self.limit_ns, "ns")
        return AxiResp(response.resp), int.from_bytes(response.data, "little")

    async def get(self, name: str) -> int:
        """A register's value."""
        response, value = await self.read(regmap.register_address(name))
        assert response == AxiResp.OKAY
        return value

    async def put(self, name: str, value: int) -> None:
        """Writes a register."""
        assert await self.write(regmap.register_address(name), value) == AxiResp.OKAY

    async def write_input(self, image: int) -> None:
        """Writes an image into activation memory."""
        words = host_words(self.build.tensors[self.build.inputs[0]], self.inputs[image : image + 1], self.build.config)
        for address, value in zip(words.addresses, words.data[0], strict=True):
            assert await self.write(int(address), int(value)) == AxiResp.OKAY

    async def check_output(self, image: int) -> None:
        """Compares the output in activation memory."""
        words = host_words(self.build.tensors[self.build.outputs[0]], self.outputs[image : image + 1], self.build.config)
        for address, expected, mask in zip(words.addresses, words.data[0], words.masks, strict=True):
            response, got = await self.read(int(address))
            bits = sum(0xFF << 8 * byte for byte in range(4) if mask >> byte & 1)
            assert response == AxiResp.OKAY
            assert got & bits == int(expected) & bits, (
                f"image {image}, address {address:#x}: expected {expected & bits:#x}, got {got & bits:#x}"
            )

    async def wait_interrupt(self) -> None:
        """Waits for the interrupt line."""
        if not int(self.dut.irq.value):
            await with_timeout(RisingEdge(self.dut.irq), self.limit_ns, "ns")

    async def infer(self, image: int, *, interrupt: bool = True) -> None:
        """An inference: writes, starts, waits, compares."""
        await self.write_input(image)
        await self.put("CONTROL", _START | (_IRQ_ENABLE if interrupt else 0))
        if interrupt:
            await self.wait_interrupt()
        else:
            for _ in range(self.limit_ns // PERIOD_NS):
                if not regmap.BY_NAME["STATUS"].decode(await self.get("STATUS"))["busy"]:
                    break
            assert not int(self.dut.irq.value), "an interrupt that was not asked for"
        assert regmap.BY_NAME["STATUS"].decode(await self.get("STATUS")) == {"busy": 0, "done": 1}
        await self.put("IRQ_STATUS", 1)
        assert not int(self.dut.irq.value)
        await self.check_output(image)

    def stall(self, probability: float) -> None:
        """Idle cycles on every channel that the master drives, back-pressure on those that it accepts."""

        def pauses() -> Iterator[bool]:
            return (random.random() < probability for _ in itertools.count())

        interfaces = (self.axil.write_if, self.axil.read_if)
        for interface, channel in ((0, "aw"), (0, "w"), (0, "b"), (1, "ar"), (1, "r")):
            getattr(interfaces[interface], f"{channel}_channel").set_pause_generator(pauses())


@cocotb.test()
async def registers(dut: Any) -> None:
    """Identity, constants, the scratch register byte by byte, and the answers to what is not allowed."""
    host = Host(dut)
    await host.begin()
    for register in regmap.REGISTERS:
        if all(field.value is not None for field in register.fields):
            assert await host.get(register.name) == register.constant(host.build.config), register.name
    scratch = regmap.register_address("SCRATCH")
    await host.put("SCRATCH", 0x12345678)
    await host.axil.write(scratch + 1, b"\xab")
    assert await host.get("SCRATCH") == 0x1234AB78
    assert await host.write(regmap.register_address("ID"), 0) == AxiResp.SLVERR
    assert await host.get("ID") == regmap.MAGIC
    unmapped = max(register.offset for register in regmap.REGISTERS) + 0x100
    assert (await host.read(unmapped))[0] == AxiResp.DECERR
    assert await host.write(unmapped, 1) == AxiResp.DECERR
    assert (await host.read(7 << regmap.WINDOW_SHIFT))[0] == AxiResp.DECERR
    assert (await host.read(regmap.host_address(Window.WEIGHT, 0, 0, host.build.config)))[0] == AxiResp.SLVERR


@cocotb.test()
async def one_inference(dut: Any) -> None:
    """By interrupt; while it is busy another start and the memories are refused, and do no harm."""
    host = Host(dut)
    await host.begin()
    await host.write_input(0)
    await host.put("CONTROL", _START | _IRQ_ENABLE)
    assert await host.write(regmap.register_address("CONTROL"), _START | _IRQ_ENABLE) == AxiResp.SLVERR
    address = regmap.host_address(Window.ACT, 0, 0, host.build.config)
    assert await host.write(address, 0xFFFFFFFF) == AxiResp.SLVERR
    assert (await host.read(address))[0] == AxiResp.SLVERR
    assert regmap.BY_NAME["STATUS"].decode(await host.get("STATUS")) == {"busy": 1, "done": 0}, "it ended before it could be disturbed"
    await host.wait_interrupt()
    await host.check_output(0)
    await host.put("IRQ_STATUS", 1)
    assert not int(dut.irq.value)


@cocotb.test()
async def two_in_a_row(dut: Any) -> None:
    """Nothing of an inference is left for the next one, polled or by interrupt."""
    host = Host(dut)
    await host.begin()
    for image, interrupt in ((0, True), (1, True), (2, False), (0, False), (0, True)):
        await host.infer(image, interrupt=interrupt)


@cocotb.test()
async def counters(dut: Any) -> None:
    """Every cycle of a run is in one counter of one layer, and a layer takes exactly the cycles that were predicted."""
    host = Host(dut)
    await host.begin()
    for image in (0, 1):
        await host.infer(image)
        total = 0
        for layer in host.build.layers if host.build.config.max_layers else ():
            counted = {name: (await host.read(regmap.counter_address(layer.index, name)))[1] for name in regmap.COUNTERS}
            assert sum(counted.values()) == layer.predicted_cycles, f"layer {layer.name}: {counted}"
            total += sum(counted.values())
        assert total == (host.build.predicted_cycles if host.build.config.max_layers else 0)
        assert await host.get("CYCLES") == host.build.predicted_cycles


@cocotb.test()
async def stalls_on_the_bus(dut: Any) -> None:
    """Random idle cycles and back-pressure on all five channels."""
    host = Host(dut)
    await host.begin()
    for probability in (0.3, 0.8):
        host.stall(probability)
        for image in (0, 1):
            await host.infer(image)


@cocotb.test()
async def reads_beside_writes(dut: Any) -> None:
    """Of the same memory, of one word and of two: a read answers what was there before a write or after it, at whatever distance."""
    host = Host(dut)
    await host.begin()
    writes = 400
    for window, words in ((Window.ACT, 1), (Window.ACT, 2), (Window.PROGRAM, 1)):
        addresses = [regmap.host_address(window, word, 0, host.build.config) for word in range(words)]
        kept = [(await host.read(address))[1] for address in addresses]
        written = 0

        async def writer(addresses: list[int] = addresses) -> None:
            nonlocal written
            for value in range(1, writes + 1):
                for address in addresses:
                    assert await host.write(address, value * 0x10001) == AxiResp.OKAY
                written = value
                await ClockCycles(dut.clk, random.randrange(1, 4))

        for address in addresses:
            assert await host.write(address, 0) == AxiResp.OKAY
        task = cocotb.start_soon(writer())
        while written < writes:
            before, address = written, random.choice(addresses)
            response, value = await host.read(address)
            assert response == AxiResp.OKAY
            assert value in {known * 0x10001 for known in range(before, written + 2)}, f"{value:#x} between {before} and {written + 1}"
            await ClockCycles(dut.clk, random.randrange(1, 4))
        await task
        for address, value in zip(addresses, kept, strict=True):
            assert await host.read(address) == (AxiResp.OKAY, writes * 0x10001)
            assert await host.write(address, value) == AxiResp.OKAY


@cocotb.test()
async def reset_in_mid_run(dut: Any) -> None:
    """A reset at any time ends the run; the next inference is as if there had been none."""
    host = Host(dut)
    await host.begin()
    cycles = host.build.predicted_cycles
    moments = [1, 2, 3, cycles - 2, cycles - 1, cycles, *(random.randrange(4, cycles) for _ in range(6))]
    for number, moment in enumerate(moments):
        await host.write_input(number % 3)
        await host.put("CONTROL", _START | _IRQ_ENABLE)
        await ClockCycles(dut.clk, moment)
        await host.reset()
        assert not int(dut.irq.value)
        assert regmap.BY_NAME["STATUS"].decode(await host.get("STATUS")) == {"busy": 0, "done": 0}
        assert await host.get("CYCLES") == 0
        await host.infer((number + 1) % 3)


@cocotb.test()
async def images_over_the_bus(dut: Any) -> None:
    """Weights, parameters and program that the host writes; they survive a reset."""
    host = Host(dut)
    await host.begin()
    files = {Window.WEIGHT: "weights.hex", Window.PARAM: "params.hex", Window.PROGRAM: "program.hex"}
    images = {window: [int(word, 16) for word in (host.build.path / name).read_text().split()] for window, name in files.items()}
    for value in (0, None):  # wipe first, so that what is there cannot be what the files held
        for window, words in images.items():
            bits = regmap.MEMORIES[window].word_bits(host.build.config)
            for number, word in enumerate(words):
                for address, data in regmap.host_words(
                    window, number, (word & ((1 << bits) - 1)) if value is None else value, host.build.config
                ):
                    assert await host.write(address, data) == AxiResp.OKAY
    await host.reset()
    await host.infer(1)
