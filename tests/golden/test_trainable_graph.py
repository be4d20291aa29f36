"""A float graph as a module: it computes what the interpreter does, and its weights can be trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from golden import float_interpreter
from golden.float_graph import FloatDepthwiseConv2d, FloatGraph, FloatSoftmax, FloatTensor
from golden.graph import Padding, Window
from golden.trainable_graph import TrainableGraph
from tests.golden.compression.graphs import inputs, small_graph


def depthwise_graph() -> FloatGraph:
    """The small graph with a depthwise convolution in front."""
    graph = small_graph()
    window = Window((3, 3), padding=Padding(1, 1, 1, 1))
    weight = np.random.default_rng(7).normal(size=(3, 3, 3))
    first = FloatDepthwiseConv2d("depthwise", ("x",), "d", weight=weight, bias=np.ones(3), window=window)
    rest = [replace(op, inputs=tuple("d" if name == "x" else name for name in op.inputs)) for op in graph.ops]
    return graph.with_ops([first, *rest], new=[FloatTensor("d", (6, 6, 3))])


def softmax_graph() -> FloatGraph:
    """The small graph with a softmax at its end."""
    graph = small_graph()
    tensors = graph.tensors | {"s": FloatTensor("s", (4,))}
    return FloatGraph("softmax", tensors, ("x",), ("s",), (*graph.ops, FloatSoftmax("softmax", ("y",), "s", beta=2.0)))


@pytest.mark.parametrize("graph", [small_graph(), depthwise_graph()], ids=["convolutions", "depthwise"])
def test_the_same_outputs(graph: FloatGraph) -> None:
    module = TrainableGraph(graph)
    expected = float_interpreter.run(graph, {"x": inputs()})[graph.outputs[0]]
    assert np.array_equal(module(torch.tensor(inputs())).detach().numpy(), expected)


def test_a_softmax_at_the_end_is_left_out() -> None:
    graph = softmax_graph()
    values = float_interpreter.run(graph, {"x": inputs()})
    scores = TrainableGraph(graph)(torch.tensor(inputs()))
    assert scores.detach().numpy() == pytest.approx(2 * values["y"])
    assert torch.softmax(scores, -1).detach().numpy() == pytest.approx(values["s"], abs=1e-5)


def test_every_parameter_has_a_gradient_and_the_graph_takes_what_was_trained() -> None:
    module = TrainableGraph(depthwise_graph())
    assert list(module.layers) == ["depthwise", "first", "second", "classes"]
    module(torch.tensor(inputs())).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in module.parameters())
    with torch.no_grad():
        module.layers["first"].weight.mul_(2)
        module.layers["classes"].bias.add_(1)
    before, after = ({op.name: op for op in graph.weighted_ops()} for graph in (module.graph, module.float_graph()))
    assert np.array_equal(after["first"].weight, 2 * before["first"].weight.astype(np.float32))
    assert np.array_equal(after["classes"].bias, (before["classes"].bias.astype(np.float32) + np.float32(1)).astype(np.float64))
    assert np.array_equal(after["second"].weight, before["second"].weight.astype(np.float32))
