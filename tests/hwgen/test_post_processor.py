"""The post-processor: what it writes and where, how it works off lane groups, and when it gives a bank back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest
from amaranth.hdl import Module

from golden.rescale import Rescale, RescaleFormat
from hwgen.compiler.reciprocal import reciprocal
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import ARRAY_OPERATIONS, BY_NAME, Operation
from hwgen.gateware.param_fetcher import ParamFetcher
from hwgen.gateware.post_processor import PostProcessor
from hwgen.gateware.ram import READ_LATENCY, Ram
from hwgen.params import encode_record, param_bits, shifts

FIXED = RescaleFormat.parse("fixed16")
CONFIGS = {
    "4x2, 1 lane": AcceleratorConfig(rows=4, cols=2, lanes=1, acc_depth=64, param_depth=64),
    "2x6, 2 lanes": AcceleratorConfig(rows=2, cols=6, lanes=2, acc_depth=64, param_depth=64, rescale=FIXED),
    "8x8, 4 lanes": AcceleratorConfig(rows=8, cols=8, lanes=4, acc_depth=64, param_depth=64),
    "8x2, 1 lane, pairs": AcceleratorConfig(rows=8, cols=2, lanes=1, acc_depth=64, param_depth=64),
    "4x4, 4 lanes": AcceleratorConfig(rows=4, cols=4, lanes=4, acc_depth=64, param_depth=64, acc_bits=24, rescale=FIXED),
}
ADDRESS_BITS = 10


@dataclass(frozen=True)
class Layer:
    """A rectangle of outputs for the post-processor: channels in groups of C, or of what a slice has, or of a pair of slices.

    offset: channels of the output before the first one.
    """

    rows: int
    cols: int
    channels: int
    operation: Operation = Operation.CONV
    address: int = 0
    params: int = 0
    clamp: tuple[int, int] = (-128, 127)
    zero_point: int = 0
    offset: int = 0
    paired: bool = False

    @property
    def share(self) -> int:
        """Slices of a group, whose pixels alternate in a bank."""
        return 1 + self.paired

    @property
    def through_array(self) -> bool:
        """Whether every channel has its own record."""
        return self.operation in ARRAY_OPERATIONS

    def words(self, config: AcceleratorConfig) -> int:
        """Of an output pixel."""
        return -(-(self.offset + self.channels) // config.rows)

    @property
    def pixels(self) -> int:
        return self.rows * self.cols

    def group_channels(self, config: AcceleratorConfig) -> int:
        return config.cols if self.operation is Operation.CONV else self.share * config.pool_channels

    def groups(self, config: AcceleratorConfig) -> int:
        return -(-self.channels // self.group_channels(config))

    def lane_groups(self, config: AcceleratorConfig) -> list[int]:
        """Of each group; lanes beyond the channels work along."""
        left = -(-self.channels // config.lanes)
        per_group = self.group_channels(config) // config.lanes
        return [min(per_group, left - group * per_group) for group in range(self.groups(config))]

    def descriptor(self, config: AcceleratorConfig, number: int) -> dict[str, int]:
        words, counts = self.words(config), self.lane_groups(config)
        first_word, byte = divmod(self.offset, config.rows)
        return dict.fromkeys(BY_NAME, 0) | {
            "operation": self.operation,
            "layer": number,
            "groups": len(counts),
            "pixels": self.pixels,
            "pixels_x": self.cols,
            "lane_groups": self.group_channels(config) // config.lanes,
            "lane_groups_last": counts[-1],
            "output_zero_point": self.zero_point,
            "act_min": self.clamp[0],
            "act_max": self.clamp[1],
            "paired": self.paired,
            "output_address": self.address + first_word,
            "lane_place": byte // config.lanes,
            "output_step_x": words,
            "output_step_y": (self.cols + 1) * words,  # a map one pixel wider than the rectangle
            "param_address": self.params,
            "param_step": int(self.through_array),
        }


@dataclass
class Observed:
    """Cycles of acceptance, bank_full, bank_release and group_done; reads as (cycle, group, pixel); writes as (cycle, address, place of
    the lane group in the word, bytes, layer)."""

    accepts: list[int] = field(default_factory=list)
    reads: list[tuple[int, int, int]] = field(default_factory=list)
    fulls: list[int] = field(default_factory=list)
    releases: list[int] = field(default_factory=list)
    dones: list[int] = field(default_factory=list)
    writes: list[tuple[int, int, int, tuple[int, ...], int]] = field(default_factory=list)


def constants(config: AcceleratorConfig, seed: int) -> tuple[list[int], Rescale, np.ndarray]:
    """Records for 64 channels, of which the last divides by 4; the rescale and the bias that they hold."""
    rng = np.random.default_rng(seed)
    factors = Rescale.from_real(config.rescale, np.exp2(rng.uniform(-14, -8, config.param_depth)))
    quarter = reciprocal(config.rescale, 4)
    assert quarter is not None
    multiplier = np.array([*factors.multiplier[:-1], quarter.multiplier[0]])
    shift = np.array([*factors.shift[:-1], quarter.shift[0]])
    bias = rng.integers(-(2**18), 2**18, config.param_depth)
    bias[-1] = 0
    rescale = Rescale(config.rescale, multiplier, shift)
    right, left = shifts(rescale)
    columns = zip(bias.tolist(), multiplier.tolist(), right.tolist(), left.tolist(), strict=True)
    records = [encode_record(config, {"bias": b, "multiplier": m, "right_shift": r, "left_shift": s}) for b, m, r, s in columns]
    return records, rescale, bias


def contents(config: AcceleratorConfig, layers: list[Layer], seed: int) -> list[np.ndarray]:
    """Accumulators of every group: int64[pixels, C], the pixels of a pair's slices in turns."""
    rng = np.random.default_rng(seed)
    reach = {Operation.AVERAGE_POOL: 4 * 128, Operation.MAX_POOL: 128}
    return [
        rng.integers(-reach.get(layer.operation, 2**19), reach.get(layer.operation, 2**19), (layer.share * layer.pixels, config.cols))
        for layer in layers
        for _ in range(layer.groups(config))
    ]


def expected(config: AcceleratorConfig, layers: list[Layer], seed: int) -> Iterator[tuple[int, int, tuple[int, ...], int]]:
    """The writes in their order: address, place in the word, bytes, layer."""
    _, rescale, bias = constants(config, seed)
    banks = iter(contents(config, layers, seed))
    for number, layer in enumerate(layers):
        words = layer.words(config)
        channel = 0
        for lane_groups in layer.lane_groups(config):
            bank = next(banks)
            for lane_group in range(lane_groups):
                slice_, part = divmod(lane_group, config.cols // config.lanes)
                for pixel in range(layer.pixels):
                    results = []
                    for lane in range(config.lanes):
                        acc = bank[pixel * layer.share + slice_, part * config.lanes + lane]
                        record = layer.params + (channel + lane if layer.through_array else 0)
                        constant = Rescale(config.rescale, rescale.multiplier[record : record + 1], rescale.shift[record : record + 1])
                        total = np.array([acc + bias[record]])
                        value = int(constant.apply(total)[0])
                        if layer.operation is Operation.AVERAGE_POOL:
                            value = int(np.sign(total[0]) * constant.apply(abs(total))[0])
                        results.append(int(np.clip(value + layer.zero_point, *layer.clamp)))
                    y, x = divmod(pixel, layer.cols)
                    word, byte = divmod(layer.offset + channel, config.rows)
                    yield layer.address + (y * (layer.cols + 1) + x) * words + word, byte // config.lanes, tuple(results), number
                channel += config.lanes


def run(simulate, config: AcceleratorConfig, layers: list[Layer], *, seed: int = 0, slow: bool = False) -> Observed:
    """Plays accumulators, feeder and program.  A bank's contents are gone as soon as the first word of the next group, issued right
    after the release, can reach it, and it is full again a cycle later.  `slow`: banks fill, and descriptors come, at random times."""
    rng = random.Random(seed)
    records, _, _ = constants(config, seed)
    m = Module()
    m.submodules.dut = dut = PostProcessor(config, ADDRESS_BITS)
    m.submodules.params = ram = Ram(width=param_bits(config), depth=config.param_depth, init=records)
    m.d.comb += [ram.read_en.eq(dut.param_read_en), ram.read_addr.eq(dut.param_read_addr), dut.param_read_data.eq(ram.read_data)]
    seen = Observed()
    groups = contents(config, layers, seed)
    owners = [number for number, layer in enumerate(layers) for _ in range(layer.groups(config))]
    mask = (1 << config.acc_bits) - 1

    async def testbench(ctx):
        waiting = [layer.descriptor(config, number) for number, layer in enumerate(layers)]
        banks: list[int | None] = [None, None]  # the group in each
        gone: list[int | None] = [None, None]  # from which cycle on a bank's contents are no more
        answers = [0] * READ_LATENCY
        cycle = filled = 0
        while len(seen.dones) < len(groups):
            assert cycle < 30_000
            full = filled < len(groups) and banks[filled % 2] is None and (not slow or rng.random() < 0.02)
            if full and filled and owners[filled] != owners[filled - 1]:
                full = len(seen.dones) == filled  # the barrier: layers are never in work together
            for bank in range(2):
                if gone[bank] == cycle:
                    banks[bank], gone[bank] = None, None
            if waiting and (not slow or rng.random() < 0.1):
                ctx.set(dut.command.valid, 1)
                ctx.set(dut.command.payload, waiting[0])
            accepted = bool(ctx.get(dut.command.valid) and ctx.get(dut.command.ready))
            ctx.set(dut.bank_full, full)
            ctx.set(dut.bank_read_data, answers.pop(0))
            answers.append(rng.getrandbits(config.cols * config.acc_bits))
            if ctx.get(dut.bank_read_en):
                bank, pixel = ctx.get(dut.bank_read_bank), ctx.get(dut.bank_read_addr)
                group = banks[bank]
                assert group is not None, "a bank is read that holds no complete group"
                seen.reads.append((cycle, group, pixel))
                answers[-1] = sum((value & mask) << (c * config.acc_bits) for c, value in enumerate(groups[group][pixel].tolist()))
            if ctx.get(dut.write_en):
                places = ctx.get(dut.write_en)
                assert places & (places - 1) == 0, "one lane group is written at a time"
                data = ctx.get(dut.write_data)
                values = tuple((data >> 8 * lane & 0xFF ^ 0x80) - 0x80 for lane in range(config.lanes))
                seen.writes.append((cycle, ctx.get(dut.write_addr), places.bit_length() - 1, values, ctx.get(dut.write_layer)))
            if ctx.get(dut.group_done):
                seen.dones.append(cycle)
            if ctx.get(dut.bank_release):
                group = len(seen.releases)
                assert (banks[group % 2], gone[group % 2]) == (group, None), "a bank is released that is not in work"
                seen.releases.append(cycle)
                gone[group % 2] = cycle + 1 + lead(config, layers[owners[group]]) + 1
            if full:
                seen.fulls.append(cycle)
                banks[filled % 2] = filled
                filled += 1
            wanted = sum(layer.groups(config) for layer in layers[: len(seen.accepts)])
            assert ctx.get(dut.idle) == (len([done for done in seen.dones if done < cycle]) == wanted)
            await ctx.tick()
            if accepted:
                seen.accepts.append(cycle)
                waiting.pop(0)
                ctx.set(dut.command.valid, 0)
            cycle += 1

    simulate(m, testbench)
    return seen


def lead(config: AcceleratorConfig, layer: Layer) -> int:
    return PostProcessor.bank_release_lead(config, not layer.through_array)


def layers_for(config: AcceleratorConfig) -> list[Layer]:
    """Full and partial last groups and lane groups, one pixel and a bankful, all operations, places within a word, clamps."""
    most = config.acc_depth
    average = {"operation": Operation.AVERAGE_POOL, "params": config.param_depth - 1}
    return [
        Layer(2, 3, 2 * config.cols + 1, address=3, zero_point=-7),
        Layer(1, 1, config.cols, address=40, params=20),
        Layer(1, 1, 3 * config.cols - 1, address=50, params=7, clamp=(-20, 50)),
        Layer(1, 2, 1, address=70, zero_point=127),
        Layer(2, 2, config.rows + 1, address=80, **average),
        Layer(most // 4, 4, config.cols + 1, address=100, params=30, zero_point=-128),
        Layer(1, 3, 2 * config.rows, address=700, params=3, operation=Operation.MAX_POOL),
        Layer(5, 7, config.cols, address=800, params=11),
        Layer(2, 3, config.rows + 1, address=30, params=5, operation=Operation.SUM, zero_point=-3),
        Layer(3, 2, config.pool_channels + 1, address=60, params=5, operation=Operation.ADD, offset=config.rows + config.lanes),
        Layer(1, 5, config.lanes, address=90, params=9, operation=Operation.MAX_POOL, offset=config.rows - config.lanes),
        Layer(2, 3, 2 * config.rows + 1, address=110, params=2, operation=Operation.DEPTHWISE),
        *(_paired(config) if config.depthwise_pairs else []),
    ]


def _paired(config: AcceleratorConfig) -> list[Layer]:
    """Whole pairs, a pair without a second slice, one that has part of it; a bankful and one pixel."""
    most, pair = config.acc_depth // 2, 2 * config.pool_channels
    kinds = [(2, 3, 2 * pair), (1, 1, pair + 1), (most // 8, 8, pair), (1, 2, 2 * pair - 1), (1, 1, 3 * pair)]
    return [
        Layer(rows, cols, channels, address=150 + 100 * number, params=number, operation=Operation.DEPTHWISE, paired=True)
        for number, (rows, cols, channels) in enumerate(kinds)
    ]


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
@pytest.mark.parametrize("slow", [False, True], ids=["always ready", "slow"])
def test_writes(simulate, config, slow):
    """Every write, in its order: address, place in the word, the rescaled bytes, the layer; in memory `latency` cycles after its
    read, behind the core's register with `overlap`."""
    layers = layers_for(config)
    seen = run(simulate, config, layers, slow=slow)
    assert [write[1:] for write in seen.writes] == list(expected(config, layers, 0))
    in_memory = [write[0] + config.overlap for write in seen.writes]
    assert in_memory == [cycle + PostProcessor.latency(config) for cycle, _, _ in seen.reads]


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
@pytest.mark.parametrize("slow", [False, True], ids=["always ready", "slow"])
def test_banks_are_released_as_early_as_possible_and_no_earlier(simulate, config, slow):
    layers = layers_for(config)
    seen = run(simulate, config, layers, slow=slow, seed=1)
    owners = [layer for layer in layers for _ in range(layer.groups(config))]
    assert len(seen.releases) == len(seen.dones) == len(owners)
    for group, (layer, release, done) in enumerate(zip(owners, seen.releases, seen.dones, strict=True)):
        reads = [cycle for cycle, where, _ in seen.reads if where == group]
        access = release + 1 + lead(config, layer) + 1  # of the next group's first word, at the earliest
        assert reads[-1] < access
        # The reads of the last lane group follow each other, so the release could come at its first read at the earliest.
        assert reads[-1] == access - 1 or release == reads[-layer.pixels]
        assert reads[-layer.pixels :] == list(range(reads[-layer.pixels], reads[-1] + 1))
        assert done == reads[-1] + PostProcessor.latency(config), "the last write"


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_lane_groups_follow_each_other_without_a_gap(simulate, config):
    """With as many pixels as the parameters take to come, or more; shorter ones start at that interval."""
    interval = ParamFetcher.interval(config)
    for pixels in (1, 2, interval - 1, interval, interval + 1, 40):
        seen = run(simulate, config, [Layer(1, pixels, 3 * config.cols)])
        begins = [cycle for cycle, _, pixel in seen.reads if pixel == 0]
        assert len(begins) == 3 * config.cols // config.lanes
        spaces = {later - earlier for earlier, later in pairwise(begins)}
        assert max(spaces, default=max(pixels, interval)) == max(pixels, interval)
        within = [cycle for cycle, group, _ in seen.reads if group == 0]
        assert within == [begins[0] + k * max(pixels, interval) + p for k in range(config.cols // config.lanes) for p in range(pixels)]


def test_the_lead_is_the_way_of_a_word_to_its_accumulators():
    """Feeder and path, less the memory that is read while the value comes; SPEC section 4 has the numbers."""
    config = AcceleratorConfig(rows=16, cols=8, lanes=4)
    assert PostProcessor.bank_release_lead(config, pooling=False) == 5 + (16 + 8 + 2) - 2 - 1
    assert PostProcessor.bank_release_lead(config, pooling=True) == 5 + 3 - 2 - 1
