"""Which scales a pass of a network computes with: what its quantizers ask for, as far as integers allow (SPEC section 10, 16)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from golden.float_graph import FloatAdd, FloatConcatenation, FloatGraph, FloatWeightedOp
from golden.formats import Quantizer
from golden.parameters import ADD_LEFT_SHIFT, GREATEST_FACTOR, LEAST_FACTOR, WeightQuantizer, expressible
from golden.rescale import RescaleFormat, RescaleKind
from golden.tied_scales import KEEPS_INTEGERS, bases, next_scale
from golden.training.activation_steps import ActivationStep
from golden.training.layer import Folded, TrainedLayer


@dataclass(frozen=True)
class Steps:
    """What one pass of the network computes with: scales that fit each other and the rescale format.

    tensors, weights: as in `golden.parameters.Parameters`.
    folded:           weights and biases by operator name.
    wanted:           the scales that weights ask for, with their gradient, by operator name.
    """

    tensors: Mapping[str, Quantizer]
    weights: Mapping[str, WeightQuantizer]
    folded: Mapping[str, Folded]
    wanted: Mapping[str, Tensor]


def resolve(
    graph: FloatGraph, format: RescaleFormat, layers: Mapping[str, TrainedLayer], quantizers: Mapping[str, ActivationStep]
) -> Steps:
    """The scales for now, each as it is asked for where the integers allow (SPEC section 10, 3 to 5).

    layers:     by operator name.
    quantizers: of the tensors that have one of their own.
    """
    tensors: dict[str, Quantizer] = {}
    weights: dict[str, WeightQuantizer] = {}
    folded: dict[str, Folded] = {}
    wanted: dict[str, Tensor] = {}
    tied: dict[str, float] = {}
    if format.kind is RescaleKind.SHIFT:
        tied = bases(graph, {name: quantizers[name].quantizer().scale for name in quantizers})

    def quantizer(name: str, least_scale: float = 0.0) -> Quantizer:
        chosen = quantizers[name].quantizer(least_scale)
        return quantizers[name].quantizer(next_scale(chosen.scale, tied[name])) if name in tied else chosen

    for name in graph.inputs:
        tensors[name] = quantizer(name)
    for op in graph.ops:
        scales = [tensors[name].scale for name in op.inputs]
        if isinstance(op, FloatWeightedOp):
            layer = layers[op.name]
            folded[op.name] = layer.folded()
            wanted[op.name] = layer.step.wanted(folded[op.name].rows)
            asked = layer.asked(op.name, folded[op.name], wanted[op.name], scales[0])
            tensors[op.output] = quantizer(op.output, float((asked * scales[0]).max()) / GREATEST_FACTOR)
            output_scale = tensors[op.output].scale
            scale = expressible(np.maximum(asked * scales[0] / output_scale, LEAST_FACTOR), format) * output_scale / scales[0]
            weights[op.name] = WeightQuantizer(layer.step.format, scale, layer.step.zero_point(folded[op.name].rows, scale))
        elif isinstance(op, KEEPS_INTEGERS):
            tensors[op.output] = tensors[op.inputs[0]]
        elif isinstance(op, FloatAdd):
            tensors[op.output] = quantizer(op.output, 2 * max(scales) / 2**ADD_LEFT_SHIFT / GREATEST_FACTOR)
        elif isinstance(op, FloatConcatenation):
            tensors[op.output] = quantizer(op.output, max(scales) / 2)
        else:
            tensors[op.output] = quantizer(op.output)
    return Steps(tensors, weights, folded, wanted)
