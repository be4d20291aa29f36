"""What the component benches share: the configuration, and clock and reset.

The benches work at rising edges: what they read there are the values of the cycle that ends, what they write are those of the next.
"""

from __future__ import annotations

import json
import os
from typing import Any

from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge

from hwgen.config import AcceleratorConfig

PERIOD_NS = 2
RESET_CYCLES = 3


def config() -> AcceleratorConfig:
    """The configuration of the component under test."""
    return AcceleratorConfig.from_json(json.loads(os.environ["WEFT_CONFIG"]))


async def start(dut: Any, **inputs: int) -> None:
    """Starts the clock, gives inputs their first values, resets; returns at an edge, reset released."""
    for name, value in inputs.items():
        getattr(dut, name).value = value
    dut.rst.value = 1
    Clock(dut.clk, PERIOD_NS, "ns", impl="gpi").start(start_high=False)
    await ClockCycles(dut.clk, RESET_CYCLES)
    dut.rst.value = 0
    await RisingEdge(dut.clk)


def lanes(word: int, count: int, bits: int) -> list[int]:
    """The signed values of `bits` bits that an unsigned word holds, lowest first."""
    half, mask = 1 << (bits - 1), (1 << bits) - 1
    return [(((word >> (i * bits)) & mask) ^ half) - half for i in range(count)]


def join(values: Any, bits: int) -> int:
    """An unsigned word that holds signed values of `bits` bits, lowest first."""
    mask = (1 << bits) - 1
    return sum((int(value) & mask) << (i * bits) for i, value in enumerate(values))
