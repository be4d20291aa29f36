"""The host driver against the simulated accelerator, through its AXI4-Lite port.

The driver is blocking code, as on a real host: it runs in a thread, and every access of its bus is made by the simulation.
Environment: WEFT_BUILD, the folder whose accelerator is simulated; WEFT_OTHER, another of the same configuration; WEFT_VECTORS, an npz
file with int8[N, ...] arrays `in.NAME` and `out.NAME` of the first and `other.in.NAME`, `other.out.NAME` of the second.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
import numpy.typing as npt
import pytest
from cocotb.clock import Clock
from cocotb.task import bridge, resume
from cocotb.triggers import ClockCycles, RisingEdge, SimTimeoutError, with_timeout
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp

from boards.host import Accelerator, BusError, DeviceError

PERIOD_NS = 2
#: The simulation's clock runs slower than a real one: a second of the driver's is so many cycles here.
CYCLES_PER_SECOND = 20_000
BUILD, OTHER = (Path(os.environ[name]) for name in ("WEFT_BUILD", "WEFT_OTHER"))


class SimulatedBus:
    """`boards.host.Bus` over a simulated AXI4-Lite port.  interrupt: whether it sees the line."""

    gaps = False

    def __init__(self, dut: Any, interrupt: bool) -> None:
        self.dut, self.interrupt = dut, interrupt
        self.axil = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)

    @resume
    async def _read(self, address: int, count: int) -> bytes:
        answer = await self.axil.read(address, 4 * count)
        if answer.resp != AxiResp.OKAY:
            raise BusError(f"reading {count} words at {address:#x} was answered with {AxiResp(answer.resp).name}")
        return bytes(answer.data)

    @resume
    async def _write(self, address: int, data: bytes) -> None:
        answer = await self.axil.write(address, data)
        if answer.resp != AxiResp.OKAY:
            raise BusError(f"writing {len(data) // 4} words at {address:#x} was answered with {AxiResp(answer.resp).name}")

    @resume
    async def _wait(self, cycles: int) -> bool:
        if not int(self.dut.irq.value):
            try:
                await with_timeout(RisingEdge(self.dut.irq), cycles * PERIOD_NS, "ns")
            except SimTimeoutError:
                return False
        return True

    def read(self, address: int) -> int:
        return int.from_bytes(self._read(address, 1), "little")

    def write(self, address: int, value: int) -> None:
        self._write(address, value.to_bytes(4, "little"))

    def read_block(self, address: int, count: int) -> npt.NDArray[np.uint32]:
        return np.frombuffer(self._read(address, count), "<u4").astype(np.uint32)

    def write_block(self, address: int, words: npt.NDArray[np.uint32]) -> None:
        self._write(address, words.astype("<u4").tobytes())

    def wait_interrupt(self, timeout_s: float) -> bool | None:
        return self._wait(int(timeout_s * CYCLES_PER_SECOND)) if self.interrupt else None


async def begin(dut: Any, *, interrupt: bool = True) -> SimulatedBus:
    """Clock, reset, and the bus."""
    bus = SimulatedBus(dut, interrupt)
    dut.rst.value = 1
    Clock(dut.clk, PERIOD_NS, "ns", impl="gpi").start(start_high=False)
    await ClockCycles(dut.clk, 4)
    dut.rst.value = 0
    await ClockCycles(dut.clk, 2)
    return bus


def vectors(prefix: str) -> dict[str, npt.NDArray[np.int8]]:
    with np.load(os.environ["WEFT_VECTORS"]) as file:
        return {name.removeprefix(prefix): file[name] for name in file.files if name.startswith(prefix)}


def compare(results: Any, prefix: str) -> None:
    """Every output, every bit."""
    expected = vectors(prefix)
    assert set(results.outputs) == set(expected)
    for name, want in expected.items():
        assert np.array_equal(results.outputs[name], want), name


@cocotb.test()
async def images_of_the_bitstream(dut: Any) -> None:
    """Nothing is loaded: the memories have the folder's images; every counter is what the compiler said."""
    bus = await begin(dut)

    @bridge
    def host() -> None:
        accelerator = Accelerator(bus, BUILD, loaded=True)
        results = accelerator.run(vectors("in."))
        compare(results, "out.")
        assert results.cycles == accelerator.design.cycles
        counters = accelerator.counters()
        assert {name: sum(counts.values()) for name, counts in counters.items()} == {
            layer.name: layer.cycles for layer in accelerator.design.layers
        }

    await host()


@cocotb.test()
async def another_network_is_loaded(dut: Any) -> None:
    """With polling; then the first again, which is no longer in the memories: that is refused, unless it may replace what is there."""
    bus = await begin(dut, interrupt=False)

    @bridge
    def host() -> None:
        # Time-outs are of the real clock, and the simulation may be slow.
        with pytest.raises(DeviceError, match="the accelerator holds another network"):
            Accelerator(bus, OTHER)
        other = Accelerator(bus, OTHER, loaded=False, timeout_s=300)
        compare(other.run(vectors("other.in.")), "other.out.")
        bus.interrupt = True
        with pytest.raises(DeviceError, match="the accelerator holds another network"):
            Accelerator(bus, BUILD, loaded=True)
        first = Accelerator(bus, BUILD, loaded=False, timeout_s=300)
        first.load()
        with pytest.raises(DeviceError, match="the accelerator holds another network"):
            other.run(vectors("other.in."))
        compare(first.run(vectors("in.")), "out.")

    await host()


@cocotb.test()
async def a_run_that_takes_too_long(dut: Any) -> None:
    """The time-out says what the registers say; the driver can go on when the run has ended."""
    bus = await begin(dut)

    @bridge
    def host() -> None:
        accelerator = Accelerator(bus, BUILD, timeout_s=20 / CYCLES_PER_SECOND)
        with pytest.raises(DeviceError) as caught:
            accelerator.run(vectors("in."))
        assert caught.value.problems[0] == "STATUS: busy 1, done 0"
        assert caught.value.problems[-1] == "the run is on its way: allow more time with timeout_s"
        with pytest.raises(BusError, match="SLVERR"):
            bus.read_block(1 << 25, 1)
        compare(Accelerator(bus, BUILD, timeout_s=300).run(vectors("in.")), "out.")

    await host()
