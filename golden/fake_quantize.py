"""Fake quantization: a float network that computes with the real values that integers stand for (SPEC section 10).

It shows what quantization does to a network without an integer graph: to choose ranges one after the other, to weigh
layers, to draw the loss.  Its outputs are near those of the integer graph, not equal: only that one is exact.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from golden import float_interpreter
from golden.float_graph import FloatGraph, FloatOp, FloatWeightedOp
from golden.formats import Quantizer
from golden.parameters import Parameters

Float32 = npt.NDArray[np.float32]


def quantized_weights(graph: FloatGraph, parameters: Parameters, layers: Collection[str] | None = None) -> FloatGraph:
    """The graph with the real weights and biases that the integers stand for, in the named layers, or in all."""

    def quantized(op: FloatOp) -> FloatOp:
        if isinstance(op, FloatWeightedOp) and (layers is None or op.name in layers):
            return replace(op, weight=parameters.quantized_weight(op), bias=parameters.quantized_bias(op))
        return op

    return graph.with_ops(quantized(op) for op in graph.ops)


def run(
    graph: FloatGraph, parameters: Parameters, inputs: Mapping[str, npt.NDArray[np.floating]], tensors: Collection[str] | None = None
) -> dict[str, Float32]:
    """Every tensor of a graph whose weights are already `quantized_weights`, for a batch: {name: float32[N, *shape]}.

    inputs:  float[N, *shape] per network input, NHWC.
    tensors: the activation tensors to quantize; all of them by default.
    """
    chosen = parameters.tensors if tensors is None else {name: parameters.tensors[name] for name in tensors}
    return float_interpreter.run(
        graph, inputs, change=lambda name, values: fake_quantize(values, chosen[name]) if name in chosen else values
    )


def fake_quantize(values: torch.Tensor, quantizer: Quantizer) -> torch.Tensor:
    """Real values to integers and back (SPEC eq. 2, then eq. 1), in the values' own precision."""
    format, scale, zero_point = quantizer.format, quantizer.scale, quantizer.zero_point
    return (torch.round(values / scale).clamp(format.low - zero_point, format.high - zero_point)) * scale
