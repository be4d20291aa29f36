"""A method that is shown in pictures, beside the float network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from golden.float_graph import FloatWeightedOp
from golden.graph import Graph, WeightedOp
from golden.simulated import SimulatedNetwork
from golden.weight_rows import weight_rows
from weft.comparison.contenders import Quantized

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Subject:
    """A method's name, and what it made of the network."""

    name: str
    quantized: Quantized

    def weight(self, op: FloatWeightedOp) -> Float64:
        """The real weights that a layer's integers stand for, in the shape of the float layer's own."""
        network = self.quantized.network
        if isinstance(network, Graph):
            layer = self._layer(network, op)
            channels_last = layer.kind == "depthwise_conv2d"
            shape = (-1,) if channels_last else (-1, *[1] * (layer.weight.ndim - 1))
            centred = layer.weight.astype(np.int64) - layer.weight_zero_point.reshape(shape)
            return np.asarray(centred * layer.weight_scale.reshape(shape), dtype=np.float64)
        source = network.graph if isinstance(network, SimulatedNetwork) else network
        return next(other for other in source.weighted_ops() if other.name == op.name).weight

    def levels(self, op: FloatWeightedOp) -> Float64:
        """The real values that a layer's weights may take in the channel, or group, with the widest range, ascending."""
        network, parameters = self.quantized.network, self.quantized.parameters
        if parameters is not None or isinstance(network, SimulatedNetwork):
            quantizer = parameters.weights[op.name] if parameters is not None else _simulated(network).weights[op.name]
            scale, zero_point = quantizer.scale.reshape(-1), quantizer.zero_point.reshape(-1)
            widest = int(scale.argmax())
            integers = np.arange(quantizer.format.low, quantizer.format.high + 1)
            return np.asarray((integers - zero_point[widest]) * scale[widest], dtype=np.float64)
        if isinstance(network, Graph):
            rows = weight_rows(op.__class__(**{**vars(op), "weight": self.weight(op)}))
            return np.unique(rows[int(self._layer(network, op).weight_scale.argmax())])
        return np.zeros(0)

    def activation_range(self, tensor: str) -> tuple[float, float] | None:
        """The least and the greatest real value of a tensor's integers; None where activations are real, or have no fixed range."""
        network = self.quantized.network
        if not isinstance(network, Graph):
            return None
        parameters = self.quantized.parameters
        if parameters is not None:
            quantizer = parameters.tensors[tensor]
            low, high = quantizer.dequantize([quantizer.format.low, quantizer.format.high])
        else:
            found = network.tensors[tensor]
            half = 1 << (found.bits - 1)
            low, high = ((end - found.affine.zero_point) * found.affine.scale for end in (-half, half - 1))
        return float(low), float(high)

    @staticmethod
    def _layer(network: Graph, op: FloatWeightedOp) -> WeightedOp:
        layer = next(other for other in network.ops if other.name == op.name)
        assert isinstance(layer, WeightedOp)
        return layer


def _simulated(network: object) -> SimulatedNetwork:
    assert isinstance(network, SimulatedNetwork)
    return network
