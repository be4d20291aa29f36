"""The weight loader, cycle by cycle, against its schedule."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from amaranth.hdl import Module

from hwgen.config import AcceleratorConfig
from hwgen.descriptor import BY_NAME, Operation
from hwgen.gateware.ram import Ram
from hwgen.gateware.weight_loader import WeightLoader

CONFIGS = {
    "4 words a tile": AcceleratorConfig(rows=4, cols=4, lanes=1),
    "1 word a tile": AcceleratorConfig(rows=4, cols=2, lanes=1, weight_rows_per_cycle=4),
    "2 words a tile, 2 slots": AcceleratorConfig(rows=4, cols=4, lanes=1, weight_rows_per_cycle=2, weight_slots=2),
    "6 words a tile, 3 slots": AcceleratorConfig(rows=6, cols=2, lanes=1, weight_slots=3),
    "4 words a tile, 2 of depthwise": AcceleratorConfig(rows=8, cols=2, lanes=1, weight_rows_per_cycle=2, depthwise_rows=3),
    "2 words a tile, no depthwise": AcceleratorConfig(rows=4, cols=4, lanes=1, weight_rows_per_cycle=2, depthwise_rows=0),
}
MEMORY = 256


@dataclass(frozen=True)
class Command:
    """Tiles from an address on, offered from a cycle on; paired: two are used, and given back, at once."""

    tiles: int
    address: int
    offer: int
    depthwise: bool = False
    paired: bool = False

    def words(self, config: AcceleratorConfig) -> int:
        """Of a tile."""
        return -(-config.depthwise_rows // config.weight_rows_per_cycle) if self.depthwise else config.rows // config.weight_rows_per_cycle


def pairs(commands: list[Command]) -> list[bool]:
    """For every tile, whether it is used together with the one after it, or before it."""
    return [command.paired for command in commands for _ in range(command.tiles)]


@dataclass(frozen=True)
class Observed:
    """What the loader did: (cycle, address) of reads, cycles of tile_started and of acceptance, (cycle, enable, slot, data) of writes."""

    reads: list[tuple[int, int]]
    starts: list[int]
    accepts: list[int]
    writes: list[tuple[int, int, int, int]]


def contents(config: AcceleratorConfig) -> list[int]:
    rng = random.Random(7)
    return [rng.getrandbits(8 * config.weight_rows_per_cycle * config.cols) for _ in range(MEMORY)]


def observe(simulate, config: AcceleratorConfig, commands: list[Command], use: list[int], cycles: int) -> Observed:
    """use: activations of each tile, which the feeder issues from the cycle after the tile's start on, one tile after the other."""
    m = Module()
    m.submodules.dut = dut = WeightLoader(config, (MEMORY - 1).bit_length())
    m.submodules.memory = ram = Ram(width=len(dut.read_data), depth=MEMORY, init=contents(config))
    m.d.comb += [ram.read_en.eq(dut.read_en), ram.read_addr.eq(dut.read_addr), dut.read_data.eq(ram.read_data)]
    seen = Observed([], [], [], [])

    async def testbench(ctx):
        waiting = list(commands)
        releases: list[int] = []
        paired = pairs(commands)
        first_of_pair = False
        for cycle in range(cycles):
            offered = bool(waiting) and cycle >= waiting[0].offer
            ctx.set(dut.command.valid, offered)
            if offered:
                operation = Operation.DEPTHWISE if waiting[0].depthwise else Operation.CONV
                values = {"operation": operation, "tiles": waiting[0].tiles, "weight_address": waiting[0].address}
                ctx.set(dut.command.payload, dict.fromkeys(BY_NAME, 0) | values)
            ctx.set(dut.slot_released, releases.count(cycle))
            if ctx.get(dut.read_en):
                seen.reads.append((cycle, ctx.get(dut.read_addr)))
            if ctx.get(dut.tile_started):
                first_of_pair = paired[len(seen.starts)] and not first_of_pair
                seen.starts.append(cycle)
                if not first_of_pair:
                    release = max([cycle, *releases[-1:]]) + use[len(seen.starts) - 1]
                    releases += [release] * (len(seen.starts) - len(releases))
            if ctx.get(dut.weight_en):
                seen.writes.append((cycle, ctx.get(dut.weight_en), ctx.get(dut.weight_slot), ctx.get(dut.weight)))
            if offered and ctx.get(dut.command.ready):
                seen.accepts.append(cycle)
                waiting.pop(0)
            await ctx.tick()

    simulate(m, testbench)
    return seen


def schedule(config: AcceleratorConfig, commands: list[Command], use: list[int]) -> tuple[list[int], list[tuple[int, int]], list[int]]:
    """Acceptances, what is due to be read in the next cycle, and tile starts, from the rules of SPEC section 4."""
    accepts, reads, starts, releases = [], [], [], []
    idle_from = 0  # first cycle in which a command can be accepted
    for command in commands:
        accept = max(command.offer, idle_from)
        accepts.append(accept)
        cycle, address = accept + 1, command.address
        for tile in range(command.tiles):
            index = len(starts)
            if index >= config.slots:
                cycle = max(cycle, releases[index - config.slots] + config.slot_release_cycles)
            starts.append(cycle)
            if not command.paired or tile % 2:
                releases += [max([cycle, *releases[-1:]]) + use[index]] * (1 + command.paired)
            for _ in range(command.words(config)):
                reads.append((cycle, address))
                cycle, address = cycle + 1, address + 1
        idle_from = cycle if command.tiles else accept + 1
    return accepts, reads, starts


def check(simulate, config: AcceleratorConfig, commands: list[Command], use: list[int]) -> Observed:
    accepts, reads, starts = schedule(config, commands, use)
    seen = observe(simulate, config, commands, use, (reads[-1][0] if reads else 0) + 30)
    assert seen.accepts == accepts
    assert seen.reads == [(cycle + 1, address) for cycle, address in reads]
    assert seen.starts == starts
    data = contents(config)
    tiles = [command.words(config) for command in commands for _ in range(command.tiles)]
    places = [(word, tile % config.slots) for tile, words in enumerate(tiles) for word in range(words)]
    assert seen.writes == [
        (cycle + WeightLoader.latency(config), 1 << word, slot, data[address])
        for (cycle, address), (word, slot) in zip(reads, places, strict=True)
    ]
    return seen


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
@pytest.mark.parametrize("seed", range(3))
def test_against_the_schedule(simulate, config, seed):
    """Random commands, some of no tile, offered early and late; tiles used for a random time, so that slots run out and do not."""
    rng = random.Random(seed)
    commands, offer = [], 0
    for _ in range(6):
        tiles = rng.choice([0, 1, 1, 2, 5])
        depthwise = config.depthwise_rows > 0 and rng.random() < 0.5
        paired = depthwise and rng.random() < 0.5
        address = rng.randrange(MEMORY - 10 * config.words_per_tile)
        commands.append(Command(tiles * (1 + paired), address, offer, depthwise, paired))
        offer += rng.choice([0, 0, 3, 40])
    longest = rng.choice([2, 20])
    use = [rng.randrange(1, 2 + longest) for _ in range(100)]
    check(simulate, config, commands, use)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_the_interval_between_tiles(simulate, config):
    """Tiles of min_tile_pixels (SPEC section 4) follow each other with no cycle between them; shorter ones do not."""
    pixels = config.min_tile_pixels
    seen = check(simulate, config, [Command(12, 0, 0)], [pixels] * 12)
    first = seen.starts[0] + 1
    assert all(start < first + tile * pixels for tile, start in enumerate(seen.starts)), "a tile comes too late for its first activation"
    if pixels > config.words_per_tile:
        slow = observe(simulate, config, [Command(12, 0, 0)], [pixels - 1] * 12, 12 * pixels + 30)
        assert any(start >= slow.starts[0] + 1 + tile * (pixels - 1) for tile, start in enumerate(slow.starts)), "shorter tiles would do"


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_no_more_tiles_than_slots_are_started(simulate, config):
    """Without a release the loader fills the slots, at full speed, and stops."""
    seen = observe(simulate, config, [Command(config.slots + 3, 0, 0)], [10_000] * 99, 40 + config.slots * config.words_per_tile)
    assert len(seen.starts) == config.slots
    assert [cycle for cycle, _ in seen.reads] == list(range(2, 2 + config.slots * config.words_per_tile))
