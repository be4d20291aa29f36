"""Bench of the post-processor: from accumulator banks to activation writes, for every rescale format and kind of layer."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge

from golden.rescale import Rescale
from hwgen.compiler.reciprocal import identity, reciprocal
from hwgen.descriptor import BY_NAME, Operation, encode
from hwgen.gateware.post_processor import PostProcessor
from hwgen.gateware.ram import READ_LATENCY
from hwgen.params import encode_record, shifts
from sim.benches.cycle import config, join, start
from sim.benches.rescale_vectors import factors, values

#: Pixels that hold every tie of a channel, and its extremes (see `rescale_vectors`).
EVERY_TIE = 640


@dataclass(frozen=True)
class Work:
    """A descriptor for the post-processor: its fields, its records, its groups' banks int64[pixels, C], and the writes to expect
    as (address, place in the word, lanes' bytes)."""

    fields: Mapping[str, int]
    records: Sequence[int]
    banks: Sequence[Any]
    writes: Sequence[tuple[int, int, tuple[int, ...]]]


def make_work(layer: int, rescale: Rescale, sums: Any, shape: tuple[int, int], clamp: tuple[int, int, int], **fields: int) -> Work:
    """Work on sums, int64[pixels, channels], the bias included; shape: rows and columns of the pixel tile; clamp: zero point, min, max.

    A rescale of one channel stands for all of them (pooling).
    """
    cfg = config()
    pooling = fields.get("operation", Operation.CONV) != Operation.CONV
    group_channels = cfg.pool_channels if pooling else cfg.cols
    pixels, channels = sums.shape
    zero_point, act_min, act_max = clamp
    averages = fields.get("operation") == Operation.AVERAGE_POOL
    rescaled = np.sign(sums) * rescale.apply(np.abs(sums)) if averages else rescale.apply(sums)
    lane_groups, groups, per_group = -(-channels // cfg.lanes), -(-channels // group_channels), group_channels // cfg.lanes
    # Lanes beyond the channels work along on whatever there is; their bytes are not looked at.
    padded = np.zeros((pixels, lane_groups * cfg.lanes), np.int64)
    padded[:, :channels] = np.clip(rescaled + zero_point, act_min, act_max)

    right, left = shifts(rescale)
    count = 1 if pooling else channels
    bias = [0] if pooling else [random.randint(-(1 << cfg.acc_bits - 1), (1 << cfg.acc_bits - 1) - 1) for _ in range(channels)]
    constants = [
        dict(zip(("multiplier", "right_shift", "left_shift"), (int(a[c]) for a in (rescale.multiplier, right, left)), strict=True))
        for c in range(count)
    ]
    records = [encode_record(cfg, {"bias": bias[c], **constants[c]}) for c in range(count)]
    if not pooling:
        records += [records[-1]] * (-channels % cfg.lanes)
    banks = []
    for group in range(groups):
        bank = np.zeros((pixels, cfg.cols), np.int64)
        part = slice(group * group_channels, min(channels, (group + 1) * group_channels))
        bank[:, : part.stop - part.start] = sums[:, part] - (0 if pooling else np.array(bias)[part])
        banks.append(bank)

    in_words = cfg.rows // cfg.lanes
    place = random.randrange(in_words)
    step_x = random.randrange(1, 5)
    step_y = random.randrange(1, 40)
    base = random.randrange(1 << address_bits())
    writes = []
    for lane_group in range(lane_groups):
        word, at = divmod(place + lane_group, in_words)
        for pixel in range(pixels):
            y, x = divmod(pixel, shape[1])
            address = (base + word + y * step_y + x * step_x) % (1 << address_bits())
            data = tuple(padded[pixel, lane_group * cfg.lanes : (lane_group + 1) * cfg.lanes].tolist())
            real = min(cfg.lanes, channels - lane_group * cfg.lanes)
            writes.append((address, at, data[:real]))
    values = {
        **dict.fromkeys(BY_NAME, 0),
        "layer": layer,
        "groups": groups,
        "pixels": pixels,
        "pixels_y": shape[0],
        "pixels_x": shape[1],
        "lane_groups": per_group,
        "lane_groups_last": lane_groups - (groups - 1) * per_group,
        "lane_place": place,
        "param_step": int(not pooling),
        "output_zero_point": zero_point,
        "act_min": act_min,
        "act_max": act_max,
        "output_address": base,
        "output_step_x": step_x,
        "output_step_y": step_y,
        **{name: int(value) for name, value in fields.items()},
    }
    return Work(values, records, banks, writes)


def address_bits() -> int:
    """Bits of an activation address of the component under test."""
    return (config().act_depth - 1).bit_length()


class Driver:
    """Plays the feeder's and the memories' part."""

    def __init__(self, dut: Any, works: Sequence[Work]) -> None:
        self.dut, self.config = dut, config()
        self.params: list[int] = []
        self.commands: deque[int] = deque()
        self.banks: list[tuple[Any, int, bool]] = []  # contents, reads of it, whether it is pooled
        self.layer_start: list[int] = []  # of each bank: the first bank of its layer
        self.expected: deque[tuple[int, int, int, tuple[int, ...]]] = deque()
        for work in works:
            fields = {**work.fields, "param_address": len(self.params)}
            self.params += work.records
            self.commands.append(join(encode(fields), 32))
            self.expected.extend((fields["layer"], *write) for write in work.writes)
            first = len(self.banks)
            for number, bank in enumerate(work.banks):
                self.layer_start.append(first)
                last = number == len(work.banks) - 1
                reads = len(bank) * fields["lane_groups_last" if last else "lane_groups"]
                self.banks.append((bank, reads, fields["operation"] != Operation.CONV))
        self.cycle = self.full = self.group = self.reads = self.released = self.done = 0
        self.release_cycle: dict[int, int] = {}

    async def run(self, eager: float) -> None:
        """Until all is written.  eager: probability with which a complete bank and a descriptor are handed over in a cycle."""
        dut = self.dut
        await start(dut, command__valid=0, command__payload=0, bank_full=0, bank_read_data=0, param_read_data=0)
        bank_data: deque[int | None] = deque([None] * (READ_LATENCY - 1))
        param_data: deque[int | None] = deque([None] * (READ_LATENCY - 1))
        offered = filled = False
        idle = 0
        while self.expected or self.done < len(self.banks):
            if not offered and self.commands and random.random() < eager:
                dut.command__payload.value, dut.command__valid.value, offered = self.commands[0], 1, True
            filled = self.may_fill() and random.random() < eager
            dut.bank_full.value = int(filled)
            await RisingEdge(dut.clk)
            self.full += filled
            if offered and int(dut.command__ready.value):
                self.commands.popleft()
                dut.command__valid.value, offered = 0, False
            bank_data.append(self.read_bank() if int(dut.bank_read_en.value) else None)
            if (data := bank_data.popleft()) is not None:
                dut.bank_read_data.value = data
            param_data.append(self.params[int(dut.param_read_addr.value) % len(self.params)] if int(dut.param_read_en.value) else None)
            if (data := param_data.popleft()) is not None:
                dut.param_read_data.value = data
            self.count_pulses()
            idle = 0 if self.check_write() else idle + 1
            assert idle < 500, f"no write for 500 cycles; {len(self.expected)} are missing"
            self.cycle += 1
        for _ in range(5):
            await RisingEdge(dut.clk)
            assert not int(dut.write_en.value), "a write too many"
        assert int(dut.idle.value), "not idle at the end"
        assert self.released == len(self.banks)

    def may_fill(self) -> bool:
        """Whether there is another bank to hand over: one is free, and everything of the layer before is in memory."""
        return self.full < len(self.banks) and self.full < self.group + 2 and self.done >= self.layer_start[self.full]

    def read_bank(self) -> int:
        """A read of the current bank, in the order of the lane groups; the next bank's turn comes after the last."""
        bank, reads, pooled = self.banks[self.group]
        assert self.group < self.full, "a bank is read before it is complete"
        assert int(self.dut.bank_read_bank.value) == self.group % 2
        pixel = int(self.dut.bank_read_addr.value)
        assert pixel == self.reads % len(bank)
        if self.group in self.release_cycle:
            # The feeder may issue one cycle after the release, and reaches the bank this many cycles later.
            lead = PostProcessor.bank_release_lead(self.config, pooled) + 1
            assert self.cycle < self.release_cycle[self.group] + 1 + lead, "the bank is read after it may have been filled again"
        self.reads += 1
        if self.reads == reads:
            self.group, self.reads = self.group + 1, 0
        return join(bank[pixel], self.config.acc_bits)

    def count_pulses(self) -> None:
        if int(self.dut.bank_release.value):
            self.release_cycle[self.released] = self.cycle
            self.released += 1
        self.done += int(self.dut.group_done.value)

    def check_write(self) -> bool:
        enable = int(self.dut.write_en.value)
        if not enable:
            return False
        assert self.expected, "a write too many"
        layer, address, place, data = self.expected.popleft()
        assert enable == 1 << place
        assert int(self.dut.write_layer.value) == layer
        assert int(self.dut.write_addr.value) == address
        word = int(self.dut.write_data.value)
        got = tuple(((word >> 8 * i & 0xFF) ^ 0x80) - 0x80 for i in range(len(data)))
        assert got == data, f"layer {layer}, address {address}: expected {data}, got {got}"
        return True


def clamps() -> list[tuple[int, int, int]]:
    """(zero point, act_min, act_max): plain, ReLU, ReLU6-like, and narrow ones."""
    return [(0, -128, 127), (-128, -128, 127), (127, -128, 127), (-3, -3, 127), (10, 10, 70), (0, 5, 5)]


def convolutions(pixels: int) -> list[Work]:
    """Layers whose accumulators are the extremes and the ties of their channels' rescale: one of that many pixels, some of fewer."""
    cfg = config()
    works = []
    for layer, clamp in enumerate(clamps()):
        channels = 2 * cfg.cols + random.randint(1, cfg.cols)
        rescale = factors(cfg.rescale, cfg.acc_bits, channels)
        tile = min(cfg.acc_depth, pixels if layer == 0 else 40)
        sums = np.stack([values(rescale, c, cfg.acc_bits, tile) for c in range(channels)], axis=1)
        works.append(make_work(layer, rescale, sums, (1, tile), clamp))
    for layer, (rows, cols) in enumerate([(1, 1), (1, 2), (2, 1), (3, 2), (2, 5)], start=len(works)):  # tiles of a few pixels, short groups
        channels = random.randint(1, 3 * cfg.cols)
        rescale = factors(cfg.rescale, cfg.acc_bits, channels)
        sums = np.stack([values(rescale, c, cfg.acc_bits, rows * cols) for c in range(channels)], axis=1)
        works.append(make_work(layer, rescale, sums, (rows, cols), clamps()[layer % 6]))
    return works


def poolings() -> list[Work]:
    """Max pooling, and average pooling over the counts that the format can divide by; sums include every tie and both extremes."""
    cfg = config()
    works = []
    for layer, count in enumerate((1, 2, 3, 4, 6, 9, 16, 49)):
        rescale = reciprocal(cfg.rescale, count)
        if rescale is None:
            continue
        pixels = min(cfg.acc_depth, 255 * count, 100)
        channels = random.randint(1, 3 * cfg.pool_channels)
        every = np.array([-128 * count, 127 * count, *range(-128 * count + count // 2, 127 * count, count)])
        sums = np.random.default_rng(layer).choice(every, (pixels, channels))
        works.append(make_work(layer, rescale, sums, (1, pixels), (0, -128, 127), operation=Operation.AVERAGE_POOL))
    channels = 3 * cfg.pool_channels
    sums = np.random.default_rng(1).integers(-128, 128, (12, channels))
    works.append(make_work(20, identity(cfg.rescale), sums, (3, 4), (0, -100, 99), operation=Operation.MAX_POOL))
    return works


@cocotb.test()
async def extremes_and_ties(dut: Any) -> None:
    """Banks and descriptors always at hand: full throughput."""
    await Driver(dut, convolutions(EVERY_TIE)).run(1.0)


@cocotb.test()
async def with_delays(dut: Any) -> None:
    """Banks and descriptors that come late."""
    await Driver(dut, convolutions(40)).run(0.05)


@cocotb.test()
async def pooling(dut: Any) -> None:
    """Halves away from zero, and the largest values unchanged."""
    await Driver(dut, poolings()).run(0.7)


@cocotb.test()
async def mixed(dut: Any) -> None:
    """Layers of all kinds one after the other."""
    works = [*convolutions(20), *poolings()]
    random.shuffle(works)
    await Driver(dut, works).run(1.0)
