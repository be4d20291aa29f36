"""Loss landscapes: how the loss grows around a network's weights (Li et al. 2018; SPEC section 16)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from golden import fake_quantize, float_interpreter
from golden.float_graph import FloatGraph, FloatOp, FloatWeightedOp
from golden.parameters import Parameters
from golden.weight_rows import from_rows, weight_rows

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
#: One array of rows [Cout, K] for each layer.
Direction = Mapping[str, Float64]
#: The loss of a network's outputs, float32[N, *shape] by name.
Loss = Callable[[Mapping[str, Float32]], float]


@dataclass(frozen=True, eq=False)
class Landscape:
    """The loss around a network's weights, on directions a and b.

    steps: float64[n], lengths along a direction; 1 is as long as the weights themselves.  0 is among them, in the middle.
    line:  float64[n], the loss along a.
    plane: float64[n, n], at steps[i] along a and steps[j] along b.
    """

    steps: Float64
    line: Float64
    plane: Float64


def random_direction(graph: FloatGraph, rng: np.random.Generator) -> Direction:
    """Normal random numbers, scaled so that each output channel's have the norm of its weights (SPEC eq. 84); biases stay."""
    direction = {}
    for op in graph.weighted_ops():
        rows = weight_rows(op)
        noise = rng.normal(size=rows.shape)
        direction[op.name] = noise * (np.linalg.norm(rows, axis=1) / np.maximum(np.linalg.norm(noise, axis=1), 1e-30))[:, None]
    return direction


class Surroundings:
    """The loss of a network with weights near its own.

    graph:      a prepared float graph.
    parameters: of its quantization: weights start at what their integers stand for, activations are quantized; None for the float
                network itself.
    inputs:     float32[N, *shape] per network input, NHWC.
    """

    def __init__(self, graph: FloatGraph, parameters: Parameters | None, inputs: Mapping[str, Float32], loss: Loss) -> None:
        self.graph = graph if parameters is None else fake_quantize.quantized_weights(graph, parameters)
        self.parameters, self.inputs, self.loss = parameters, inputs, loss

    def at(self, *moves: tuple[float, Direction]) -> float:
        """The loss after moves of (length, direction)."""

        def moved(op: FloatOp) -> FloatOp:
            if not isinstance(op, FloatWeightedOp):
                return op
            rows = weight_rows(op) + sum(length * direction[op.name] for length, direction in moves)
            return replace(op, weight=from_rows(op, np.asarray(rows)))

        graph = self.graph.with_ops(map(moved, self.graph.ops))
        if self.parameters is None:
            return self.loss(float_interpreter.run(graph, self.inputs))
        return self.loss(fake_quantize.run(graph, self.parameters, self.inputs))


def landscape(around: Surroundings, *, radius: float = 1.0, points: int = 21, seed: int = 0) -> Landscape:
    """The loss on a line and on a plane of random directions.

    points: odd, so that the network itself is among them.
    """
    rng = np.random.default_rng(seed)
    a, b = random_direction(around.graph, rng), random_direction(around.graph, rng)
    steps = np.linspace(-radius, radius, points)
    line = np.array([around.at((length, a)) for length in steps])
    plane = np.array([[around.at((first, a), (second, b)) for second in steps] for first in steps])
    return Landscape(steps, line, plane)


def sharpness(around: Surroundings, *, radius: float, directions: int = 10, seed: int = 0) -> float:
    """By how much the loss grows on average at a distance in random directions, both ways (SPEC eq. 85): the smaller, the wider."""
    rng = np.random.default_rng(seed)
    start = around.at()
    drawn = [random_direction(around.graph, rng) for _ in range(directions)]
    return float(np.mean([around.at((sign * radius, direction)) - start for direction in drawn for sign in (1, -1)]))


def cross_entropy(label: npt.NDArray[np.integer], output: str) -> Loss:
    """The mean cross-entropy of class scores [N, classes] with labels int[N], in float64."""

    def loss(values: Mapping[str, Float32]) -> float:
        scores = values[output].astype(np.float64)
        scores = scores - scores.max(axis=1, keepdims=True)
        chosen = scores[np.arange(len(label)), label]
        return float((np.log(np.exp(scores).sum(axis=1)) - chosen).mean())

    return loss
