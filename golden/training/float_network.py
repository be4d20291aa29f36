"""A float graph as a module: the teacher of a distillation, whatever file it came from."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from golden import float_interpreter
from golden.float_graph import FloatGraph


class FloatNetwork(nn.Module):
    """Computes what a float graph of one output does, without gradients.

    layout: of its maps, "NCHW" or "NHWC".
    """

    def __init__(self, graph: FloatGraph, layout: str = "NHWC") -> None:
        super().__init__()
        self.graph, self.layout = graph, layout

    @torch.no_grad()
    def forward(self, *inputs: Tensor) -> Tensor:
        """The output for inputs float[N, ...], in the order of the graph's."""
        values = dict(zip(self.graph.inputs, (self._turned(x, (0, 2, 3, 1)) for x in inputs), strict=True))
        for op in self.graph.ops:
            result = float_interpreter.evaluate(self.graph, op, [values[name] for name in op.inputs])
            values[op.output] = result.clamp(op.low, op.high)
        (output,) = self.graph.outputs
        return self._turned(values[output], (0, 3, 1, 2))

    def _turned(self, x: Tensor, order: tuple[int, int, int, int]) -> Tensor:
        return x.permute(order) if self.layout == "NCHW" and x.ndim == 4 else x
