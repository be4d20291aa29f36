"""Scores of every layer at every number of bits, by the measure that is asked for (SPEC eq. 86 to 89)."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from golden.errors import InputError
from golden.float_graph import FloatGraph
from golden.sensitivity.curvature import hessian_trace, top_eigenvalue
from golden.trainable_graph import TrainableGraph

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Progress = Callable[[int, int], None]


class Measure(enum.Enum):
    """What says how much a layer minds."""

    ONE_AT_A_TIME = "one-at-a-time"  #: the rise of the loss with this layer alone quantized
    GRADIENT = "gradient"  #: sum of abs(gradient) * abs(error of the weights)
    EIGENVALUE = "eigenvalue"  #: top eigenvalue of the Hessian * squared error of the weights
    TRACE = "trace"  #: mean of the Hessian's diagonal * squared error of the weights
    LANDSCAPE = "landscape"  #: the mean rise of the loss in random directions, as far as the error of the weights


MEASURES = tuple(Measure)

#: Random directions of the measure "landscape", and probes of the trace.
DIRECTIONS, PROBES = 8, 16


@dataclass(frozen=True)
class Scores:
    """What a measure found.

    scores: by layer and number of bits; more is worse, the unit is that of the measure.
    """

    measure: Measure
    scores: Mapping[str, Mapping[int, float]]


def sensitivity(
    graph: FloatGraph,
    quantized: Mapping[int, Mapping[str, Float64]],
    x: Float32,
    labels: npt.NDArray[np.int64] | None,
    measure: Measure,
    *,
    batch_size: int = 64,
    seed: int = 0,
    progress: Progress | None = None,
) -> Scores:
    """Scores every layer with weights at every number of bits.

    graph:     prepared, with one input and an output of class scores.
    quantized: by number of bits and layer, the real weights that the layer's integers stand for, in its own shape.
    x:         float32[N, *input shape].
    labels:    int64[N]; without them, the float network's own classes.
    progress:  called with (layers done, layers in all).

    Raises InputError for a network of several inputs or outputs, or whose output is no vector of class scores.
    """
    if len(graph.inputs) != 1 or len(graph.outputs) != 1 or len(graph.tensors[graph.outputs[0]].shape) != 1:
        raise InputError(f"network {graph.name!r}: sensitivity is measured on networks of one input and one vector of class scores")
    model = TrainableGraph(graph).eval()
    with torch.no_grad():
        outputs = torch.cat([model(torch.tensor(part)) for part in _parts(x, batch_size)])
    targets = outputs.argmax(dim=1) if labels is None else torch.tensor(labels)
    network = _Loss(model, x, targets, batch_size)
    start = network.value()
    generator = torch.Generator().manual_seed(seed)
    scores: dict[str, dict[int, float]] = {}
    for number, op in enumerate(graph.weighted_ops()):
        weight = model.layers[op.name].weight
        errors = {bits: torch.tensor(layers[op.name] - op.weight, dtype=torch.float32) for bits, layers in quantized.items()}
        if measure is Measure.ONE_AT_A_TIME:
            scores[op.name] = {bits: network.moved(weight, error) - start for bits, error in errors.items()}
        elif measure is Measure.LANDSCAPE:
            scores[op.name] = {bits: _landscape(network, weight, error, generator) - start for bits, error in errors.items()}
        elif measure is Measure.GRADIENT:
            magnitude = network.gradient(weight).abs()
            scores[op.name] = {bits: float((magnitude * error.abs()).sum()) for bits, error in errors.items()}
        else:
            curvature = (
                abs(top_eigenvalue(network.losses, weight, seed=seed))
                if measure is Measure.EIGENVALUE
                else max(hessian_trace(network.losses, weight, probes=PROBES, seed=seed)[0], 0.0) / weight.numel()
            )
            scores[op.name] = {bits: curvature * float((error**2).sum()) for bits, error in errors.items()}
        if progress is not None:
            progress(number + 1, len(graph.weighted_ops()))
    return Scores(measure, scores)


def _landscape(network: _Loss, weight: torch.Tensor, error: torch.Tensor, generator: torch.Generator) -> float:
    """Mean loss at random points as far from a layer's weights as its quantized weights are."""
    length, total = error.norm(), 0.0
    for _ in range(DIRECTIONS):
        direction = torch.randn(weight.shape, generator=generator)
        total += network.moved(weight, direction * (length / direction.norm()))
    return total / DIRECTIONS


class _Loss:
    """The cross-entropy of a network over data, batch by batch."""

    def __init__(self, model: TrainableGraph, x: Float32, targets: torch.Tensor, batch_size: int) -> None:
        self.model, self.x, self.targets, self.batch_size = model, x, targets, batch_size

    def losses(self) -> Iterator[torch.Tensor]:
        """The mean loss of each batch; batches are of one size but for the last."""
        for part, target in zip(_parts(self.x, self.batch_size), torch.split(self.targets, self.batch_size), strict=True):
            yield torch.nn.functional.cross_entropy(self.model(torch.tensor(part)), target)

    def value(self) -> float:
        """The mean loss."""
        with torch.no_grad():
            return _mean(float(loss) for loss in self.losses())

    def moved(self, weight: torch.Tensor, by: torch.Tensor) -> float:
        """The mean loss with one layer's weights moved."""
        with torch.no_grad():
            before = weight.clone()
            weight += by
            loss = self.value()
            weight.copy_(before)
        return loss

    def gradient(self, weight: torch.Tensor) -> torch.Tensor:
        """The gradient of the mean loss with respect to one layer's weights."""
        parts = [torch.autograd.grad(loss, weight)[0] for loss in self.losses()]
        return torch.stack(parts).mean(dim=0)


def _parts(x: Float32, size: int) -> Sequence[Float32]:
    return [x[start : start + size] for start in range(0, len(x), size)]


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
