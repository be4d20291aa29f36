"""A float graph as a PyTorch module, to train its weights further."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from golden.float_graph import FloatGraph, FloatOp, FloatSoftmax, FloatWeightedOp
from golden.float_interpreter import evaluate, evaluate_weighted


class Layer(nn.Module):
    """The weights and the bias of one layer, as float32 parameters of the operator's own shapes."""

    def __init__(self, op: FloatWeightedOp) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(op.weight, dtype=torch.float32))
        self.bias = nn.Parameter(torch.tensor(op.bias, dtype=torch.float32))


class TrainableGraph(nn.Module):
    """Computes what a float graph with one input and one output computes, with weights that can be trained.

    layers: by operator name, in execution order; parametrizations (torch.nn.utils.parametrize) may be registered on them.
    """

    def __init__(self, graph: FloatGraph) -> None:
        super().__init__()
        self.graph = graph
        self.names = [op.name for op in graph.weighted_ops()]
        self._layers = nn.ModuleList(Layer(op) for op in graph.weighted_ops())

    @property
    def layers(self) -> dict[str, Layer]:
        """The layers by operator name."""
        return dict(zip(self.names, (layer for layer in self._layers if isinstance(layer, Layer)), strict=True))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The output float32[N, *shape] for a batch float32[N, *shape], NHWC.

        A softmax at the end is left out: what comes out are the scores that `torch.nn.functional.cross_entropy` takes.
        """
        values, layers = {self.graph.inputs[0]: x}, self.layers
        for op in self.graph.ops:
            inputs = [values[name] for name in op.inputs]
            if isinstance(op, FloatSoftmax) and op.output in self.graph.outputs:
                return op.beta * inputs[0]
            if isinstance(op, FloatWeightedOp):
                layer = layers[op.name]
                result = evaluate_weighted(op, inputs[0], layer.weight, layer.bias)
            else:
                result = evaluate(self.graph, op, inputs)
            values[op.output] = result.clamp(op.low, op.high)
        return values[self.graph.outputs[0]]

    def float_graph(self) -> FloatGraph:
        """The graph with the weights and biases as they are now."""
        layers = self.layers

        def trained(op: FloatOp) -> FloatOp:
            if not isinstance(op, FloatWeightedOp):
                return op
            layer = layers[op.name]
            return replace(op, weight=layer.weight.detach().double().numpy(), bias=layer.bias.detach().double().numpy())

        return self.graph.with_ops(trained(op) for op in self.graph.ops)
