"""The core as a whole, small, in Amaranth's simulator: results, cycles, counters, memories written by the host, reset in mid-run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import ClockDomain, Module

from golden import interpreter
from golden.graph import (
    Add,
    AveragePool2d,
    Concatenation,
    DepthwiseConv2d,
    Lookup,
    MaxPool2d,
    Mean,
    Pad,
    Padding,
    Requantize,
    Softmax,
    Window,
)
from golden.rescale import Rescale, RescaleFormat
from hwgen.compiler import Program, compile_graph
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import Operation
from hwgen.gateware.core import Core
from hwgen.gateware.host import HostPort
from hwgen.gateware.ram import READ_LATENCY
from hwgen.regmap import COUNTERS, MEMORIES
from hwgen.regmap import Window as Memory

BASE = AcceleratorConfig(
    rows=4, cols=4, lanes=2, acc_depth=16, act_depth=256, weight_depth=1024, param_depth=64, program_depth=512, max_layers=8
)
CONFIGS = {
    "4x4": BASE,
    "8x2, fixed16": replace(BASE, rows=8, cols=2, weight_rows_per_cycle=4, weight_slots=2, rescale=RescaleFormat.parse("fixed16")),
    "2x6, fixed32": replace(BASE, rows=2, cols=6, weight_rows_per_cycle=2, rescale=RescaleFormat.parse("fixed32"), acc_bits=24),
    "3x3": replace(BASE, rows=3, cols=3, lanes=3, acc_depth=5),
}
ROOMY = replace(BASE, act_depth=1024, program_depth=2048, max_layers=12, add_tables=2)
#: For the layers that take no ordinary way: pairs of slices, a narrow word, tables of accumulators narrower than a host word.
OTHERS = {
    "8x4, pairs": replace(ROOMY, rows=8, weight_rows_per_cycle=2),
    "2x6, fixed32": replace(ROOMY, rows=2, cols=6, lanes=1, acc_bits=30, rescale=RescaleFormat.parse("fixed32")),
    "6x3, pairs, one tap": replace(ROOMY, rows=6, cols=3, lanes=1, acc_depth=9, depthwise_rows=1),
}


def images(program: Program) -> dict[Memory, list[int]]:
    """Memory words as integers."""
    return {
        Memory.WEIGHT: [int.from_bytes(row.tobytes(), "little") for row in program.weights],
        Memory.PARAM: list(program.params),
        Memory.PROGRAM: list(program.words),
        Memory.TABLE: list(program.tables),
    }


class WatchedCore(Core):
    """The core, with its feeder to look at once it is elaborated."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        self.feeder = m.submodules.feeder
        return m


@dataclass
class Bench:
    """The core with the host's side of it."""

    program: Program
    preloaded: bool = True

    def __post_init__(self) -> None:
        self.module = Module()
        self.module.submodules.core = self.core = WatchedCore(self.program.config, images(self.program) if self.preloaded else {})
        self.module.domains.sync = self.domain = ClockDomain("sync")
        self.issues: list[bool] = []

    async def write(self, ctx: Any, memory: Memory, word: int, value: int) -> None:
        """Writes a memory word in 32-bit chunks, as the host port does."""
        core, bits = self.core, MEMORIES[memory].word_bits(self.program.config)
        for chunk in range(-(-bits // 32)):
            for member, given in (
                (core.mem_write, 1),
                (core.mem_window, memory),
                (core.mem_word, word),
                (core.mem_chunk, chunk),
                (core.mem_data, value >> 32 * chunk & 0xFFFFFFFF),
                (core.mem_strobe, 15),
            ):
                ctx.set(member, given)
            await ctx.tick()
        ctx.set(core.mem_write, 0)

    async def load(self, ctx: Any, contents: Mapping[Memory, Sequence[int]]) -> None:
        for memory, words in contents.items():
            for word, value in enumerate(words):
                await self.write(ctx, memory, word, value)

    async def put(self, ctx: Any, x: np.ndarray) -> None:
        """Writes the input, int8[H, W, C]; what lies beyond the channels, or the row of a dense input, is noise."""
        place = self.program.placements[self.program.graph.inputs[0]]
        rows = self.program.config.rows
        flat = x.reshape(place.shape[0], -1) if place.dense else x.reshape(-1, place.shape[2])
        noise = np.random.default_rng(0).integers(0, 256, (len(flat), -(-flat.shape[1] // rows) * rows)).astype(np.uint8)
        noise[:, : flat.shape[1]] = flat.view(np.uint8)
        for word, row in enumerate(noise.reshape(-1, rows)):
            await self.write(ctx, Memory.ACT, place.base + word, int.from_bytes(row.tobytes(), "little"))

    async def get(self, ctx: Any, name: str) -> np.ndarray:
        """Reads a tensor, int8[*its shape]."""
        place, rows = self.program.placements[name], self.program.config.rows
        words = []
        for word in range(place.words):
            ctx.set(self.core.act_read_en, 1)
            ctx.set(self.core.act_read_addr, place.base + word)
            await ctx.tick()
            ctx.set(self.core.act_read_en, 0)
            for _ in range(HostPort.read_latency(self.program.config) - 1):
                await ctx.tick()
            words.append(ctx.get(self.core.act_read_data).to_bytes(rows, "little"))
        stored = np.frombuffer(b"".join(words), np.int8).reshape(-1, place.words_per_pixel * rows)[:, : place.shape[2]]
        return stored.reshape(self.program.graph.tensors[name].shape)

    async def run(self, ctx: Any, *, cycles: int | None = None) -> None:
        """Starts and waits for the end, or for a number of cycles; `issues` then has whether the feeder issued, cycle by cycle."""
        ctx.set(self.core.start, 1)
        await ctx.tick()
        ctx.set(self.core.start, 0)
        self.issues = []
        while not (cycles is not None and len(self.issues) >= cycles):
            assert len(self.issues) < 50_000
            self.issues.append(bool(ctx.get(self.core.feeder.issue)))
            done = ctx.get(self.core.done)
            await ctx.tick()
            if done:
                assert not ctx.get(self.core.busy)
                return

    async def counters(self, ctx: Any) -> list[dict[str, int]]:
        """The counters of every layer."""
        found = []
        for layer in range(len(self.program.layers)):
            ctx.set(self.core.counter_layer, layer)
            for _ in range(READ_LATENCY + 2):
                await ctx.tick()
            word = ctx.get(self.core.counter_data)
            found.append({name: word >> 32 * i & 0xFFFFFFFF for i, name in enumerate(COUNTERS)})
        return found


def small(network: Any, config: AcceleratorConfig, seed: int = 0) -> Any:
    """Padding, strides, several pixel tiles and groups, both poolings, a fully connected end."""
    return (
        network(5, 6, 3, format=config.rescale, seed=seed)
        .conv(5, Window((3, 3), padding=Padding(1, 1, 1, 1)))
        .pool(MaxPool2d, Window((2, 2), (2, 2), Padding(1, 0, 0, 0)))
        .conv(7, Window((2, 1), (1, 2), Padding(0, 1, 1, 0)), act_min=-5)
        .pool(AveragePool2d, Window((2, 2), (1, 1)))
        .fully_connected(4)
    )


def depthwise(built: Any, window: Window, **options: Any) -> None:
    """Adds a depthwise convolution."""
    height, width, channels = built.tensor.shape
    weight = built.rng.integers(-127, 128, (*window.kernel, channels)).astype(np.int8)
    constants = {**built.weighted(np.moveaxis(weight, 2, 0), options), "weight": weight}
    name = f"depthwise_{len(built.ops)}"
    op = DepthwiseConv2d(name, (built.current,), f"{name}.out", window=window, **constants)
    built.add(op, (*window.output_size(height, width), channels), -128)


def residual(built: Any, other: str) -> None:
    """Adds another map of the shape to the current one."""
    a, b, out = (Rescale.from_real(built.format, factor) for factor in (0.5, 0.35, 2**-19))
    name = f"add_{len(built.ops)}"
    add = Add(name, (other, built.current), f"{name}.out", left_shift=20, rescale_a=a, rescale_b=b, rescale_out=out)
    built.add(add, built.tensor.shape, 11)


def separable(network: Any, config: AcceleratorConfig, seed: int = 0) -> Any:
    """A dense input, depthwise convolutions at strides 1, 2 and 3 and of several chunks, a residual add, a mean, a softmax on the host."""
    same = Padding(1, 1, 1, 1)
    built = network(4, 5, 1, format=config.rescale, seed=seed).conv(9, Window((3, 2), padding=same))
    depthwise(built, Window((3, 3), (1, 2), same))
    before = built.current
    depthwise(built, Window((3, 3), padding=same), weight_zero_point=built.rng.integers(-60, 60, 9).astype(np.int32))
    residual(built, before)
    depthwise(built, Window((1, 4), (3, 1), Padding(0, 0, 2, 1)))
    rescale = Rescale.from_real(config.rescale, 0.1)
    channels = built.tensor.shape[2]
    built.add(Mean("mean", (built.current,), "mean.out", axes=(0, 1), rescale=rescale), (1, 1, channels), 5)
    built.conv(3, Window((1, 1)), weight_zero_point=np.array([100, 0, -128], np.int32)).reshape(3)
    return built.add(Softmax("softmax", (built.current,), "softmax.out", multiplier=1 << 30, left_shift=22), (3,), -128)


def elementwise(network: Any, config: AcceleratorConfig, seed: int = 0) -> Any:
    """A pack pass if the configuration has a use for it, and every operator that takes one value at a time."""
    built = network(3, 3, 1, format=config.rescale, seed=seed).conv(8, Window((4, 2), padding=Padding(2, 1, 0, 1)))
    zero_point, (height, width, channels) = built.tensor.affine.zero_point, built.tensor.shape
    first = built.current
    table = built.rng.integers(-128, 128, 256).astype(np.int8)
    built.add(Lookup("lookup", (first,), "lookup.out", table=table), (height, width, channels))
    built.add(Concatenation("cat", (first, "lookup.out", first), "cat.out", axis=2), (height, width, 3 * channels))
    built.add(Pad("pad", ("cat.out",), "pad.out", padding=Padding(0, 1, 2, 0)), (height + 1, width + 2, 3 * channels))
    assert built.tensor.affine.zero_point == zero_point
    rescale = Rescale.from_real(config.rescale, 0.8)
    built.add(Requantize("requantize", ("pad.out",), "requantize.out", rescale=rescale, act_max=90), built.tensor.shape, -30)
    rescale = Rescale.from_real(config.rescale, 0.9 / (height + 1))
    return built.add(Mean("mean", (built.current,), "mean.out", axes=(0,), rescale=rescale), (1, width + 2, 3 * channels), 0)


#: Nothing overlaps; the narrowest descriptors that the networks need.
LEAN = {
    "4x2, lean": replace(ROOMY, cols=2, lanes=1, weight_slots=2, overlap=False, size_bits=6, add_tables=0),
    "2x4, lean, two lanes": replace(ROOMY, rows=2, lanes=2, overlap=False, rescale=RescaleFormat.parse("fixed16"), depthwise_rows=2),
    "6x3, lean": replace(ROOMY, rows=6, cols=3, lanes=3, overlap=False, acc_depth=5, rescale=RescaleFormat.parse("fixed32"), acc_bits=30),
}
NETWORKS = {
    **{f"{name}, windows": (small, config) for name, config in CONFIGS.items()},
    **{f"{name}, separable": (separable, config) for name, config in OTHERS.items()},
    **{f"{name}, elementwise": (elementwise, config) for name, config in OTHERS.items()},
    "4x2, lean, windows": (small, LEAN["4x2, lean"]),
    "2x4, lean, two lanes, elementwise": (elementwise, LEAN["2x4, lean, two lanes"]),
    "6x3, lean, separable": (separable, LEAN["6x3, lean"]),
}


def test_the_networks_take_every_way(network):
    """All operations, dense words, pairs, chunks, pack passes, kernels walked again, pixel tiles: what the networks are for."""
    programs = [compile_graph(make(network, config).graph(), config) for make, config in NETWORKS.values()]
    descriptors = [fields for program in programs for fields in program.descriptors]
    assert {fields["operation"] for fields in descriptors} == set(Operation)
    for name in ("dense", "paired", "table", "lane_place", "extra_walks"):
        assert any(fields[name] for fields in descriptors), name
    of_depthwise = [fields for fields in descriptors if fields["operation"] == Operation.DEPTHWISE]
    assert {fields["decimate"] for fields in of_depthwise} == {1, 2}
    assert any(fields["kernel_x"] > 1 for fields in of_depthwise), "chunks"
    assert any(fields["extra_walks"] and fields["groups"] > 1 for fields in of_depthwise)
    assert "pack" in {layer.kind for program in programs for layer in program.layers}
    assert any(program.host_ops for program in programs)


@pytest.mark.parametrize(("make", "config"), NETWORKS.values(), ids=NETWORKS.keys())
def test_a_network(simulate, network, make, config):
    """Twice in a row: the golden model's result, the cycle model's cycles layer by layer, counters that add up to the run."""
    built = make(network, config)
    program = compile_graph(built.graph(), config)
    inputs = built.inputs(2)
    expected = interpreter.run(program.device, inputs)
    bench = Bench(program)

    async def testbench(ctx):
        for x, y in zip(inputs, expected, strict=True):
            await bench.put(ctx, x)
            await bench.run(ctx)
            np.testing.assert_array_equal(await bench.get(ctx, program.device.outputs[0]), y)
            counters = await bench.counters(ctx)
            assert [sum(layer.values()) for layer in counters] == [layer.cycles for layer in program.layers]
            assert [layer["busy"] for layer in counters] == [layer.busy for layer in program.layers]
            assert ctx.get(bench.core.cycles) == program.cycles == len(bench.issues)
            assert sum(bench.issues) == sum(layer.busy for layer in program.layers)

    simulate(bench.module, testbench)


def test_a_map_reshaped_between_two_layers(simulate, network):
    """Nothing moves; the second layer sees rows of another length."""
    config = CONFIGS["4x4"]
    built = (
        network(3, 4, 5).conv(5, Window((1, 1))).reshape(2, 6, 5).conv(3, Window((2, 2), padding=Padding(0, 1, 1, 0))).fully_connected(3)
    )
    program = compile_graph(built.graph(), config)
    x = built.inputs(1)
    bench = Bench(program)

    async def testbench(ctx):
        await bench.put(ctx, x[0])
        await bench.run(ctx)
        np.testing.assert_array_equal(await bench.get(ctx, program.graph.outputs[0]), interpreter.run(program.graph, x)[0])

    simulate(bench.module, testbench)


def test_sums_that_wrap_on_the_way(simulate, network):
    """20-bit accumulators: sums of raw inputs leave them, the sums with the folded bias use all of them and do not (SPEC section 7)."""
    config = replace(BASE, acc_bits=20)
    weight = np.array([[127] * 32 + [48], [-127] * 32 + [-48]], np.int8).reshape(2, 1, 1, 33)
    built = network(1, 3, 33, zero_point=-128).conv(2, Window((1, 1)), weight=weight, bias=np.array([-(2**19), 2**19 - 1], np.int32))
    program = compile_graph(built.graph(), config)
    x = built.inputs(1)
    x[0, 0, 0], x[0, 0, 1] = -128, 127
    bench = Bench(program)

    async def testbench(ctx):
        await bench.put(ctx, x[0])
        await bench.run(ctx)
        np.testing.assert_array_equal(await bench.get(ctx, program.graph.outputs[0]), interpreter.run(program.graph, x)[0])

    simulate(bench.module, testbench)


@pytest.mark.parametrize("name", ["8x2, fixed16, windows", "8x4, pairs, separable"])
def test_memories_written_by_the_host(simulate, network, name):
    """Program, parameters, weights and tables come through the host's writes instead of images: other weights for the same hardware."""
    make, config = NETWORKS[name]
    built = make(network, config, seed=1)
    program = compile_graph(built.graph(), config)
    x = built.inputs(1)
    bench = Bench(program, preloaded=False)

    async def testbench(ctx):
        await bench.load(ctx, images(program))
        await bench.put(ctx, x[0])
        await bench.run(ctx)
        np.testing.assert_array_equal(await bench.get(ctx, program.device.outputs[0]), interpreter.run(program.device, x)[0])

    simulate(bench.module, testbench)


@pytest.mark.parametrize("when", [1, 20, 55, 130, 200, 333])
def test_reset_in_mid_run(simulate, network, when):
    """Memories stay, everything else begins anew: the next run is right and takes its usual cycles."""
    config = CONFIGS["4x4"]
    built = small(network, config)
    program = compile_graph(built.graph(), config)
    x = built.inputs(1)
    bench = Bench(program)
    assert when < program.cycles

    async def testbench(ctx):
        await bench.put(ctx, x[0])
        await bench.run(ctx, cycles=when)
        assert ctx.get(bench.core.busy)
        ctx.set(bench.domain.rst, 1)
        await ctx.tick()
        ctx.set(bench.domain.rst, 0)
        assert not ctx.get(bench.core.busy)
        await bench.put(ctx, x[0])
        await bench.run(ctx)
        np.testing.assert_array_equal(await bench.get(ctx, program.graph.outputs[0]), interpreter.run(program.graph, x)[0])
        assert len(bench.issues) == program.cycles

    simulate(bench.module, testbench)


@pytest.mark.parametrize(
    ("rows", "cols", "lanes", "per_cycle", "slots"), [(4, 4, 1, 1, 0), (8, 4, 4, 4, 0), (2, 6, 2, 1, 2), (8, 4, 2, 2, 3), (4, 2, 1, 4, 2)]
)
def test_no_bubble(simulate, network, rows, cols, lanes, per_cycle, slots):
    """With min_tile_pixels pixels a tile, weight tiles and output groups follow each other without an idle cycle, while the
    post-processor works on the group before; with a pixel less they do not, if the weights are what sets the limit."""
    config = replace(BASE, rows=rows, cols=cols, lanes=lanes, weight_rows_per_cycle=per_cycle, weight_slots=slots, acc_depth=64)

    def idle(pixels: int) -> tuple[int, int]:
        """Idle cycles between the first and the last issue of a layer of 3 groups of 16 tiles, and the words issued."""
        program = compile_graph(network(pixels, 1, 2 * rows).conv(3 * cols, Window((4, 2), padding=Padding(2, 1, 1, 0))).graph(), config)
        bench = Bench(program)

        async def testbench(ctx):
            await bench.run(ctx)

        simulate(bench.module, testbench)
        first, last = bench.issues.index(True), len(bench.issues) - 1 - bench.issues[::-1].index(True)
        return bench.issues[first : last + 1].count(False), sum(bench.issues)

    assert idle(config.min_tile_pixels) == (0, 3 * 16 * config.min_tile_pixels)
    if config.min_tile_pixels > 1:
        assert idle(config.min_tile_pixels - 1)[0] > 0
