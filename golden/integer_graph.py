"""Makes the integer graph of a prepared float graph and its quantization parameters (SPEC section 10)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from golden.affine import Affine
from golden.checker import check
from golden.errors import InputError
from golden.float_graph import (
    FloatAdd,
    FloatAveragePool2d,
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
    FloatWeightedOp,
)
from golden.formats import Quantizer, clamp_steps
from golden.function_table import table
from golden.graph import (
    Add,
    AveragePool2d,
    Concatenation,
    Conv2d,
    DepthwiseConv2d,
    FullyConnected,
    Graph,
    Lookup,
    MaxPool2d,
    Op,
    Pad,
    Requantize,
    Reshape,
    Softmax,
    Tensor,
    WeightedOp,
)
from golden.parameters import ADD_LEFT_SHIFT, LEAST_FACTOR, Parameters
from golden.rescale import TFLITE, Rescale
from golden.weight_rows import from_rows

#: The least factor of an input of an add: below it, even 255 steps at left shift 20 vanish.
LEAST_ADD_FACTOR = 2.0**-28


def build(graph: FloatGraph, parameters: Parameters) -> Graph:
    """The integer graph that computes a prepared float graph in the steps of `parameters`; it has passed the checker."""
    result = _Builder(graph, parameters).graph()
    check(result, after="quantization")
    return result


def clamp_range(op: FloatOp, quantizer: Quantizer) -> tuple[int, int]:
    """An operator's clamp as int8 values: its ends (SPEC eq. 17), and no further than the format of its output reaches."""
    low, high = clamp_steps(op.low, op.high, quantizer.affine())
    least, greatest = quantizer.format.low - quantizer.offset, quantizer.format.high - quantizer.offset
    return min(max(low, least), greatest), min(max(high, least), greatest)


class _Builder:
    """Builds the operators of one graph in execution order."""

    def __init__(self, graph: FloatGraph, parameters: Parameters) -> None:
        self.source = graph
        self.parameters = parameters
        self.format = parameters.format
        self.tensors: dict[str, Tensor] = {}
        self.ops: list[Op] = []

    def graph(self) -> Graph:
        """The integer graph, not yet checked."""
        for name in self.source.inputs:
            self._declare(name)
        for op in self.source.ops:
            self.ops.append(self._operator(op))
        return Graph(self.source.name, self.format, self.tensors, self.source.inputs, self.source.outputs, tuple(self.ops))

    def _declare(self, name: str) -> Affine:
        quantizer = self.parameters.tensors[name]
        self.tensors[name] = Tensor(name, self.source.tensors[name].shape, quantizer.affine(), quantizer.format.bits)
        return self.tensors[name].affine

    def _scale(self, name: str) -> float:
        return self.parameters.tensors[name].scale

    def _operator(self, op: FloatOp) -> Op:
        self._declare(op.output)
        if isinstance(op, FloatWeightedOp):
            return self._weighted(op)
        if isinstance(op, FloatAdd):
            return self._add(op)
        if isinstance(op, FloatConcatenation):
            return self._concatenation(op)
        if isinstance(op, FloatReshape):
            return Reshape(op.name, op.inputs, op.output)
        if isinstance(op, FloatPad):
            return Pad(op.name, op.inputs, op.output, padding=op.padding)
        low, high = clamp_range(op, self.parameters.tensors[op.output])
        if isinstance(op, FloatSoftmax):
            factor = Rescale.from_real(TFLITE, min(max(op.beta * self._scale(op.inputs[0]) * 2.0**26, 1.0), 2.0**31 - 1.0))
            multiplier, left_shift = int(factor.multiplier[0]), int(factor.shift[0])
            return Softmax(op.name, op.inputs, op.output, act_min=low, act_max=high, multiplier=multiplier, left_shift=left_shift)
        if isinstance(op, FloatFunction):
            values = table(op.function, self.tensors[op.inputs[0]].affine, self.parameters.tensors[op.output])
            return Lookup(op.name, op.inputs, op.output, act_min=low, act_max=high, table=values)
        if isinstance(op, FloatMaxPool2d):
            return MaxPool2d(op.name, op.inputs, op.output, act_min=low, act_max=high, window=op.window)
        if isinstance(op, FloatAveragePool2d):
            return AveragePool2d(op.name, op.inputs, op.output, act_min=low, act_max=high, window=op.window)
        raise InputError(
            f"operator {op.name!r} of the kind {op.kind!r} has no integer form; run the passes of golden.passes.pipeline first"
        )

    def _weighted(self, op: FloatWeightedOp) -> WeightedOp:
        """Convolutions and linear layers."""
        quantizer, input_scale = self.parameters.weights[op.name], self._scale(op.inputs[0])
        low, high = clamp_range(op, self.parameters.tensors[op.output])
        constants = {
            "act_min": low,
            "act_max": high,
            "weight": from_rows(op, self.parameters.weight_integers(op)).astype(np.int8),
            "weight_zero_point": quantizer.zero_point.astype(np.int32),
            "weight_scale": quantizer.scale,
            "weight_bits": quantizer.format.bits,
            "bias": self.parameters.bias_integers(op).astype(np.int32),
            "rescale": Rescale.from_real(self.format, quantizer.scale * input_scale / self._scale(op.output)),
        }
        kinds: dict[type[FloatWeightedOp], Callable[..., WeightedOp]] = {
            FloatConv2d: Conv2d,
            FloatDepthwiseConv2d: DepthwiseConv2d,
            FloatFullyConnected: FullyConnected,
        }
        if isinstance(op, (FloatConv2d, FloatDepthwiseConv2d)):
            constants["window"] = op.window
        return kinds[type(op)](op.name, op.inputs, op.output, **constants)

    def _concatenation(self, op: FloatConcatenation) -> Op:
        """Inputs in other steps than the output's, or beyond its clamp, are requantized first."""
        quantizer = self.parameters.tensors[op.output]
        affine, (low, high) = quantizer.affine(), clamp_range(op, quantizer)
        whole = quantizer.format.low - quantizer.offset, quantizer.format.high - quantizer.offset
        inputs = []
        for number, name in enumerate(op.inputs):
            source = self.tensors[name]
            if self.parameters.tensors[name] == quantizer and (low, high) == whole:
                inputs.append(name)
                continue
            output = f"{op.output}.input{number}"
            self.tensors[output] = Tensor(output, source.shape, affine, quantizer.format.bits)
            rescale = Rescale.from_real(self.format, max(source.affine.scale / affine.scale, LEAST_FACTOR))
            self.ops.append(Requantize(f"{op.name}.input{number}", (name,), output, act_min=low, act_max=high, rescale=rescale))
            inputs.append(output)
        return Concatenation(op.name, tuple(inputs), op.output, axis=op.axis)

    def _add(self, op: FloatAdd) -> Add:
        """Both inputs are rescaled to half steps of the coarser one, at 2^20 of the real sum (SPEC eq. 21)."""
        scale_a, scale_b = (self._scale(name) for name in op.inputs)
        common = 2 * max(scale_a, scale_b)
        low, high = clamp_range(op, self.parameters.tensors[op.output])
        return Add(
            op.name,
            op.inputs,
            op.output,
            act_min=low,
            act_max=high,
            left_shift=ADD_LEFT_SHIFT,
            rescale_a=Rescale.from_real(self.format, max(scale_a / common, LEAST_ADD_FACTOR)),
            rescale_b=Rescale.from_real(self.format, max(scale_b / common, LEAST_ADD_FACTOR)),
            rescale_out=Rescale.from_real(self.format, max(common / (2**ADD_LEFT_SHIFT * self._scale(op.output)), LEAST_FACTOR)),
        )
