"""The division of a network: the accelerator's part, and what the host computes at the end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from golden import interpreter
from golden.affine import Affine
from golden.errors import InputError
from golden.graph import Graph, MaxPool2d, Requantize, Reshape, Softmax, Tensor, Window
from golden.rescale import TFLITE, Rescale
from hwgen.compiler import compile_graph
from hwgen.compiler.host_part import divide, finish
from hwgen.config import AcceleratorConfig

CONFIG = AcceleratorConfig(rows=4, cols=4, lanes=1)


def softmax(name: str, source: str) -> Softmax:
    return Softmax(name, (source,), f"{name}.out", multiplier=1 << 30, left_shift=20)


def test_a_network_without_host_operators_is_whole(digits_like):
    graph = digits_like.graph()
    division = divide(graph)
    assert division.host == ()
    assert division.device.ops == graph.ops
    assert division.device.outputs == graph.outputs
    assert division.device.tensors == graph.tensors


def test_a_softmax_at_the_end_is_the_hosts(network):
    built = network(4, 4, 3).conv(4, Window((3, 3))).fully_connected(5)
    logits = built.current
    graph = built.add(softmax("softmax", logits), (5,), -128).graph()
    division = divide(graph)
    assert [op.name for op in division.host] == ["softmax"]
    assert division.device.outputs == (logits,)
    assert "softmax.out" not in division.device.tensors
    assert [op.name for op in division.device.ops] == [op.name for op in graph.ops[:-1]]
    program = compile_graph(graph, CONFIG)
    assert program.graph is graph
    assert [op.name for op in program.host_ops] == ["softmax"]
    assert [layer.name for layer in program.layers] == ["conv_0", "fc_2"]
    assert "softmax.out" not in program.placements


def test_reshapes_around_it_go_along(network):
    """Those after a softmax are the host's, in their order; one before it is free on the accelerator."""
    built = network(4, 4, 3).conv(6, Window((4, 4)))
    built.reshape(6)
    flat = built.current
    built.add(softmax("softmax", flat), (6,), -128).reshape(1, 1, 6).reshape(6)
    division = divide(built.graph())
    assert [op.name for op in division.host] == ["softmax", "reshape_3", "reshape_4"]
    assert division.device.outputs == (flat,)
    assert [op.kind for op in division.device.ops] == ["conv2d", "reshape"]


def test_a_requantize_after_a_softmax_is_the_hosts_too():
    unit = Affine(1.0, 0)
    tensors = {
        "x": Tensor("x", (2, 2, 6), unit),
        "p": Tensor("p", (1, 1, 6), unit),
        "softmax.out": Tensor("softmax.out", (1, 1, 6), Affine(1 / 256, -128)),
        "last.out": Tensor("last.out", (1, 1, 6), Affine(1 / 128, 5)),
    }
    ops = (
        MaxPool2d("pool", ("x",), "p", window=Window((2, 2))),
        softmax("softmax", "p"),
        Requantize("last", ("softmax.out",), "last.out", rescale=Rescale.from_real(TFLITE, 0.5)),
    )
    graph = Graph("requantized", TFLITE, tensors, ("x",), ("last.out",), ops)
    division = divide(graph)
    assert [op.name for op in division.host] == ["softmax", "last"]
    assert division.device.outputs == ("p",)
    x = np.random.default_rng(3).integers(-128, 128, (8, 2, 2, 6)).astype(np.int8)
    found = interpreter.run(graph, x, tensors=True)
    assert np.array_equal(finish(graph, {"p": found["p"]})["last.out"], found["last.out"])


def test_a_reshape_at_the_end_of_the_accelerators_own_stays(network):
    graph = network(4, 4, 3).conv(6, Window((4, 4))).reshape(6).graph()
    assert divide(graph).host == ()


def test_a_softmax_in_the_middle_stays_and_is_refused(network):
    built = network(4, 4, 3).conv(5, Window((4, 4))).reshape(5)
    built.add(softmax("softmax", built.current), (5,), -128).fully_connected(3)
    graph = built.graph()
    assert divide(graph).host == ()
    with pytest.raises(InputError) as caught:
        compile_graph(graph, CONFIG)
    assert caught.value.problems == ("layer softmax: softmax runs in the golden model only; the accelerator has no hardware for it",)


def several(outputs: tuple[str, ...]) -> Graph:
    """Two ends behind one pooling; the softmax reads what may be an output of its own."""
    shapes = {"x": (2, 2, 4), "p": (1, 1, 4), "v": (4,), "softmax.out": (4,), "q": (1, 1, 4)}
    affines = {"softmax.out": Affine(1 / 256, -128)}
    tensors = {name: Tensor(name, shape, affines.get(name, Affine(1.0, 0))) for name, shape in shapes.items()}
    ops = (
        MaxPool2d("pool", ("x",), "p", window=Window((2, 2))),
        Reshape("flat", ("p",), "v"),
        softmax("softmax", "v"),
        MaxPool2d("again", ("p",), "q", window=Window((1, 1))),
    )
    return Graph("several", TFLITE, tensors, ("x",), outputs, ops)


def test_every_end_is_looked_at():
    division = divide(several(("softmax.out", "q")))
    assert [op.name for op in division.host] == ["softmax"]
    assert division.device.outputs == ("v", "q")
    assert [op.name for op in division.device.ops] == ["pool", "flat", "again"]


def test_an_output_that_the_host_reads_too_is_an_output_of_the_accelerator():
    division = divide(several(("v", "softmax.out", "q")))
    assert division.device.outputs == ("v", "q"), "once"
    assert [op.name for op in division.host] == ["softmax"]


def test_a_chain_of_host_operators_with_outputs_in_between():
    graph = several(("softmax.out", "r", "q"))
    tensors = {**graph.tensors, "r": Tensor("r", (1, 1, 4), Affine(1 / 256, -128))}
    graph = replace(graph, tensors=tensors, ops=(*graph.ops, Reshape("back", ("softmax.out",), "r")))
    division = divide(graph)
    assert division.device.outputs == ("v", "q")
    assert [op.name for op in division.host] == ["softmax", "back"]
    assert set(division.device.tensors) == {"x", "p", "v", "q"}


@pytest.mark.parametrize("outputs", [("softmax.out", "q"), ("q", "softmax.out"), ("q", "v", "softmax.out"), ("softmax.out", "v", "q")])
def test_the_host_finishes_what_the_accelerator_began(outputs):
    """From the values of the accelerator's outputs alone to those of the network, in its order."""
    graph = several(outputs)
    x = np.random.default_rng(0).integers(-128, 128, (3, 2, 2, 4)).astype(np.int8)
    every = interpreter.run(graph, x, tensors=True)
    given = {name: every[name] for name in divide(graph).device.outputs}
    finished = finish(graph, given)
    assert list(finished) == list(outputs)
    for name, value in finished.items():
        np.testing.assert_array_equal(value, every[name])


def test_a_host_operator_that_is_no_output_is_left():
    """Nothing reads it and nobody asks for it; the accelerator cannot run it all the same."""
    graph = several(("q",))
    assert divide(graph).host == ()


def test_softmax_alone_leaves_nothing_for_the_accelerator():
    graph = several(("softmax.out",))
    alone = replace(graph, ops=(softmax("softmax", "x"),), outputs=("softmax.out",))
    with pytest.raises(InputError, match="the network has no layer that computes anything"):
        compile_graph(alone, CONFIG)
