"""The processing element: every product, extreme psums, and the store of weights."""

from __future__ import annotations

import random

from amaranth.hdl import Module

from hwgen.config import psum_bits
from hwgen.gateware.multiplier import LATENCY as MULTIPLIER_LATENCY
from hwgen.gateware.pe import ProcessingElement

INT8 = range(-128, 128)


def test_all_65536_products(simulate):
    """Sixteen elements with sixteen weights each; every activation meets every slot."""
    m = Module()
    elements = [ProcessingElement(slots=16, psum_in_bits=16, psum_out_bits=16) for _ in range(16)]
    for index, pe in enumerate(elements):
        m.submodules[f"pe_{index}"] = pe
    weights = [list(INT8)[16 * index : 16 * index + 16] for index in range(16)]
    words = [(act, slot) for act in INT8 for slot in range(16)]
    checked = 0

    async def testbench(ctx):
        nonlocal checked
        for slot in range(16):
            for pe, store in zip(elements, weights, strict=True):
                ctx.set(pe.weight_en, 1)
                ctx.set(pe.weight_slot, slot)
                ctx.set(pe.weight, store[slot])
            await ctx.tick()
        for pe in elements:
            ctx.set(pe.weight_en, 0)
        for cycle in range(len(words) + ProcessingElement.LATENCY - 1):
            act, slot = words[min(cycle, len(words) - 1)]
            for pe in elements:
                ctx.set(pe.act, act)
                ctx.set(pe.slot, slot)
            await ctx.tick()
            if cycle >= ProcessingElement.LATENCY - 1:
                act, slot = words[cycle - ProcessingElement.LATENCY + 1]
                for pe, store in zip(elements, weights, strict=True):
                    assert ctx.get(pe.psum_out) == act * store[slot]
                    checked += 1

    simulate(m, testbench)
    assert checked == 65536


def test_the_last_row_of_the_largest_array_holds_the_extreme_sum(simulate):
    """63 products of -128 and -128 come from above, one is added; the bits of 64 products take it, the bits of 63 would not."""
    dut = ProcessingElement(slots=2, psum_in_bits=psum_bits(63), psum_out_bits=psum_bits(64))
    cases = [(63 * 128 * 128, -128, -128), (-63 * 128 * 127, 127, -128), (0, 0, 0), (-1, 1, 1)]
    results = []

    async def testbench(ctx):
        for psum, act, weight in cases:
            ctx.set(dut.weight_en, 1)
            ctx.set(dut.weight, weight)
            await ctx.tick()
            ctx.set(dut.weight_en, 0)
            ctx.set(dut.act, act)
            for _ in range(MULTIPLIER_LATENCY):
                await ctx.tick()
            ctx.set(dut.psum_in, psum)  # needed MULTIPLIER_LATENCY cycles after the activation
            await ctx.tick()
            results.append(ctx.get(dut.psum_out))

    simulate(dut, testbench)
    assert results == [psum + act * weight for psum, act, weight in cases]
    assert results[0] == 64 * 128 * 128


def test_weights_change_in_one_slot_while_another_is_in_use(simulate):
    """Against a model: random writes to the store in every cycle; a write counts from the next cycle on."""
    rng = random.Random(5)
    dut = ProcessingElement(slots=3, psum_in_bits=20, psum_out_bits=20)
    store, expected, got, neighbours = [0, 0, 0], [], [], []
    cycles = 600

    async def testbench(ctx):
        passed = []
        psums = [rng.randrange(-1 << 18, 1 << 18) for _ in range(cycles)]
        for cycle in range(cycles):
            act, slot = rng.choice([-128, 127, rng.randrange(-128, 128)]), rng.randrange(3)
            write, where, weight = rng.random() < 0.5, rng.randrange(3), rng.randrange(-128, 128)
            ctx.set(dut.act, act)
            ctx.set(dut.slot, slot)
            ctx.set(dut.weight_en, write)
            ctx.set(dut.weight_slot, where)
            ctx.set(dut.weight, weight)
            ctx.set(dut.psum_in, psums[cycle])
            expected.append(act * store[slot])
            passed.append((act, slot))
            if write:
                store[where] = weight
            await ctx.tick()
            got.append(ctx.get(dut.psum_out) - psums[cycle])
            neighbours.append((ctx.get(dut.act_out), ctx.get(dut.slot_out)) == passed[-1])

    simulate(dut, testbench)
    latency = ProcessingElement.LATENCY
    assert got[latency - 1 :] == expected[: 1 - latency]
    assert all(neighbours), "the element on the right sees activation and slot a cycle later"
