"""Layers at the ends of what a graph can hold, in emitted Verilog: every element, in both simulators, in exactly the cycles predicted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from golden.affine import Affine
from golden.checker import check
from golden.errors import DoesNotFitError
from golden.graph import AveragePool2d, Conv2d, DepthwiseConv2d, FullyConnected, Graph, MaxPool2d, Op, Padding, Reshape, Tensor, Window
from golden.rescale import TFLITE, Rescale
from hwgen.compiler import compile_graph
from hwgen.compiler.program import Program
from sim.verify import verify
from tests.sim.small import SMALL, weights

#: Zero points whose weights are as far from them as int8 allows: -128 to 127 and back.
FAR = np.array([-128, 127, -128, 0, 127, -1], np.int32)


class Chain:
    """A network of layers one after the other."""

    def __init__(self, *shape: int) -> None:
        self.rng = np.random.default_rng(sum(shape))
        self.tensors = {"x": Tensor("x", shape, Affine(0.1, -7))}
        self.ops: list[Op] = []

    @property
    def last(self) -> Tensor:
        return list(self.tensors.values())[-1]

    def add(self, kind: type[Op], shape: tuple[int, ...], **fields: Any) -> Chain:
        name = f"{kind.__name__}_{len(self.ops)}"
        pooled = kind in (MaxPool2d, AveragePool2d, Reshape)
        affine = self.last.affine if pooled else Affine(0.1, 3 * len(self.ops) - 5)
        self.ops.append(kind(name, (self.last.name,), f"{name}.out", **fields))
        self.tensors[f"{name}.out"] = Tensor(f"{name}.out", shape, affine)
        return self

    def conv(self, channels: int, window: Window, **fields: Any) -> Chain:
        height, width, depth = self.last.shape
        constants = {**weights(self.rng, (channels, *window.kernel, depth)), **fields}
        return self.add(Conv2d, (*window.output_size(height, width), channels), window=window, **constants)

    def depthwise(self, window: Window, **fields: Any) -> Chain:
        height, width, channels = self.last.shape
        constants = {**weights(self.rng, (channels, *window.kernel)), **fields}
        constants["weight"] = np.moveaxis(constants["weight"], 0, 2).copy()  # type: ignore[arg-type]
        return self.add(DepthwiseConv2d, (*window.output_size(height, width), channels), window=window, **constants)

    def pool(self, kind: type[MaxPool2d] | type[AveragePool2d], window: Window) -> Chain:
        height, width, channels = self.last.shape
        return self.add(kind, (*window.output_size(height, width), channels), window=window)

    def dense(self, outputs: int, **fields: Any) -> Chain:
        self.add(Reshape, (self.last.size,))
        return self.add(FullyConnected, (outputs,), **{**weights(self.rng, (outputs, self.last.size)), **fields})

    def graph(self) -> Graph:
        graph = Graph("chain", TFLITE, self.tensors, ("x",), (self.last.name,), tuple(self.ops))
        check(graph)
        return graph


def far(rng: np.random.Generator, shape: tuple[int, ...]) -> dict[str, Any]:
    """Weights at both ends of int8 around zero points at both ends: differences from -255 to 255."""
    values = rng.choice(np.array([-128, -127, 0, 126, 127], np.int8), shape)
    values.reshape(shape[0], -1)[:, :2] = (127, -128)
    spread = Rescale.from_real(TFLITE, np.full(shape[0], 1 / (200 * np.prod(shape[1:]) ** 0.5)))
    return {"weight": values, "weight_zero_point": FAR[: shape[0]], "rescale": spread}


def far_weights() -> Graph:
    """w - Z_w from -255 to 255, which takes the sum of three int8 values: convolution, depthwise, fully connected."""
    chain = Chain(4, 3, 3)
    chain.conv(6, Window((2, 2)), **far(chain.rng, (6, 2, 2, 3)))
    chain.depthwise(Window((2, 2), padding=Padding(1, 0, 0, 1)), **far(chain.rng, (6, 2, 2)))
    return chain.dense(5, **far(chain.rng, (5, 3 * 2 * 6))).graph()


def large_layers() -> Graph:
    """63 output pixels for accumulators of 32, then 2 input channel words and 3 output groups of an array of 4 x 4."""
    chain = Chain(9, 7, 4).conv(4, Window((3, 3), padding=Padding(1, 1, 1, 1)))
    return chain.conv(9, Window((3, 2), (3, 2))).conv(10, Window((1, 1))).graph()


def wide_rows() -> Graph:
    """Rows of 40 pixels, longer than the accumulators: tiles that divide rows; depthwise too."""
    chain = Chain(1, 40, 4).conv(4, Window((1, 3), padding=Padding(0, 0, 1, 1)))
    return chain.depthwise(Window((1, 5), padding=Padding(0, 0, 4, 0))).graph()


def padding_beyond_the_kernel() -> Graph:
    """Padding of each side its own, some of it wider than the kernel, so that whole windows lie in it; of a dense input too."""
    chain = Chain(5, 4, 1).conv(4, Window((2, 3), padding=Padding(3, 0, 1, 2)))
    chain.conv(3, Window((2, 1), (2, 1), Padding(0, 4, 3, 1)))
    return chain.depthwise(Window((3, 2), (2, 2), Padding(1, 5, 0, 3))).graph()


def strides_and_dilation() -> Graph:
    """Strides and dilations that differ between rows and columns, strides beyond the kernel, windows that leave a rest."""
    chain = Chain(9, 8, 3).conv(4, Window((2, 3), (2, 1), Padding(1, 0, 2, 1), (3, 2)))
    chain.conv(5, Window((1, 2), (1, 3), Padding(0, 0, 0, 1), (1, 3)))
    return chain.depthwise(Window((2, 2), (1, 2), Padding(1, 1, 0, 0), (2, 1))).graph()


def pools() -> Graph:
    """Windows of any shape and step; averages over what is valid: counts 1, 2, 3, 4 and 6 at the borders."""
    chain = Chain(8, 7, 5).pool(MaxPool2d, Window((3, 2), (2, 1), Padding(1, 2, 1, 0)))
    chain.pool(AveragePool2d, Window((2, 3), (1, 2), Padding(1, 1, 2, 0)))
    chain.pool(MaxPool2d, Window((1, 2), (3, 3), Padding(0, 0, 1, 1)))
    return chain.pool(AveragePool2d, Window((3, 2), (1, 1), Padding(2, 2, 1, 1))).graph()


def values(program: Program, field: str) -> set[int]:
    return {fields[field] for fields in program.descriptors}


CASES: dict[str, tuple[Callable[[], Graph], Callable[[Program], bool]]] = {
    "weights 255 from their zero point": (far_weights, lambda program: values(program, "extra_walks") == {2}),
    "larger than array and accumulators": (large_layers, lambda program: len(program.descriptors) > len(program.layers)),
    "rows longer than the accumulators": (wide_rows, lambda program: len(program.descriptors) >= 4),
    "padding beyond the kernel": (padding_beyond_the_kernel, lambda program: values(program, "dense") == {0, 1}),
    "strides and dilation": (
        strides_and_dilation,
        lambda program: (3, 2) in {(f["dilation_y"], f["dilation_x"]) for f in program.descriptors},
    ),
    "pooling": (pools, lambda program: len(values(program, "pixels")) > 3),
}


@pytest.mark.parametrize("name", CASES)
def test_extreme_layer(name: str) -> None:
    make, reaches_its_case = CASES[name]
    graph = make()
    config = replace(SMALL, act_depth=256, program_depth=1024, param_depth=128)
    program = compile_graph(graph, config)
    assert reaches_its_case(program)
    shape = graph.tensors["x"].shape
    ends = np.stack([np.full(shape, -128), np.full(shape, 127)]).astype(np.int8)
    noise = np.random.default_rng(1).integers(-128, 128, (2, *shape)).astype(np.int8)
    report = verify(graph, np.concatenate([noise, ends]), config=config, simulator="both")
    assert report.equal, report.first_difference
    assert all(layer.equal for layer in report.layers)
    assert [layer.cycles for layer in report.layers] == [layer.cycles for layer in program.layers]


def test_memories_that_are_too_small_say_what_is_needed() -> None:
    """Activations, weights and all else at once; with exactly that much it fits."""
    graph = large_layers()
    least = replace(SMALL, act_depth=16, weight_depth=16, param_depth=4)
    program = compile_graph(graph, SMALL)
    with pytest.raises(DoesNotFitError) as caught:
        compile_graph(graph, least)
    assert caught.value.problems == (
        f"activation memory (act_depth): {program.act_words} words of 4 bytes are needed, 16 are there",
        f"weight memory (weight_depth): {len(program.weights)} words of 4 bytes are needed, 16 are there",
        f"parameter memory (param_depth): {len(program.params)} records are needed, 4 are there",
    )
    compile_graph(graph, replace(SMALL, act_depth=program.act_words, weight_depth=len(program.weights), param_depth=len(program.params)))
