"""Makes the integer graph of a network that was trained with fake quantization (SPEC section 16)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from golden.errors import InputError
from golden.float_graph import FloatGraph, FloatOp, FloatWeightedOp
from golden.graph import Graph
from golden.integer_graph import build
from golden.parameters import Parameters
from golden.training.network import QuantizedNetwork
from golden.weight_rows import from_rows


def convert(network: nn.Module) -> Graph:
    """The integer graph of a trained network, as `golden.training.prepare` made it; DistributedDataParallel may be around it.

    Its weights are the very integers that the network computes with.  Raises InputError for another module, and for weights that
    are not finite.
    """
    return build(*trained(network))


@torch.no_grad()
def trained(network: nn.Module) -> tuple[FloatGraph, Parameters]:
    """The float graph with the trained weights, batch normalization folded, and the parameters that it is quantized with."""
    network = unwrapped(network)
    broken = [name for name, values in network.state_dict().items() if not bool(torch.isfinite(values).all())]
    if broken:
        raise InputError(f"network {network.graph.name!r} has diverged; train it again with a lower learning rate", broken)
    steps = network.resolve()

    def current(op: FloatOp) -> FloatOp:
        if not isinstance(op, FloatWeightedOp):
            return op
        layer, folded = network.layer(op.name), steps.folded[op.name]
        return replace(op, weight=from_rows(op, layer.golden_rows(folded.rows)), bias=folded.bias.cpu().double().numpy())

    graph = network.graph.with_ops(map(current, network.graph.ops))
    parameters = Parameters(network.format, steps.tensors, steps.weights)
    integers = {}
    for op in graph.weighted_ops():
        layer, quantizer = network.layer(op.name), steps.weights[op.name]
        centred = layer.golden_rows(layer.centred(steps.folded[op.name], quantizer)).astype(np.int64)
        own = centred + quantizer.zero_point[:, None]
        if not np.array_equal(own, parameters.weight_integers(op)):  # binary weights; halves in single precision
            integers[op.name] = own
    return graph, replace(parameters, integers=integers)


def unwrapped(network: nn.Module) -> QuantizedNetwork:
    """The network itself, from inside DistributedDataParallel.  Raises InputError for another module."""
    inner = network.module if isinstance(network, nn.parallel.DistributedDataParallel) else network
    if not isinstance(inner, QuantizedNetwork):
        raise InputError(f"only a network that golden.training.prepare made can be converted, not a {type(inner).__name__}")
    return inner
