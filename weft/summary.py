"""What a quantized network consists of, as plain values for tables and JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from golden.graph import Graph, Tensor, WeightedOp, op_macs
from golden.network_file import sha256


@dataclass(frozen=True)
class LayerSummary:
    """One operator: its name and kind, the shape of its output and what its integers stand for, what it costs."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    output: str
    shape: tuple[int, ...]
    scale: float
    zero_point: int
    macs: int
    weights: int


@dataclass(frozen=True)
class NetworkSummary:
    """A network: what identifies it, its interface, its layers in execution order."""

    name: str
    sha256: str
    rescale: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    layers: tuple[LayerSummary, ...]

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations of one inference."""
        return sum(layer.macs for layer in self.layers)

    @property
    def weights(self) -> int:
        """Weights, without biases and rescale constants."""
        return sum(layer.weights for layer in self.layers)

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values, totals included."""
        return {**asdict(self), "macs": self.macs, "weights": self.weights}


def summarize(graph: Graph) -> NetworkSummary:
    """The summary of a graph."""
    layers = []
    for op in graph.ops:
        output = graph.op_output(op)
        weights = op.weight.size if isinstance(op, WeightedOp) else 0
        layers.append(
            LayerSummary(
                op.name,
                op.kind,
                op.inputs,
                op.output,
                output.shape,
                output.affine.scale,
                output.affine.zero_point,
                op_macs(graph, op),
                weights,
            )
        )
    return NetworkSummary(
        graph.name,
        sha256(graph),
        str(graph.format),
        tuple(graph.tensors[name] for name in graph.inputs),
        tuple(graph.tensors[name] for name in graph.outputs),
        tuple(layers),
    )
