"""Bench of the accumulators: forwarding at every distance, both banks, pooling, reading one bank while the other is filled."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge

from hwgen.descriptor import Operation
from hwgen.gateware.ram import READ_LATENCY
from sim.benches.cycle import config, lanes, start

_VALID, _FIRST, _TILE_LAST, _GROUP_LAST = 1, 2, 4, 8


@dataclass
class Group:
    """An output group: values int64[tiles, pixels, C] that meet the accumulators of a bank."""

    values: Any
    bank: int

    def expected(self, operation: Operation, bits: int) -> Any:
        """int64[pixels, C]."""
        if operation is Operation.MAX_POOL:
            return self.values.max(axis=0)
        return (self.values.sum(axis=0) + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)


class Driver:
    """Feeds groups, reads each complete bank, and compares."""

    def __init__(self, dut: Any, operation: Operation) -> None:
        self.dut, self.config, self.operation = dut, config(), operation
        self.values: deque[Any] = deque([None] * READ_LATENCY)  # what comes READ_LATENCY cycles after its control
        self.full = 0  # groups that were announced as complete
        self.reads: deque[tuple[Group, int]] = deque()  # still to be read
        self.answers: deque[tuple[Group, int] | None] = deque([None] * READ_LATENCY)
        self.checked = 0
        self.groups = 0

    async def begin(self) -> None:
        values = {f"value__{c}": 0 for c in range(self.config.cols)}
        await start(self.dut, control=0, operation=int(self.operation), read_en=0, read_bank=0, read_addr=0, **values)

    async def step(self, control: int = 0, value: Any = None) -> None:
        """One cycle: a word's control, its value READ_LATENCY cycles later, and a read of a complete bank."""
        dut = self.dut
        dut.control.value = control
        self.values.append(value)
        late = self.values.popleft()
        for c in range(self.config.cols):
            # Where no word is valid the value does not matter.
            getattr(dut, f"value__{c}").value = int(late[c]) if late is not None else random.randrange(-128, 128)
        asked = self.reads.popleft() if self.reads else None
        dut.read_en.value = asked is not None
        if asked is not None:
            dut.read_bank.value, dut.read_addr.value = asked[0].bank, asked[1]
        await RisingEdge(dut.clk)
        self.full += int(dut.bank_full.value)
        self.answers.append(asked)
        answer = self.answers.popleft()
        if answer is not None:
            group, pixel = answer
            got = lanes(int(dut.read_data.value), self.config.cols, self.config.acc_bits)
            expected = group.expected(self.operation, self.config.acc_bits)[pixel].tolist()
            assert got == expected, (
                f"{len(group.values)} tiles of {group.values.shape[1]} pixels, pixel {pixel}: expected {expected}, got {got}"
            )
            self.checked += 1

    async def feed(self, group: Group, busy: float) -> None:
        """Feeds a group, when its bank has been read; with the probability 1 - busy a cycle is left out."""
        while any(read.bank == group.bank for read, _ in self.reads):
            await self.step()
        tiles, pixels = group.values.shape[:2]
        for tile in range(tiles):
            for pixel in range(pixels):
                while random.random() >= busy:
                    await self.step()
                flags = _FIRST * (tile == 0) + _TILE_LAST * (pixel == pixels - 1)
                flags += _GROUP_LAST * (tile == tiles - 1 and pixel == pixels - 1)
                await self.step(_VALID | flags, group.values[tile, pixel])
        self.groups += 1

    async def complete(self, group: Group) -> None:
        """Waits until a group is announced, and has it read from then on."""
        waited = 0
        while self.full < self.groups:
            await self.step()
            waited += 1
            assert waited < 20, "the bank was not announced as complete"
        self.reads.extend((group, pixel) for pixel in range(group.values.shape[1]))

    async def run(self, shapes: list[tuple[int, int]], busy: float) -> None:
        """Feeds a group of every (tiles, pixels); each is read while the next is fed."""
        rng = np.random.default_rng(random.getrandbits(32))
        half = 128 if self.operation is Operation.MAX_POOL else 1 << (self.config.psum_bits - 1)
        for number, (tiles, pixels) in enumerate(shapes):
            values = rng.integers(-half, half, (tiles, pixels, self.config.cols))
            values[rng.random(values.shape) < 0.2] = -half
            group = Group(values, number % 2)
            await self.feed(group, busy)
            await self.complete(group)
            while len(self.reads) > 1 and random.random() < 0.5:
                await self.step()
        while self.reads or any(answer is not None for answer in self.answers):
            await self.step()
        assert self.full == len(shapes)
        assert self.checked == sum(pixels for _, pixels in shapes)


def shapes(depth: int) -> list[tuple[int, int]]:
    """(tiles, pixels): every number of pixels up to 6, where sums meet their own result, and the deepest, with 1 to 7 tiles."""
    found = [(tiles, pixels) for pixels in (1, 2, 3, 4, 5, 6, depth) for tiles in range(1, 8)]
    random.shuffle(found)
    return found


@cocotb.test()
async def sums_without_bubbles(dut: Any) -> None:
    """Consecutive words, so that a word meets the same pixel after 1, 2, 3, ... cycles; across tiles, groups and banks."""
    driver = Driver(dut, Operation.CONV)
    await driver.begin()
    await driver.run(shapes(driver.config.acc_depth), 1.0)


@cocotb.test()
async def sums_with_bubbles(dut: Any) -> None:
    """Words with gaps of any length between them."""
    driver = Driver(dut, Operation.CONV)
    await driver.begin()
    await driver.run(shapes(driver.config.acc_depth), 0.6)


@cocotb.test()
async def largest_values(dut: Any) -> None:
    """Pooling keeps the largest, with and without gaps."""
    driver = Driver(dut, Operation.MAX_POOL)
    await driver.begin()
    await driver.run(shapes(driver.config.acc_depth), 0.8)


@cocotb.test()
async def sums_wrap(dut: Any) -> None:
    """Sums are modulo 2^acc_bits: what is too large on the way is harmless."""
    driver = Driver(dut, Operation.CONV)
    await driver.begin()
    largest = (1 << driver.config.psum_bits - 1) - 1
    tiles = (1 << driver.config.acc_bits - 1) // largest + 2
    group = Group(np.full((tiles, 1, driver.config.cols), largest), 0)
    await driver.feed(group, 1.0)
    await driver.complete(group)
    while driver.reads or any(answer is not None for answer in driver.answers):
        await driver.step()
    assert driver.checked == 1
