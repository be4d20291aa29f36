"""Cross-layer equalization: the channels between two layers are scaled so that the weights on both sides use their ranges.

M. Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, ICCV 2019, section 4.1 (SPEC eq. 51).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from golden.float_graph import (
    FloatAveragePool2d,
    FloatConv2d,
    FloatDepthwiseConv2d,
    FloatFullyConnected,
    FloatGraph,
    FloatMaxPool2d,
    FloatOp,
    FloatReshape,
    FloatWeightedOp,
)
from golden.weight_rows import from_rows, weight_rows

Float64 = npt.NDArray[np.float64]

#: Rounds over all pairs of layers; what is left to gain after these is far below a step.
ROUNDS = 40
_CONVERGED = 1e-6


def equalize(graph: FloatGraph) -> FloatGraph:
    """A prepared float graph that computes the same, with equal ranges on both sides of every equalizable channel.

    A pair of layers is equalizable if nothing but the second reads the first, and if all between them commutes with a positive
    factor for each channel: no clamp, ReLU, pooling, flattening.
    """
    ops = {op.name: op for op in graph.ops}
    pairs = [(first.name, second.name) for first in graph.weighted_ops() if (second := _next_layer(graph, first)) is not None]
    for _ in range(ROUNDS):
        largest = 0.0
        for first_name, second_name in pairs:
            before, after = ops[first_name], ops[second_name]
            assert isinstance(before, FloatWeightedOp)
            assert isinstance(after, FloatWeightedOp)
            factors = pair_factors(before, after)
            ops[first_name] = replace(before, weight=from_rows(before, weight_rows(before) / factors[:, None]), bias=before.bias / factors)
            ops[second_name] = replace(after, weight=after.weight * _of_inputs(after, factors))
            largest = max(largest, float(np.abs(np.log(factors)).max()))
        if largest < _CONVERGED:
            break
    return graph.with_ops(ops[op.name] for op in graph.ops)


def pair_factors(first: FloatWeightedOp, second: FloatWeightedOp) -> Float64:
    """s of SPEC eq. 51 for each channel between two layers, float64[C]; 1 where a side has nothing but zeros.

    The bias counts as one of the first layer's weights: a channel of little else must not be scaled up until it alone fills
    the range of the whole tensor.
    """
    outputs = np.maximum(np.abs(weight_rows(first)).max(axis=1), np.abs(first.bias))
    inputs = _input_ranges(second, len(outputs))
    used = (outputs > 0) & (inputs > 0)
    ratios: Float64 = np.divide(outputs, inputs, out=np.ones_like(outputs), where=used)
    return np.asarray(np.sqrt(ratios))


def _next_layer(graph: FloatGraph, first: FloatWeightedOp) -> FloatWeightedOp | None:
    """The second layer of a pair, or None."""
    op: FloatOp = first
    reader: FloatOp | None
    while True:
        if op.high != math.inf or op.low not in (0.0, -math.inf):
            return None
        reader = graph.only_reader(op.output)
        if isinstance(reader, FloatWeightedOp):
            return reader if _channels_match(first, reader) else None
        if reader is None or not isinstance(reader, (FloatMaxPool2d, FloatAveragePool2d, FloatReshape)):
            return None
        if isinstance(reader, FloatReshape) and graph.tensors[reader.inputs[0]].shape[-1] != len(first.bias):
            return None
        op = reader


def _channels_match(first: FloatWeightedOp, second: FloatWeightedOp) -> bool:
    """The second layer's last axis is a multiple of the channels: a flattening repeats them, a depthwise multiplier too."""
    size: int = second.weight.shape[-1]
    return size == len(first.bias) if isinstance(second, FloatConv2d) else size % len(first.bias) == 0


def _input_ranges(op: FloatWeightedOp, channels: int) -> Float64:
    """max |w| over all weights that read each input channel, float64[channels]."""
    by_input = np.abs(op.weight).reshape(-1, op.weight.shape[-1]).max(axis=0)
    if isinstance(op, FloatDepthwiseConv2d):
        return np.asarray(by_input.reshape(channels, -1).max(axis=1))  # output channel c reads c // multiplier
    if isinstance(op, FloatConv2d):
        return np.asarray(by_input)
    return np.asarray(by_input.reshape(-1, channels).max(axis=0))  # flattened (H, W, C)


def _of_inputs(op: FloatWeightedOp, factors: Float64) -> Float64:
    """The factor of the input channel that each weight reads, for the last axis of the weights."""
    size = op.weight.shape[-1]
    if isinstance(op, FloatFullyConnected):
        return np.tile(factors, size // len(factors))
    return np.repeat(factors, size // len(factors))
