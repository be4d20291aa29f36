"""Bench of the feeder: the words, their order and their flags for convolutions and poolings of every shape, with and without waiting."""

from __future__ import annotations

import itertools
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from golden.graph import Padding, Window
from hwgen.compiler.placement import Placement
from hwgen.compiler.tiling import Tile
from hwgen.compiler.walk import walk
from hwgen.descriptor import BY_NAME, Operation, encode
from hwgen.gateware.feeder import Feeder
from hwgen.gateware.host import HostPort
from sim.benches.cycle import config, join, start


@dataclass(frozen=True)
class Word:
    """An activation word on its way to the array: its bytes, its flags, the slot it meets and, for pooling, the slice of it."""

    act: tuple[int, ...]
    first: bool
    tile_last: bool
    group_last: bool
    slot: int
    act_slice: int


@dataclass(frozen=True)
class Job:
    """A descriptor as a convolution's or a pooling's shape says it."""

    operation: Operation
    source: Placement
    window: Window
    tile: Tile
    groups: int
    channel_words: int
    pad_value: int
    barrier: bool
    layer: int

    def payload(self) -> int:
        """The descriptor."""
        fields = walk(self.source, self.window, self.tile, channel_words=self.channel_words)
        own = {
            "operation": int(self.operation),
            "groups": self.groups,
            "pad_value": self.pad_value,
            "barrier": int(self.barrier),
            "layer": self.layer,
        }
        return join(encode({**dict.fromkeys(BY_NAME, 0), **fields, **own}), 32)

    def words(self, memory: list[tuple[int, ...]], slots: Iterator[int], slices: int) -> Iterator[Word]:
        """The loops of a convolution, written down; slots: the slot of each weight tile."""
        height, width, _ = self.source.shape
        pooling = self.operation is not Operation.CONV
        taps = list(itertools.product(range(self.window.kernel[0]), range(self.window.kernel[1]), range(self.channel_words)))
        pixels = list(itertools.product(range(self.tile.rows), range(self.tile.cols)))
        slot = 0
        for group in range(self.groups):
            for tap_number, (ky, kx, word) in enumerate(taps):
                if not pooling:
                    slot = next(slots)
                for pixel_number, (oy, ox) in enumerate(pixels):
                    y = (self.tile.y + oy) * self.window.stride[0] - self.window.padding.top + ky * self.window.dilation[0]
                    x = (self.tile.x + ox) * self.window.stride[1] - self.window.padding.left + kx * self.window.dilation[1]
                    act = (self.pad_value,) * config().rows
                    if 0 <= y < height and 0 <= x < width:
                        at = word + (group // slices if pooling else 0)
                        act = memory[self.source.base + (y * width + x) * self.source.words_per_pixel + at]
                    tile_last = pixel_number == len(pixels) - 1
                    yield Word(
                        act, tap_number == 0, tile_last, tile_last and tap_number == len(taps) - 1, slot, group % slices if pooling else 0
                    )


class Driver:
    """Plays the memory's, the loader's and the post-processor's part, and compares every word."""

    def __init__(self, dut: Any, jobs: list[Job]) -> None:
        self.dut, self.jobs = dut, deque(jobs)
        rows = config().rows
        self.memory = [tuple(random.randrange(-128, 128) for _ in range(rows)) for _ in range(1 << len(dut.read_addr))]
        self.slices = config().slices
        slots = itertools.cycle(range(config().slots))
        self.expected: deque[tuple[Operation, Word]] = deque()
        for job in jobs:
            self.expected.extend((job.operation, word) for word in job.words(self.memory, slots, self.slices))
        self.counts = dict.fromkeys(("take_tile", "take_bank", "slot_released", "issue"), 0)
        convolutions = [job for job in jobs if job.operation is Operation.CONV]
        tiles = sum(job.groups * job.window.kernel[0] * job.window.kernel[1] * job.channel_words for job in convolutions)
        self.totals = {
            "take_tile": tiles,
            "take_bank": sum(job.groups for job in jobs),
            "slot_released": tiles,
            "issue": len(self.expected),
        }
        self.received = 0
        self.cycles = 0
        self.gaps = 0  # cycles without a word between the first word and the last

    async def run(self, ready: float) -> None:
        """Until every word has come.  ready: probability with which each of the levels that the feeder waits for is up in a cycle."""
        dut = self.dut
        levels = ("weights_ready", "bank_ready", "drained")
        await start(dut, command__valid=0, command__payload=0, read_data=0, **dict.fromkeys(levels, 0))
        answers: deque[int | None] = deque([None] * (HostPort.read_latency(config()) - 1))
        offered = False
        begun = False
        while self.expected:
            if not offered and self.jobs:
                dut.command__payload.value, dut.command__valid.value, offered = self.jobs[0].payload(), 1, True
            up = {level: random.random() < ready for level in levels}
            up["drained"] &= self.counts["issue"] == self.received  # nothing of the layer before is under way
            for level, value in up.items():
                getattr(dut, level).value = int(value)
            await RisingEdge(dut.clk)
            if offered and int(dut.command__ready.value):
                self.jobs.popleft()
                dut.command__valid.value, offered = 0, False
            self.check_pulses(up)
            answers.append(join(self.memory[int(dut.read_addr.value)], 8) if int(dut.read_en.value) else None)
            if (data := answers.popleft()) is not None:
                dut.read_data.value = data
            valid = self.check_word()
            begun |= valid
            self.gaps += begun and not valid
            self.cycles += 1
            assert self.cycles < 200_000, f"{len(self.expected)} words have not come"
        for level in levels:
            getattr(dut, level).value = 1
        for _ in range(Feeder.latency(config()) + 5):
            await RisingEdge(dut.clk)
            assert not int(dut.control.value) & 1, "a word too many"
        assert self.counts == self.totals

    def check_pulses(self, up: dict[str, bool]) -> None:
        """Pulses are counted; nothing is taken that is not there."""
        pulses = {name: bool(int(getattr(self.dut, name).value)) for name in self.counts}
        for name, value in pulses.items():
            self.counts[name] += value
        assert up["weights_ready"] or not pulses["take_tile"], "a tile was taken before its weights were there"
        assert up["bank_ready"] or not pulses["take_bank"], "a bank was taken that was not free"

    def check_word(self) -> bool:
        """Compares the word that leaves, if one does."""
        dut = self.dut
        control = int(dut.control.value)
        if not control & 1:
            return False
        assert self.expected, "a word too many"
        operation, word = self.expected.popleft()
        self.received += 1
        act = tuple(getattr(dut, f"act__{r}").value.to_signed() for r in range(config().rows))
        pooling = operation is not Operation.CONV  # the others use the slot
        slot = word.slot if pooling else int(dut.slot.value)
        act_slice = int(dut.act_slice.value) if pooling and self.slices > 1 else word.act_slice
        got = Word(act, bool(control & 2), bool(control & 4), bool(control & 8), slot, act_slice)
        assert int(dut.operation.value) == operation
        assert got == word, f"{len(self.expected)} words before the end: expected {word}, got {got}"
        return True


def job(layer: int, operation: Operation, *, barrier: bool) -> Job:
    """A random shape: kernel, stride, padding on each side, dilation, part of the output; small enough for the memory."""
    cfg = config()
    while True:
        height, width, channels = random.randint(1, 7), random.randint(1, 7), random.randint(1, 3 * cfg.rows)
        pooling = operation is not Operation.CONV
        words = -(-channels // cfg.rows)
        sides = (0, 0, 0, 0) if pooling else tuple(random.randint(0, 2) for _ in range(4))
        kernel = (random.randint(1, 4), random.randint(1, 4))
        window = Window(kernel, (random.randint(1, 3), random.randint(1, 3)), Padding(*sides), (random.randint(1, 2), random.randint(1, 2)))
        rows, cols = window.output_size(height, width)
        size = height * width * words
        if rows < 1 or cols < 1 or size >= cfg.act_depth:
            continue
        tile_rows, tile_cols = random.randint(1, rows), random.randint(1, cols)
        tile = Tile(random.randint(0, rows - tile_rows), random.randint(0, cols - tile_cols), tile_rows, tile_cols)
        groups = -(-channels // cfg.pool_channels) if pooling else random.randint(1, 3)
        source = Placement(random.randrange(cfg.act_depth - size), (height, width, channels), words)
        return Job(operation, source, window, tile, groups, 1 if pooling else words, random.randrange(-128, 128), barrier, layer)


def jobs(count: int, *, barriers: bool) -> list[Job]:
    """Layers of random kinds and shapes; without barriers, pixel tiles of one layer, which share their kind and padding value."""
    kinds = (Operation.CONV, Operation.CONV, Operation.MAX_POOL, Operation.AVERAGE_POOL)
    if barriers:
        return [job(layer % 256, random.choice(kinds), barrier=True) for layer in range(count)]
    kind, pad_value = random.choice(kinds), random.randrange(-128, 128)
    return [replace(job(0, kind, barrier=False), pad_value=pad_value) for _ in range(count)]


@cocotb.test()
async def without_waiting(dut: Any) -> None:
    """Everything the feeder could wait for is there: a word in every cycle, also from tile to tile and from group to group."""
    driver = Driver(dut, jobs(1, barriers=False))
    await driver.run(1.0)
    assert driver.gaps == 0


@cocotb.test()
async def tiles_of_a_layer(dut: Any) -> None:
    """Descriptors without a barrier follow each other with one cycle between them, in which the next is taken."""
    driver = Driver(dut, jobs(12, barriers=False))
    await driver.run(1.0)
    assert driver.gaps == 11


@cocotb.test()
async def with_waiting(dut: Any) -> None:
    """Weights, banks and the last write of the layer before come late, in any combination."""
    await Driver(dut, jobs(40, barriers=True)).run(0.4)


@cocotb.test()
async def many_layers(dut: Any) -> None:
    """Many shapes at full speed."""
    await Driver(dut, jobs(60, barriers=True)).run(1.0)
