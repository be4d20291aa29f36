"""Builds the float graph of a network without quantizers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from golden.affine import Affine
from golden.float_graph import (
    BatchStatistics,
    FloatAdd,
    FloatAveragePool2d,
    FloatBatchNorm,
    FloatClamp,
    FloatConcatenation,
    FloatConv2d,
    FloatDepthwiseConv2d,
    FloatFullyConnected,
    FloatFunction,
    FloatGraph,
    FloatMaxPool2d,
    FloatOp,
    FloatPad,
    FloatReshape,
    FloatSoftmax,
    FloatTensor,
)
from golden.graph import Padding, Window
from golden.importers.backend import Backend
from golden.importers.convolution_weights import dense, depthwise
from golden.importers.partial import Refusal, RefusedNetworkError, float_rest
from golden.importers.values import Constant, Float64, UnsupportedError
from golden.scalar_function import ScalarFunction

_QUANTIZED = "the network has no quantizers of activations but here; quantize all of it, or none"


class FloatBackend(Backend):
    """The float graph under construction."""

    def __init__(self, name: str, size: int) -> None:
        super().__init__(name, size)
        self.tensors: dict[str, FloatTensor] = {}
        self.inputs: list[str] = []
        self.ops: list[FloatOp] = []

    def graph(self, outputs: tuple[str, ...]) -> FloatGraph:
        """The graph, without what no output depends on."""
        needed, ops = set(outputs), []
        for op in reversed(self.ops):
            if op.output in needed:
                needed.update(op.inputs)
                ops.append(op)
        names = needed | set(self.inputs)
        tensors = {name: tensor for name, tensor in self.tensors.items() if name in names}
        return FloatGraph(self.name, tensors, tuple(self.inputs), outputs, tuple(reversed(ops)))

    def input(self, name: str, shape: tuple[int, ...]) -> str:
        self.inputs.append(self._declare(name, shape))
        return self.inputs[-1]

    def shape(self, tensor: str) -> tuple[int, ...]:
        return self.tensors[tensor].shape

    def _declare(self, wanted: str, shape: tuple[int, ...]) -> str:
        name = self.unique(wanted)
        self.tensors[name] = FloatTensor(name, shape)
        return name

    def _add(self, op: FloatOp) -> str:
        self.ops.append(op)
        return op.output

    def reshape(self, name: str, x: str, shape: tuple[int, ...]) -> str:
        y = self._declare(name, shape)
        return self._add(FloatReshape(y, (x,), y))

    def conv(self, name: str, x: str, weight: Constant, bias: Constant | None, window: Window, groups: int) -> str:
        source, outputs = self.shape(x), weight.array.shape[0]
        y = self._declare(name, (*window.output_size(source[0], source[1]), outputs))
        offset = np.zeros(outputs) if bias is None else bias.real()
        if groups > 1 and groups == source[2]:
            return self._add(FloatDepthwiseConv2d(y, (x,), y, weight=depthwise(weight.real()), bias=offset, window=window))
        self.spend(8 * weight.array.size * groups)
        kernel = dense(weight.real(), groups, np.zeros(outputs))
        return self._add(FloatConv2d(y, (x,), y, weight=kernel, bias=offset, window=window))

    def linear(self, name: str, x: str, weight: Constant, bias: Constant | None) -> str:
        outputs = weight.array.shape[0]
        y = self._declare(name, (outputs,))
        offset = np.zeros(outputs) if bias is None else bias.real()
        return self._add(FloatFullyConnected(y, (x,), y, weight=weight.real(), bias=offset))

    def scale_offset(self, name: str, x: str, scale: Float64, offset: Float64, statistics: BatchStatistics | None = None) -> str:
        y = self._declare(name, self.shape(x))
        return self._add(FloatBatchNorm(y, (x,), y, scale=scale, offset=offset, statistics=statistics))

    def add(self, name: str, a: str, b: str) -> str:
        y = self._declare(name, self.shape(a))
        return self._add(FloatAdd(y, (a, b), y))

    def clamp(self, name: str, x: str, low: float, high: float) -> str:
        y = self._declare(name, self.shape(x))
        return self._add(FloatClamp(y, (x,), y, low=low, high=high))

    def max_pool(self, name: str, x: str, window: Window) -> str:
        y = self._declare(name, (*window.output_size(*self.shape(x)[:2]), self.shape(x)[2]))
        return self._add(FloatMaxPool2d(y, (x,), y, window=window))

    def average_pool(self, name: str, x: str, window: Window) -> str:
        y = self._declare(name, (*window.output_size(*self.shape(x)[:2]), self.shape(x)[2]))
        return self._add(FloatAveragePool2d(y, (x,), y, window=window))

    def pad(self, name: str, x: str, padding: Padding) -> str:
        rows, columns, channels = self.shape(x)
        y = self._declare(name, (rows + padding.top + padding.bottom, columns + padding.left + padding.right, channels))
        return self._add(FloatPad(y, (x,), y, padding=padding))

    def concatenate(self, name: str, parts: tuple[str, ...], axis: int) -> str:
        shape = list(self.shape(parts[0]))
        shape[axis] = sum(self.shape(part)[axis] for part in parts)
        y = self._declare(name, tuple(shape))
        return self._add(FloatConcatenation(y, parts, y, axis=axis))

    def softmax(self, name: str, x: str) -> str:
        y = self._declare(name, self.shape(x))
        return self._add(FloatSoftmax(y, (x,), y))

    def function(self, name: str, x: str, function: ScalarFunction) -> str:
        y = self._declare(name, self.shape(x))
        return self._add(FloatFunction(y, (x,), y, function=function))

    def is_readable(self, x: str) -> bool:
        return True

    def stand_in(self, name: str, shape: tuple[int, ...]) -> str:
        return self._declare(name, shape)

    def refused(self, outputs: tuple[str, ...], refusals: Sequence[Refusal]) -> RefusedNetworkError:
        return float_rest(self.name, self.tensors, self.ops, outputs, refusals)

    def quantize(self, name: str, x: str, meaning: Affine) -> str:
        raise UnsupportedError(_QUANTIZED)

    def dequantize(self, name: str, x: str, meaning: Affine) -> str:
        raise UnsupportedError(_QUANTIZED)

    def clamp_integers(self, name: str, x: str, low: int, high: int) -> str:
        raise UnsupportedError(_QUANTIZED)
