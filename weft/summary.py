"""What a quantized network consists of, as plain values for tables and JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from golden.cost import COMPARED, FormatCost, bit_operations, format_cost, op_counts, total
from golden.graph import Graph, Tensor, WeightedOp
from golden.network_file import sha256


@dataclass(frozen=True)
class LayerSummary:
    """One operator: its name and kind, the shape of its output and what its integers stand for, what it costs.

    bits:        of its output.
    weight_bits: of its weights, 0 where it has none.
    bops:        MACs times the bits of a weight times those of an input (golden/SPEC.md eq. 46).
    parameters, moved: weights and biases; values that it moves.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    output: str
    shape: tuple[int, ...]
    scale: float
    zero_point: int
    bits: int
    macs: int
    weights: int
    weight_bits: int
    bops: int
    parameters: int
    moved: int


@dataclass(frozen=True)
class NetworkSummary:
    """A network: what identifies it, its interface, its layers in execution order, and what it would cost in each format."""

    name: str
    sha256: str
    rescale: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    layers: tuple[LayerSummary, ...]
    formats: tuple[FormatCost, ...]

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations of one inference."""
        return sum(layer.macs for layer in self.layers)

    @property
    def weights(self) -> int:
        """Weights, without biases and rescale constants."""
        return sum(layer.weights for layer in self.layers)

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def bops(self) -> int:
        """Bit operations of one inference, each layer with the bits of its weights."""
        return sum(layer.bops for layer in self.layers)

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values, totals included."""
        return {**asdict(self), "macs": self.macs, "weights": self.weights, "parameters": self.parameters, "bops": self.bops}


def summarize(graph: Graph) -> NetworkSummary:
    """The summary of a graph."""
    layers = []
    counts = op_counts(graph)
    for op in graph.ops:
        output = graph.op_output(op)
        weights, bits = (op.weight.size, op.weight_bits) if isinstance(op, WeightedOp) else (0, 0)
        cost = counts[op.name]
        layers.append(
            LayerSummary(
                op.name,
                op.kind,
                op.inputs,
                op.output,
                output.shape,
                output.affine.scale,
                output.affine.zero_point,
                output.bits,
                cost.macs,
                weights,
                bits,
                bit_operations(cost.macs, bits, graph.op_inputs(op)[0].bits),
                cost.parameters,
                cost.moved,
            )
        )
    return NetworkSummary(
        graph.name,
        sha256(graph),
        str(graph.format),
        tuple(graph.tensors[name] for name in graph.inputs),
        tuple(graph.tensors[name] for name in graph.outputs),
        tuple(layers),
        tuple(format_cost(total(counts.values()), arithmetic) for arithmetic in COMPARED),
    )
