"""Concatenations, padding of channels and reshapes at every channel count to a word and more, bit for bit in both simulators."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from golden.affine import Affine
from golden.graph import Concatenation, Conv2d, Graph, Op, Pad, Padding, Requantize, Reshape, Tensor, Window
from golden.rescale import TFLITE, Rescale
from hwgen.compiler import compile_graph
from hwgen.config import NAMED, AcceleratorConfig
from sim.tools import Simulator
from sim.verify import verify

CONFIGS = {
    "16x8": NAMED["ulx3s-16x8"],
    "8x8": NAMED["small-8x8"],
    "4x4": AcceleratorConfig(rows=4, cols=4, lanes=1, acc_depth=64, depthwise_rows=0),
    "8x16": AcceleratorConfig(rows=8, cols=16, lanes=8, weight_rows_per_cycle=2, acc_depth=64),
}
#: Layers of a network, at most: what the performance counters of every configuration can tell apart.
LAYERS = 64
AFFINE = Affine(0.0625, -7)


class Chain:
    """A network of one map after the other, all of one affine."""

    def __init__(self, seed: int, *shape: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.tensors = {"x": Tensor("x", shape, AFFINE)}
        self.ops: list[Op] = []

    def add(self, op: Op, shape: tuple[int, ...]) -> str:
        self.tensors[op.output] = Tensor(op.output, shape, AFFINE)
        self.ops.append(op)
        return op.output

    @property
    def names(self) -> tuple[str, str]:
        return f"op{len(self.ops)}", f"t{len(self.ops)}"

    def conv(self, source: str, channels: int) -> str:
        height, width, depth = self.tensors[source].shape
        name, output = self.names
        op = Conv2d(
            name,
            (source,),
            output,
            weight=self.rng.integers(-127, 128, (channels, 1, 1, depth)).astype(np.int8),
            weight_zero_point=np.zeros(channels, np.int32),
            weight_scale=np.ones(channels),
            bias=self.rng.integers(-500, 500, channels).astype(np.int32),
            rescale=Rescale.from_real(TFLITE, 30 / (74 * 74 * math.sqrt(depth)) * np.exp2(self.rng.uniform(-1, 1, channels))),
            window=Window((1, 1)),
        )
        return self.add(op, (height, width, channels))

    def requantize(self, source: str) -> str:
        name, output = self.names
        return self.add(Requantize(name, (source,), output, rescale=Rescale.from_real(TFLITE, 0.8)), self.tensors[source].shape)

    def cat(self, inputs: tuple[str, ...], axis: int) -> str:
        shapes = [self.tensors[each].shape for each in inputs]
        total = tuple(sum(shape[i] for shape in shapes) if i == axis else size for i, size in enumerate(shapes[0]))
        name, output = self.names
        return self.add(Concatenation(name, inputs, output, axis=axis), total)

    def pad(self, source: str, padding: Padding, channels: tuple[int, int]) -> str:
        height, width, depth = self.tensors[source].shape
        shape = (height + padding.top + padding.bottom, width + padding.left + padding.right, depth + sum(channels))
        name, output = self.names
        return self.add(Pad(name, (source,), output, padding=padding, channels=channels), shape)

    def reshape(self, source: str, *shape: int) -> str:
        name, output = self.names
        return self.add(Reshape(name, (source,), output), shape)

    def graph(self, output: str) -> Graph:
        return Graph("chain", TFLITE, self.tensors, ("x",), (output,), tuple(self.ops))


def channels_of(config: AcceleratorConfig, step: int) -> Iterator[Graph]:
    """Networks that join maps of 1 to R + 3 channels, in steps, with others of any number, and pad each with channels."""
    chain, last = Chain(0, 1, 3, 2), "x"
    for channels in range(1, config.rows + 4, step):
        other = 1 + 5 * channels % (config.rows + 3)
        a = chain.conv(last, channels)
        b = chain.conv(a, other)
        if channels % 3 == 0:
            b = chain.requantize(b)
        joined = chain.cat((a, b, a) if channels % 4 == 0 else (b, a), 2)
        padded = chain.pad(joined, Padding(channels % 2, 0, 0, 0), (channels % config.rows, channels % 3))
        last = chain.conv(padded, 2)
        if len(compile_graph(chain.graph(last), config).layers) > LAYERS - 8 or channels + step > config.rows + 3:
            yield chain.graph(last)
            chain, last = Chain(channels, 1, 3, 2), "x"


def axes(config: AcceleratorConfig) -> Graph:
    """Maps joined along rows, columns and channels, one concatenation in the next, and vectors."""
    chain = Chain(99, 2, 3, 3)
    channels = config.rows + 1
    a = chain.conv("x", channels)
    b = chain.requantize(a)
    rows = chain.cat((a, b), 0)
    columns = chain.cat((chain.conv(rows, channels), rows), 1)
    every = chain.cat((columns, chain.conv(columns, config.rows), chain.conv(columns, config.lanes)), 2)
    small = chain.conv(every, 5)
    vector = chain.requantize(chain.reshape(small, 120))
    both = chain.cat((vector, chain.reshape(chain.conv(chain.reshape(vector, 2, 4, 15), 1), 8)), 0)
    return chain.graph(chain.conv(chain.reshape(both, 4, 2, 16), 3))


def check(graph: Graph, config: AcceleratorConfig, simulator: Simulator) -> None:
    program = compile_graph(graph, config)
    images = {Simulator.VERILATOR: 3, Simulator.ICARUS: 1}[simulator]
    inputs = np.random.default_rng(1).integers(-128, 128, (images, *graph.tensors["x"].shape)).astype(np.int8)
    report = verify(graph, inputs, config=config, simulator=simulator)
    assert report.equal, report.first_difference
    assert all(layer.equal for layer in report.layers)
    assert [layer.cycles for layer in report.layers] == [layer.cycles for layer in program.layers]


@pytest.mark.parametrize("simulator", Simulator)
@pytest.mark.parametrize("name", CONFIGS)
def test_every_number_of_channels(name: str, simulator: Simulator) -> None:
    step = {Simulator.VERILATOR: 1, Simulator.ICARUS: 5}[simulator]
    for graph in channels_of(CONFIGS[name], step):
        check(graph, CONFIGS[name], simulator)


@pytest.mark.parametrize("simulator", Simulator)
@pytest.mark.parametrize("name", CONFIGS)
def test_every_axis(name: str, simulator: Simulator) -> None:
    check(axes(CONFIGS[name]), CONFIGS[name], simulator)
