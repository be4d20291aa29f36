"""The feeder against a loop nest in Python that knows nothing of address steps."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pytest
from amaranth.hdl import Module

from golden.graph import Padding, Window
from hwgen.compiler.placement import Placement
from hwgen.compiler.tiling import Tile
from hwgen.compiler.walk import walk
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import BY_NAME, Operation
from hwgen.gateware.feeder import Feeder
from hwgen.gateware.ram import Ram
from tests.hwgen.feeding import connect_memory

CONFIG = AcceleratorConfig(rows=4, cols=2, lanes=1)
DEPTH = 512


@dataclass(frozen=True)
class Layer:
    """A map in memory, a window that goes over it `walks` times, and the rectangle of outputs to compute."""

    shape: tuple[int, int, int]
    window: Window
    tile: Tile | None = None
    groups: int = 1
    operation: Operation = Operation.CONV
    base: int = 5
    pad_value: int = -7
    barrier: int = 0
    walks: int = 1

    @property
    def source(self) -> Placement:
        return Placement(self.base, self.shape, -(-self.shape[2] // CONFIG.rows))

    @property
    def outputs(self) -> Tile:
        return self.tile or Tile(0, 0, *self.window.output_size(*self.shape[:2]))

    @property
    def channel_words(self) -> int:
        return self.source.words_per_pixel if self.operation is Operation.CONV else 1

    @property
    def words(self) -> int:
        return self.groups * self.walks * math.prod(self.window.kernel) * self.channel_words * self.outputs.pixels

    def descriptor(self, layer: int) -> dict[str, int]:
        fields = walk(self.source, self.window, self.outputs, channel_words=self.channel_words)
        rest = {"operation": self.operation, "pad_value": self.pad_value, "groups": self.groups, "barrier": self.barrier, "layer": layer}
        return dict.fromkeys(BY_NAME, 0) | fields | rest | {"extra_walks": self.walks - 1}


@dataclass(frozen=True)
class Word:
    """A word that enters the array: its activations, what accompanies it, and the memory word read for it (None in the padding)."""

    acts: tuple[int, ...]
    slot: int
    act_slice: int
    operation: int
    first: int
    tile_last: int
    group_last: int
    address: int | None


def expected(layers: list[Layer], memory: np.ndarray) -> Iterator[Word]:
    """memory: int8[DEPTH, R]."""
    slot = 0
    for layer in layers:
        (height, width, _), window, out = layer.shape, layer.window, layer.outputs
        convolves = layer.operation is Operation.CONV
        slices = CONFIG.rows // CONFIG.pool_channels
        for group in range(layer.groups):
            tiles = list(product(*map(range, (layer.walks, *window.kernel, layer.channel_words))))
            for number, (_, ky, kx, word) in enumerate(tiles):
                pixels = list(product(range(out.y, out.y + out.rows), range(out.x, out.x + out.cols)))
                for position, (oy, ox) in enumerate(pixels):
                    y = oy * window.stride[0] - window.padding.top + ky * window.dilation[0]
                    x = ox * window.stride[1] - window.padding.left + kx * window.dilation[1]
                    inside = 0 <= y < height and 0 <= x < width
                    place = word if convolves else group // slices
                    address = layer.base + (y * width + x) * layer.source.words_per_pixel + place
                    tile_last = position == len(pixels) - 1
                    yield Word(
                        tuple(memory[address].tolist()) if inside else (layer.pad_value,) * CONFIG.rows,
                        slot,
                        0 if convolves else group % slices,
                        int(layer.operation),
                        int(number == 0),
                        int(tile_last),
                        int(tile_last and number == len(tiles) - 1),
                        address if inside else None,
                    )
                slot = (slot + convolves) % CONFIG.slots


@dataclass
class Trace:
    """What came out, and when: words, cycles of their issue, cycles with each pulse, what each cycle was spent on."""

    words: list[Word]
    issues: list[int]
    pulses: dict[str, list[int]]
    spent: list[str]
    layers: list[int]


PULSES = ("take_tile", "take_bank", "slot_released")


def feed(simulate, layers: list[Layer], *, ready: float = 1.0, seed: int = 0) -> tuple[Trace, np.ndarray]:
    """Feeds the layers, offered at once; `ready`: how often each of the three levels is high, `drained` never while words are under way."""
    rng = random.Random(seed)
    memory = np.random.default_rng(seed).integers(-128, 128, (DEPTH, CONFIG.rows)).astype(np.int8)
    m = Module()
    m.submodules.dut = dut = Feeder(CONFIG, (DEPTH - 1).bit_length())
    init = [int.from_bytes(row.tobytes(), "little") for row in memory]
    m.submodules.memory = ram = Ram(width=8 * CONFIG.rows, depth=DEPTH, init=init)
    connect_memory(m, CONFIG, dut, ram)
    trace = Trace([], [], {name: [] for name in PULSES}, [], [])
    total = sum(layer.words for layer in layers)

    async def testbench(ctx):
        waiting = [layer.descriptor(number) for number, layer in enumerate(layers)]
        addresses: list[int | None] = []
        cycle = 0
        while len(trace.words) < total:
            assert cycle < 100 + 20 * total, "words are missing"
            ctx.set(dut.command.valid, bool(waiting))
            if waiting:
                ctx.set(dut.command.payload, waiting[0])
            under_way = bool(trace.issues) and cycle - trace.issues[-1] <= Feeder.latency(CONFIG)
            for level, possible in ((dut.weights_ready, True), (dut.bank_ready, True), (dut.drained, not under_way)):
                ctx.set(level, possible and rng.random() < ready)
            if ctx.get(dut.issue):
                trace.issues.append(cycle)
                addresses.append(ctx.get(dut.read_addr) if ctx.get(dut.read_en) else None)
            else:
                assert not ctx.get(dut.read_en)
            for name in PULSES:
                if ctx.get(getattr(dut, name)):
                    trace.pulses[name].append(cycle)
            reasons = [name for name in ("issue", "waits_post", "waits_weights") if ctx.get(getattr(dut, name))]
            assert len(reasons) <= 1
            trace.spent.append("".join(reasons))
            trace.layers.append(ctx.get(dut.layer))
            if ctx.get(dut.control.valid):
                assert cycle == trace.issues[len(trace.words)] + Feeder.latency(CONFIG)
                control = [ctx.get(getattr(dut.control, name)) for name in ("first", "tile_last", "group_last")]
                acts = tuple(ctx.get(act) for act in dut.act)
                operation = int(ctx.get(dut.operation))
                # Without meaning in a convolution, and not there where a word is one slice.
                act_slice = ctx.get(dut.act_slice) if operation != Operation.CONV and CONFIG.slices > 1 else 0
                beside = ctx.get(dut.slot), act_slice, operation
                trace.words.append(Word(acts, *beside, *control, addresses[len(trace.words)]))
            if waiting and ctx.get(dut.command.ready):
                waiting.pop(0)
            await ctx.tick()
            cycle += 1

    simulate(m, testbench)
    return trace, memory


SAME = Padding(1, 1, 1, 1)
LAYERS = {
    "one pixel": [Layer((1, 1, 4), Window((1, 1)))],
    "3x3 with padding": [Layer((4, 5, 3), Window((3, 3), padding=SAME))],
    "padding of one side only": [Layer((3, 4, 4), Window((2, 3), padding=Padding(0, 1, 2, 0)))],
    "padding wider than the map": [Layer((2, 1, 4), Window((3, 2), padding=Padding(3, 2, 1, 4)))],
    "stride beyond the kernel": [Layer((7, 8, 2), Window((2, 1), (3, 2), Padding(1, 0, 0, 1)))],
    "stride into the padding": [Layer((5, 6, 3), Window((3, 3), (2, 3), Padding(1, 2, 1, 1)))],
    "dilation": [Layer((7, 6, 4), Window((3, 2), (1, 2), Padding(2, 1, 1, 3), (2, 3)))],
    "several channel words and groups": [Layer((3, 4, 11), Window((2, 2), padding=SAME), groups=3)],
    "kernel of the whole map": [Layer((3, 2, 9), Window((3, 2)), groups=2)],
    "part of the outputs": [Layer((6, 7, 5), Window((3, 3), (1, 2), SAME), Tile(3, 1, 2, 2))],
    "one row of the outputs": [Layer((5, 9, 4), Window((3, 3), padding=SAME), Tile(2, 4, 1, 3), groups=2)],
    "max pooling along slices and words": [Layer((4, 4, 11), Window((2, 2), (2, 2)), groups=6, operation=Operation.MAX_POOL)],
    "average pooling of part": [Layer((5, 5, 4), Window((3, 2)), Tile(1, 1, 2, 3), groups=2, operation=Operation.AVERAGE_POOL)],
    "kernels walked again": [
        Layer((3, 4, 7), Window((2, 3), padding=SAME), groups=2, walks=3, base=40),
        Layer((3, 4, 3), Window((1, 1)), groups=2, walks=2, barrier=1),
    ],
    "pixel tiles of one layer": [
        Layer((6, 4, 4), Window((3, 3), padding=SAME), Tile(0, 0, 2, 4), groups=2, barrier=1),
        Layer((6, 4, 4), Window((3, 3), padding=SAME), Tile(2, 0, 3, 4), groups=2),
        Layer((6, 4, 4), Window((3, 3), padding=SAME), Tile(5, 0, 1, 4), groups=2),
    ],
    "three layers": [
        Layer((4, 4, 4), Window((2, 2)), groups=2, pad_value=100),
        Layer((3, 3, 6), Window((3, 3), padding=SAME), base=50, pad_value=-128, barrier=1),
        Layer((2, 2, 2), Window((1, 1)), base=77, pad_value=127, barrier=1),
    ],
}


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS.keys())
def test_words(simulate, layers):
    trace, memory = feed(simulate, layers)
    assert trace.words == list(expected(layers, memory))


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS.keys())
def test_waiting_changes_nothing_but_time(simulate, layers):
    trace, memory = feed(simulate, layers, ready=0.4, seed=1)
    assert trace.words == list(expected(layers, memory))


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS.keys())
def test_no_bubble(simulate, layers):
    """With everything ready a word is issued in every cycle, across tiles and groups, but those at barriers and one at the
    other descriptors."""
    trace, _ = feed(simulate, layers)
    at = 1
    for layer in layers:
        at += (Feeder.latency(CONFIG) if layer.barrier else 1) if at > 1 else 0
        assert trace.issues[: layer.words] == list(range(at, at + layer.words))
        del trace.issues[: layer.words]
        at += layer.words


@pytest.mark.parametrize("ready", [1.0, 0.4])
def test_credits_are_taken_once_for_each_tile_and_group(simulate, ready):
    layers = LAYERS["several channel words and groups"]
    trace, _ = feed(simulate, layers, ready=ready)
    pixels, tiles = layers[0].outputs.pixels, 3 * 4 * 3
    assert trace.pulses["take_tile"] == trace.issues[::pixels]
    assert len(trace.pulses["take_tile"]) == tiles
    assert trace.pulses["slot_released"] == trace.issues[pixels - 1 :: pixels]
    assert trace.pulses["take_bank"] == trace.issues[:: pixels * 12]


def test_credits_are_looked_at_in_the_first_cycle_of_a_tile_and_a_group_alone(simulate):
    """Weights and bank are shown ready when the first word of a tile, and of a group, is due, and never else: no word waits."""
    layer = Layer((1, 4, 8), Window((1, 2)), groups=3)
    tile, group = layer.outputs.pixels, layer.words // layer.groups
    dut = Feeder(CONFIG, (DEPTH - 1).bit_length())
    issued = []

    async def testbench(ctx):
        ctx.set(dut.command.payload, layer.descriptor(0))
        for cycle in range(layer.words + 5):
            ctx.set(dut.command.valid, cycle == 0)
            ctx.set(dut.weights_ready, len(issued) % tile == 0)
            ctx.set(dut.bank_ready, len(issued) % group == 0)
            if ctx.get(dut.issue):
                issued.append(cycle)
            await ctx.tick()

    simulate(dut, testbench)
    assert (tile, group) == (3, 12)
    assert issued == list(range(1, 1 + layer.words))


def test_pooling_takes_banks_but_no_weights(simulate):
    trace, _ = feed(simulate, LAYERS["max pooling along slices and words"])
    assert trace.pulses["take_tile"] == trace.pulses["slot_released"] == []
    assert len(trace.pulses["take_bank"]) == 6


def test_every_cycle_is_accounted_for(simulate):
    """A cycle with a descriptor issues or waits, for one reason; the wait at a barrier counts for the layer before."""
    layers = LAYERS["three layers"]
    trace, _ = feed(simulate, layers, ready=0.3, seed=3)
    # In the cycle in which it takes a descriptor it does neither.
    assert trace.spent[1 : trace.issues[-1] + 1].count("") == len(layers) - 1
    ends = np.cumsum([layer.words for layer in layers])
    firsts = [trace.issues[0], *(trace.issues[end] for end in ends[:-1])]
    for number, (first, last) in enumerate(zip(firsts, [*firsts[1:], trace.issues[-1]], strict=True)):
        until = last if number == 2 else last - 1
        shown = trace.layers[first : until + 1]
        waiting = trace.spent[first : until + 1]
        # The next layer's number shows from the cycle in which its barrier is passed; it may still wait for a bank or weights then.
        change = next((i for i, layer in enumerate(shown) if layer != number), len(shown))
        assert set(waiting[change:]) <= {"waits_post", "waits_weights"}
        assert set(shown[change:]) <= {number + 1}


def test_a_barrier_holds_until_everything_is_drained(simulate):
    """With `drained` low the second layer does not start, whatever else is ready; a barrier is passed once."""
    first = Layer((1, 2, 4), Window((1, 1)))
    second = replace(first, barrier=1, groups=2)
    issued = []

    m = Module()
    m.submodules.dut = dut = Feeder(CONFIG, (DEPTH - 1).bit_length())

    async def testbench(ctx):
        waiting = [first.descriptor(0), second.descriptor(1)]
        ctx.set(dut.weights_ready, 1)
        ctx.set(dut.bank_ready, 1)
        for cycle in range(40):
            ctx.set(dut.drained, cycle == 20)  # one cycle is enough, and the groups after it need it no more
            ctx.set(dut.command.valid, bool(waiting))
            if waiting:
                ctx.set(dut.command.payload, waiting[0])
            if ctx.get(dut.issue):
                issued.append(cycle)
            if waiting and ctx.get(dut.command.ready):
                waiting.pop(0)
            await ctx.tick()

    simulate(m, testbench)
    assert issued == [1, 2, 20, 21, 22, 23]
