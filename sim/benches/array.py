"""Bench of the array with its skew and deskew: psums of random and extreme tiles, and weights that load while others are in use."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge

from hwgen.gateware.array import Array
from sim.benches.cycle import config, join, start


class Driver:
    """Drives weights and activations, and compares every psum."""

    def __init__(self, dut: Any) -> None:
        self.dut, self.config = dut, config()
        self.latency = Array.latency(self.config)
        self.expected: dict[int, list[int]] = {}
        self.cycle = 0
        self.checked = 0

    async def begin(self) -> None:
        inputs = {f"act__{r}": 0 for r in range(self.config.rows)}
        if self.config.depthwise_taps:
            inputs |= {"depthwise": 0, **{f"column__{c}": 0 for c in range(self.config.cols)}}
        if self.config.depthwise_pairs:
            inputs |= {"odd": 0, **{f"column_odd__{c}": 0 for c in range(self.config.cols)}}
        await start(self.dut, slot=0, weight_en=0, weight_slot=0, weight=0, **inputs)

    async def step(self, act: Any = None, slot: int = 0, weights: Any = None, load: tuple[int, int, Any] | None = None) -> None:
        """One cycle.  act: int8[R] that meets the tile `weights`, int8[R, C], in `slot`; load: (slot, word of the tile, int8[L, C])."""
        dut = self.dut
        if act is not None:
            for r in range(self.config.rows):
                getattr(dut, f"act__{r}").value = int(act[r])
            dut.slot.value = slot
            self.expected[self.cycle + self.latency] = (act.astype(np.int64) @ weights.astype(np.int64)).tolist()
        dut.weight_en.value = 0 if load is None else 1 << load[1]
        if load is not None:
            dut.weight_slot.value, dut.weight.value = load[0], join(load[2].reshape(-1), 8)
        await RisingEdge(dut.clk)
        if (expected := self.expected.pop(self.cycle, None)) is not None:
            got = [getattr(dut, f"psum__{c}").value.to_signed() for c in range(self.config.cols)]
            assert got == expected, f"cycle {self.cycle}: expected {expected}, got {got}"
            self.checked += 1
        self.cycle += 1

    async def load(self, slot: int, tile: Any) -> None:
        """Loads a tile, int8[R, C], into a slot that is not in use."""
        rows = self.config.weight_rows_per_cycle
        for word in range(self.config.words_per_tile):
            await self.step(load=(slot, word, tile[word * rows : (word + 1) * rows]))

    async def drain(self) -> None:
        """Lets everything come out."""
        for _ in range(self.latency + 1):
            await self.step()
        assert not self.expected


def tiles(rows: int, cols: int, count: int) -> list[Any]:
    """Random tiles, int8[rows, cols] each, and those of the extreme values."""
    extremes = [np.full((rows, cols), value, np.int8) for value in (-128, 127)]
    return [*extremes, *(np.random.default_rng(random.getrandbits(32)).integers(-128, 128, (count, rows, cols)).astype(np.int8))]


def words(rows: int) -> Iterator[Any]:
    """Activation words, int8[rows]: extremes first, then random ones without end."""
    rng = np.random.default_rng(random.getrandbits(32))
    yield from (np.full(rows, value, np.int8) for value in (-128, 127, 0, -1))
    while True:
        yield rng.integers(-128, 128, rows).astype(np.int8)


@cocotb.test()
async def any_slot_in_any_cycle(dut: Any) -> None:
    """A word in every cycle, each for a random one of the stored tiles; with the extreme sums R * 128 * 128 and -R * 128 * 127."""
    driver = Driver(dut)
    rows, slots = driver.config.rows, driver.config.slots
    await driver.begin()
    for _ in range(3):
        stored = random.sample(tiles(rows, driver.config.cols, 2 * slots), slots)
        stored[0] = np.full_like(stored[0], -128)
        for slot, tile in enumerate(stored):
            await driver.load(slot, tile)
        source = words(rows)
        for _ in range(100):
            slot = random.randrange(slots) if random.random() < 0.9 else 0
            await driver.step(next(source), slot, stored[slot])
        await driver.drain()
    assert driver.checked == 300


@cocotb.test()
async def loads_while_it_works(dut: Any) -> None:
    """Tiles of the shortest length without a bubble follow each other for as long as one likes, their weights loaded just in time.

    A slot is loaded again `slot_release_cycles` after the last word of its tile, and a tile's first word enters one cycle after the
    first word of its weights: the earliest that the accelerator ever does.
    """
    driver = Driver(dut)
    cfg = driver.config
    period = max(cfg.min_tile_pixels, cfg.words_per_tile)
    count = 4 * cfg.slots + 3
    stored = (tiles(cfg.rows, cfg.cols, count) * 2)[:count]
    random.shuffle(stored)
    loads: dict[int, tuple[int, int, Any]] = {}
    uses: dict[int, int] = {}
    free = [0] * cfg.slots  # the first cycle in which each slot may be loaded
    at = load_at = 0
    for k, tile in enumerate(stored):
        slot = k % cfg.slots
        load_at = max(load_at, free[slot])
        for word in range(cfg.words_per_tile):
            part = tile[word * cfg.weight_rows_per_cycle : (word + 1) * cfg.weight_rows_per_cycle]
            loads[load_at + word] = (slot, word, part)
        at = max(at, load_at + 1)
        for cycle in range(at, at + period):
            uses[cycle] = k
        load_at += cfg.words_per_tile
        at += period
        free[slot] = at - 1 + cfg.slot_release_cycles
    first, last = min(uses), max(uses)
    assert last - first + 1 == count * period, "the interval is not the shortest one without a bubble"
    await driver.begin()
    source = words(cfg.rows)
    for cycle in range(last + 1):
        if (used := uses.get(cycle)) is None:
            await driver.step(load=loads.get(cycle))
        else:
            await driver.step(next(source), used % cfg.slots, stored[used], loads.get(cycle))
    await driver.drain()
    assert driver.checked == count * period


@cocotb.test(skip=not config().depthwise_taps)
async def depthwise(dut: Any) -> None:
    """A column meets its own activations: its psums are sums over the K words that begin with a word, and rows from K on get 0."""
    driver = Driver(dut)
    cfg = driver.config
    taps = cfg.depthwise_taps
    await driver.begin()
    stored = tiles(cfg.rows, cfg.cols, cfg.slots)[: cfg.slots]
    for slot, tile in enumerate(stored):
        await driver.load(slot, tile)
    dut.depthwise.value = 1
    rng = np.random.default_rng(random.getrandbits(32))
    count = 200
    columns = rng.integers(-128, 128, (2, count + taps, cfg.cols))
    columns[:, :taps] = -128
    for word in range(count + taps - 1):
        odd = int(rng.integers(2)) if cfg.depthwise_pairs else 0
        slot = int(rng.integers(cfg.slots))
        dut.slot.value = slot
        for c in range(cfg.cols):
            getattr(dut, f"column__{c}").value = int(columns[0, word, c])
            if cfg.depthwise_pairs:
                getattr(dut, f"column_odd__{c}").value = int(columns[1, word, c])
        if cfg.depthwise_pairs:
            dut.odd.value = odd
        if word < count:
            met = columns[odd, word : word + taps]
            driver.expected[driver.cycle + driver.latency] = (stored[slot][:taps].astype(np.int64) * met).sum(axis=0).tolist()
        await driver.step()
    await driver.drain()
    assert driver.checked == count
