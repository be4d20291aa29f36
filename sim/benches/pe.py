"""Bench of the processing element: all 65,536 products of two int8 values, and the weight store."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from hwgen.gateware.pe import ProcessingElement
from sim.benches.cycle import start

#: psum_in comes this many cycles after its activation.
_PSUM_DELAY = ProcessingElement.LATENCY - 1


@cocotb.test()
async def every_product(dut: Any) -> None:
    """psum_out = psum_in + weight * act for every pair of int8 values, an activation in every cycle, weights changing at full rate."""
    half = 1 << (len(dut.psum_in) - 1)
    slots = 1 << len(dut.slot)
    await start(dut, act=0, slot=0, psum_in=0, weight_en=0, weight_slot=0, weight=0)
    pending: deque[tuple[int, int]] = deque()  # (product, psum_in) of the words under way
    checked = 0
    for weight in range(-128, 128):
        slot = weight % slots
        for act in range(-128, 128):
            # The next weight goes into another slot while this one is in use.
            if act == 127:
                dut.weight_en.value, dut.weight_slot.value, dut.weight.value = 1, (weight + 1) % slots, min(weight + 1, 127)
            elif weight == -128 and act == -128:
                dut.weight_en.value, dut.weight_slot.value, dut.weight.value = 1, slot, weight
                await RisingEdge(dut.clk)
                dut.weight_en.value = 0
            else:
                dut.weight_en.value = 0
            dut.act.value, dut.slot.value = act, slot
            pending.append((weight * act, random.choice((-half, half - 1, random.randrange(-half, half)))))
            dut.psum_in.value = pending[-1 - _PSUM_DELAY][1] if len(pending) > _PSUM_DELAY else 0
            await RisingEdge(dut.clk)
            if len(pending) > ProcessingElement.LATENCY:
                product, psum = pending.popleft()
                width = len(dut.psum_out)
                expected = (psum + product + (1 << width - 1)) % (1 << width) - (1 << width - 1)
                assert dut.psum_out.value.to_signed() == expected
                checked += 1
    assert checked == 65536 - ProcessingElement.LATENCY


@cocotb.test()
async def moves_on(dut: Any) -> None:
    """act and slot reach the neighbour one cycle later."""
    await start(dut, act=0, slot=0, psum_in=0, weight_en=0, weight_slot=0, weight=0)
    before: tuple[int, int] | None = None
    for _ in range(200):
        now = (random.randrange(-128, 128), random.randrange(1 << len(dut.slot)))
        dut.act.value, dut.slot.value = now
        await RisingEdge(dut.clk)
        if before is not None:
            assert (dut.act_out.value.to_signed(), int(dut.slot_out.value)) == before
        before = now
