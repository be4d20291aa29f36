"""Bias correction: the mean error that quantized weights and inputs make in each output channel is taken off the bias.

M. Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, ICCV 2019, section 4.2, in its empirical form
(SPEC eq. 52).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from golden import fake_quantize, float_interpreter
from golden.float_graph import FloatGraph, FloatOp, FloatWeightedOp
from golden.parameters import Parameters

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


def correct_biases(graph: FloatGraph, parameters: Parameters, data: Mapping[str, Float32], *, batch_size: int = 128) -> FloatGraph:
    """A prepared float graph with corrected biases, layer by layer: each sees the ones before it corrected.

    data: calibration data, float32[N, *shape] per network input, NHWC.  Memory is that of a batch.
    """
    wanted = _means(graph, data, batch_size, None, None)
    for layer in graph.weighted_ops():
        quantized = fake_quantize.quantized_weights(graph, parameters)
        found = _means(quantized, data, batch_size, parameters, layer.name)
        correction = wanted[layer.name] - found[layer.name]
        graph = graph.with_ops(_with_bias(op, correction) if op.name == layer.name else op for op in graph.ops)
    return graph


def _with_bias(op: FloatOp, correction: Float64) -> FloatOp:
    assert isinstance(op, FloatWeightedOp)
    return replace(op, bias=op.bias + correction)


def _means(
    graph: FloatGraph, data: Mapping[str, Float32], batch_size: int, parameters: Parameters | None, last: str | None
) -> dict[str, Float64]:
    """Mean of every layer's output before its clamp, float64[Cout], over all images and pixels; up to the layer `last`.

    With parameters, every tensor that a layer reads is fake-quantized.
    """
    sums: dict[str, Float64] = {}
    counts: dict[str, int] = {}
    images = next(iter(data.values())).shape[0]

    def seen(name: str, values: torch.Tensor) -> torch.Tensor:
        return values if parameters is None else fake_quantize.fake_quantize(values, parameters.tensors[name])

    with torch.no_grad():
        for start in range(0, images, batch_size):
            values = {name: seen(name, torch.tensor(array[start : start + batch_size])) for name, array in data.items()}
            for op in graph.ops:
                result = float_interpreter.evaluate(graph, op, [values[name] for name in op.inputs])
                if isinstance(op, FloatWeightedOp):
                    flat = result.reshape(-1, result.shape[-1])
                    sums[op.name] = sums.get(op.name, np.zeros(flat.shape[1])) + flat.sum(dim=0, dtype=torch.float64).numpy()
                    counts[op.name] = counts.get(op.name, 0) + len(flat)
                    if op.name == last:
                        break
                values[op.output] = seen(op.output, result.clamp(op.low, op.high))
    return {name: total / counts[name] for name, total in sums.items()}
