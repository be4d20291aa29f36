"""The division of a network into what the accelerator runs and what the host runs after it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from golden import interpreter
from golden.affine import Affine
from golden.graph import FullyConnected, Graph, Int8, Op, Requantize, Reshape, Softmax, Tensor
from golden.rescale import TFLITE, Rescale
from hwgen.compiler.host_part import divide, finish
from hwgen.compiler.support import problems
from hwgen.config import AcceleratorConfig

SOFTMAX_OUTPUT = Affine(1 / 256, -128)


def network(*, end: str) -> Graph:
    """A fully connected layer and what comes after it."""
    rng = np.random.default_rng(5)
    affine = Affine(0.1, 3)
    tensors = {name: Tensor(name, (10,), affine) for name in ("x", "scores")}
    dense = FullyConnected(
        "dense",
        ("x",),
        "scores",
        weight=rng.integers(-127, 128, (10, 10)).astype(np.int8),
        weight_zero_point=np.zeros(10, np.int32),
        weight_scale=np.ones(10),
        bias=np.zeros(10, np.int32),
        rescale=Rescale.from_real(TFLITE, np.full(10, 0.002)),
    )
    ops: list[Op] = [dense]
    outputs = ("scores",)
    if end != "nothing":
        tensors["shares"] = Tensor("shares", (10,), SOFTMAX_OUTPUT)
        ops.append(Softmax("softmax", ("scores",), "shares", multiplier=1 << 30, left_shift=20))
        outputs = ("shares",)
    if end == "softmax and scores":
        outputs = ("scores", "shares")
    if end == "reshaped softmax":
        tensors["map"] = Tensor("map", (1, 1, 10), SOFTMAX_OUTPUT)
        ops.append(Reshape("reshape", ("shares",), "map"))
        outputs = ("map",)
    if end == "softmax inside":
        tensors["more"] = Tensor("more", (10,), affine)
        ops.append(Requantize("requantize", ("shares",), "more", rescale=Rescale.from_real(TFLITE, 0.5)))
        outputs = ("more",)
    return Graph(end, TFLITE, tensors, ("x",), outputs, tuple(ops))


def inputs(count: int = 16) -> Int8:
    return np.random.default_rng(6).integers(-128, 128, (count, 10)).astype(np.int8)


@pytest.mark.parametrize(
    ("end", "host", "outputs"),
    [
        ("nothing", [], ("scores",)),
        ("softmax", ["softmax"], ("scores",)),
        ("reshaped softmax", ["softmax", "reshape"], ("scores",)),
        ("softmax and scores", ["softmax"], ("scores",)),
    ],
)
def test_the_host_has_the_end(end: str, host: list[str], outputs: tuple[str, ...]) -> None:
    graph = network(end=end)
    division = divide(graph)
    assert [op.name for op in division.host] == host
    assert [op.name for op in division.device.ops] == ["dense"]
    assert division.device.outputs == outputs
    assert set(division.device.tensors) == {"x", "scores"}
    assert problems(division.device, AcceleratorConfig(rows=4, cols=4, lanes=1)) == []


@pytest.mark.parametrize("end", ["nothing", "softmax", "reshaped softmax", "softmax and scores"])
def test_finishing_gives_the_golden_outputs(end: str) -> None:
    graph = network(end=end)
    tensors = interpreter.run(graph, inputs(), tensors=True)
    finished = finish(graph, {name: tensors[name] for name in divide(graph).device.outputs})
    assert set(finished) == set(graph.outputs)
    for name, value in finished.items():
        assert np.array_equal(value, tensors[name]), name


def test_a_host_operator_with_work_after_it_is_refused_by_name() -> None:
    graph = network(end="softmax inside")
    division = divide(graph)
    assert division.host == ()
    found = problems(division.device, AcceleratorConfig(rows=4, cols=4, lanes=1))
    assert len(found) == 1 and found[0].startswith("layer softmax: softmax runs in the golden model only")


def test_division_leaves_the_network_as_it_was() -> None:
    graph = network(end="softmax")
    copy = replace(graph)
    divide(graph)
    assert graph.ops == copy.ops and graph.outputs == copy.outputs
