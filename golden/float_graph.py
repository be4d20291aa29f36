"""The float graph: a trained network as imported, before quantization (SPEC section 9).

The same layout and conventions as the integer graph: NHWC, no batch dimension, flattening in (H, W, C)
order.  Constants are float64, so that folding loses nothing that matters.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from golden.graph import Padding, Window
from golden.scalar_function import ScalarFunction

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FloatTensor:
    """A real-valued activation tensor: name and shape without the batch."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class FloatOp:
    """What all operators share; the output is clamped to [low, high]."""

    kind: ClassVar[str]
    name: str
    inputs: tuple[str, ...]
    output: str
    low: float = field(default=-math.inf, kw_only=True)
    high: float = field(default=math.inf, kw_only=True)

    def __post_init__(self) -> None:
        for entry in fields(self):
            if isinstance(getattr(self, entry.name), np.ndarray):
                array = np.array(
                    getattr(self, entry.name), dtype=np.float64, order="C"
                )  # a copy: freezing must not reach the caller's array
                array.flags.writeable = False
                object.__setattr__(self, entry.name, array)


@dataclass(frozen=True, eq=False)
class FloatWeightedOp(FloatOp):
    """An operator with weights and one bias per output channel, float64[Cout]."""

    weight: Float64 = field(kw_only=True)
    bias: Float64 = field(kw_only=True)


@dataclass(frozen=True, eq=False)
class FloatConv2d(FloatWeightedOp):
    """Convolution; weight float64[Cout, kh, kw, Cin]."""

    kind = "conv2d"
    window: Window = field(kw_only=True)


@dataclass(frozen=True, eq=False)
class FloatDepthwiseConv2d(FloatWeightedOp):
    """Depthwise convolution; weight float64[kh, kw, Cout]; output channel c reads input channel c // (Cout / Cin)."""

    kind = "depthwise_conv2d"
    window: Window = field(kw_only=True)


@dataclass(frozen=True, eq=False)
class FloatFullyConnected(FloatWeightedOp):
    """Matrix times vector; weight float64[Cout, Cin]."""

    kind = "fully_connected"


@dataclass(frozen=True, eq=False)
class BatchStatistics:
    """What a batch normalization is made of, float64[C] each: scale = gamma / sqrt(variance + epsilon), offset = beta - mean * scale.

    gamma, beta:    what it learned.
    mean, variance: of the channel, over the training data.
    epsilon:        keeps the square root away from 0.
    momentum:       the share of a batch in the statistics of training.
    """

    gamma: Float64
    beta: Float64
    mean: Float64
    variance: Float64
    epsilon: float
    momentum: float

    def ordered(self, order: npt.NDArray[np.int64]) -> BatchStatistics:
        """The same for channels in another order."""
        gamma, beta, mean, variance = (array[order] for array in (self.gamma, self.beta, self.mean, self.variance))
        return BatchStatistics(gamma, beta, mean, variance, self.epsilon, self.momentum)


@dataclass(frozen=True, eq=False)
class FloatBatchNorm(FloatOp):
    """x * scale + offset per channel (the last axis), float64[C] each; normalization in its inference form.

    statistics: what it was made of, for training; None where that is not known.
    """

    kind = "batch_norm"
    scale: Float64 = field(kw_only=True)
    offset: Float64 = field(kw_only=True)
    statistics: BatchStatistics | None = field(default=None, kw_only=True)


@dataclass(frozen=True, eq=False)
class FloatClamp(FloatOp):
    """The clamp to [low, high] alone: ReLU, ReLU6, hard tanh."""

    kind = "clamp"


@dataclass(frozen=True, eq=False)
class FloatAdd(FloatOp):
    """Sum of two tensors of one shape."""

    kind = "add"


@dataclass(frozen=True, eq=False)
class FloatMaxPool2d(FloatOp):
    """Largest valid value of each window."""

    kind = "max_pool2d"
    window: Window = field(kw_only=True)


@dataclass(frozen=True, eq=False)
class FloatAveragePool2d(FloatOp):
    """Mean of the valid values of each window."""

    kind = "average_pool2d"
    window: Window = field(kw_only=True)


@dataclass(frozen=True, eq=False)
class FloatReshape(FloatOp):
    """The same values in another shape, in (H, W, C) order."""

    kind = "reshape"


@dataclass(frozen=True, eq=False)
class FloatConcatenation(FloatOp):
    """Two tensors or more, one after the other along an axis of (H, W, C) or (N,)."""

    kind = "concatenation"
    axis: int = field(kw_only=True)


@dataclass(frozen=True, eq=False)
class FloatSoftmax(FloatOp):
    """exp(beta * x) over its sum along the last axis."""

    kind = "softmax"
    beta: float = field(default=1.0, kw_only=True)


@dataclass(frozen=True, eq=False)
class FloatFunction(FloatOp):
    """A function of each element by itself: logistic, tanh, hard swish and their like."""

    kind = "function"
    function: ScalarFunction = field(kw_only=True)


@dataclass(frozen=True, eq=False)
class FloatPad(FloatOp):
    """Rows and columns of 0 around a map."""

    kind = "pad"
    padding: Padding = field(kw_only=True)


@dataclass(frozen=True, eq=False)
class FloatGraph:
    """A real-valued network; the fields are those of the integer graph."""

    name: str
    tensors: dict[str, FloatTensor]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    ops: tuple[FloatOp, ...]

    def producer(self, tensor: str) -> FloatOp | None:
        """The operator that writes a tensor; None for a network input."""
        return next((op for op in self.ops if op.output == tensor), None)

    def weighted_ops(self) -> tuple[FloatWeightedOp, ...]:
        """The operators with weights, in execution order."""
        return tuple(op for op in self.ops if isinstance(op, FloatWeightedOp))

    def consumers(self, tensor: str) -> Iterator[FloatOp]:
        """Operators that read a tensor, in execution order."""
        return (op for op in self.ops if tensor in op.inputs)

    def only_reader(self, tensor: str) -> FloatOp | None:
        """The one operator that reads a tensor; None where several do or where it is an output of the network."""
        readers = list(self.consumers(tensor))
        return readers[0] if len(readers) == 1 and tensor not in self.outputs else None

    def with_ops(self, ops: Iterable[FloatOp], *, new: Iterable[FloatTensor] = (), renamed: dict[str, str] | None = None) -> FloatGraph:
        """A graph with other operators.

        new:     tensors to declare.
        renamed: tensor names to replace in every read and in the outputs.
        Tensors that are no longer written or read are dropped.
        """
        names = renamed or {}
        rewired = tuple(replace(op, inputs=tuple(names.get(name, name) for name in op.inputs)) for op in ops)
        outputs = tuple(names.get(name, name) for name in self.outputs)
        declared = self.tensors | {tensor.name: tensor for tensor in new}
        alive = {*self.inputs, *outputs, *(name for op in rewired for name in (*op.inputs, op.output))}
        return FloatGraph(self.name, {name: tensor for name, tensor in declared.items() if name in alive}, self.inputs, outputs, rewired)
