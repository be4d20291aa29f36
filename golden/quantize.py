"""Post-training quantization: a trained network and real data become an integer graph (SPEC section 10).

Symmetric per-channel int8 weights, asymmetric per-tensor int8 activations, int32 biases.  Where the
rescale format cannot express a factor M = S_w * S_x / S_y exactly with a small multiplier, the weight
scale of that channel is widened until it can, so that the format adds no error of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch.export import ExportedProgram

from golden.affine import Affine
from golden.calibrate import Progress, Range, calibrate
from golden.checker import SOFTMAX_OUTPUT, check
from golden.errors import InputError
from golden.float_graph import (
    FloatAdd,
    FloatAveragePool2d,
    FloatConcatenation,
    FloatConv2d,
    FloatDepthwiseConv2d,
    FloatFullyConnected,
    FloatGraph,
    FloatLogistic,
    FloatMaxPool2d,
    FloatOp,
    FloatReshape,
    FloatSoftmax,
    FloatTanh,
    FloatWeightedOp,
)
from golden.formats import INT8_NARROW, INT32, asymmetric, clamp_steps, power_of_two_up, quantize_array
from golden.function_table import LOGISTIC, TANH
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
    Requantize,
    Reshape,
    Softmax,
    Tensor,
    WeightedOp,
)
from golden.importers.torch_export import import_module, import_program
from golden.input_data import RealData, checked_data
from golden.passes.pipeline import prepare
from golden.rescale import INT32_MAX, TFLITE, Rescale, RescaleFormat, RescaleKind

Float64 = npt.NDArray[np.float64]

#: The least rescale factor: a weight of one step then moves the output by 2^-17 at most, and every format has a shift for it.
LEAST_FACTOR = 2.0**-24
#: The greatest: an output step is never finer than two accumulator steps, so that no format shifts an accumulator left.
GREATEST_FACTOR = 0.5
#: The least factor of an input of an add: below it, even 255 steps at left shift 20 vanish.
LEAST_ADD_FACTOR = 2.0**-28
#: Bits by which an add shifts its inputs left before it rescales them, as in TensorFlow Lite.
ADD_LEFT_SHIFT = 20


def quantize(
    model: torch.nn.Module | ExportedProgram | FloatGraph,
    calibration: RealData,
    *,
    format: RescaleFormat = TFLITE,
    layout: str = "NHWC",
    name: str | None = None,
    batch_size: int = 128,
    progress: Progress | None = None,
) -> Graph:
    """Quantizes a network after its training.

    model:       a PyTorch module (exported as it is at inference), an exported program, or a float graph.
    calibration: real values as in training, float32[N, H, W, C] or float32[N, F]; a mapping by input name for several inputs.
    format:      the rescale format of the accelerator that will run the network.
    layout:      of the calibration array, "NHWC" or "NCHW".
    name:        of the network, for people; the module's class by default.
    progress:    called with (images done, images in all) during calibration.

    Raises InputError for unsupported operators (all of them at once) and for calibration data that cannot be used.
    """
    graph = prepare(float_graph(model, calibration, layout, name))
    shapes = {tensor: graph.tensors[tensor].shape for tensor in graph.inputs}
    ranges = calibrate(graph, checked_data(shapes, calibration, layout), batch_size=batch_size, progress=progress)
    return quantize_graph(graph, ranges, format)


def float_graph(
    model: torch.nn.Module | ExportedProgram | FloatGraph, calibration: RealData, layout: str, name: str | None = None
) -> FloatGraph:
    """The model as a float graph; a module is traced with inputs of the calibration data's shape."""
    if isinstance(model, FloatGraph):
        return model if name is None else FloatGraph(name, model.tensors, model.inputs, model.outputs, model.ops)
    if isinstance(model, ExportedProgram):
        return import_program(model, name or "")
    if not isinstance(model, torch.nn.Module):
        raise InputError(
            f"a network must be a torch.nn.Module, a torch.export.ExportedProgram or a float graph, not {type(model).__name__}"
        )
    parameter = next((p for p in model.parameters() if p.dtype.is_floating_point), None)
    dtype = torch.float32 if parameter is None else parameter.dtype
    device = torch.device("cpu") if parameter is None else parameter.device
    arrays = list(calibration.values()) if isinstance(calibration, Mapping) else [calibration]
    examples = []
    for array in arrays:
        shape = np.shape(array)
        if len(shape) not in (2, 4) or 0 in shape[1:]:
            raise InputError(f"calibration data must have the shape [N, H, W, C], [N, C, H, W] or [N, F], not {list(shape)}")
        sizes = (shape[3], shape[1], shape[2]) if len(shape) == 4 and layout == "NHWC" else shape[1:]
        examples.append(torch.zeros((2, *sizes), dtype=dtype, device=device))
    return import_module(model, tuple(examples), name or "")


def quantize_graph(graph: FloatGraph, ranges: Mapping[str, Range], format: RescaleFormat) -> Graph:
    """Quantizes a prepared float graph with known ranges; the result has passed the checker."""
    builder = _Quantizer(graph, ranges, format)
    result = builder.graph()
    check(result, after="quantization")
    return result


class _Quantizer:
    """Quantizes the operators of one graph in execution order."""

    def __init__(self, graph: FloatGraph, ranges: Mapping[str, Range], format: RescaleFormat) -> None:
        self.source = graph
        self.ranges = ranges
        self.format = format
        self.tensors: dict[str, Tensor] = {}
        self.ops: list[Op] = []

    def graph(self) -> Graph:
        """The integer graph, not yet checked."""
        for name in self.source.inputs:
            self._declare(name, self._affine(name))
        for op in self.source.ops:
            self.ops.append(self._quantize(op))
        return Graph(self.source.name, self.format, self.tensors, self.source.inputs, self.source.outputs, tuple(self.ops))

    def _declare(self, name: str, affine: Affine) -> Affine:
        self.tensors[name] = Tensor(name, self.source.tensors[name].shape, affine)
        return affine

    def _affine(self, name: str, least_scale: float = 0.0) -> Affine:
        """The parameters for a tensor's range, with a scale of at least `least_scale`; a power of two in the shift format."""
        seen = self.ranges[name]
        power_of_two = self.format.kind is RescaleKind.SHIFT
        return asymmetric(seen.low, seen.high, least_scale=least_scale, power_of_two=power_of_two).affine()

    def _quantize(self, op: FloatOp) -> Op:
        if isinstance(op, FloatWeightedOp):
            return self._weighted(op)
        if isinstance(op, FloatAdd):
            return self._add(op)
        if isinstance(op, FloatConcatenation):
            return self._concatenation(op)
        if isinstance(op, (FloatSoftmax, FloatLogistic, FloatTanh)):
            return self._function(op)
        affine = self._declare(op.output, self.tensors[op.inputs[0]].affine)  # pools and reshapes compute with their input's integers
        if isinstance(op, FloatReshape):
            return Reshape(op.name, op.inputs, op.output)
        low, high = clamp_range(op, affine)
        if isinstance(op, FloatMaxPool2d):
            return MaxPool2d(op.name, op.inputs, op.output, act_min=low, act_max=high, window=op.window)
        if isinstance(op, FloatAveragePool2d):
            return AveragePool2d(op.name, op.inputs, op.output, act_min=low, act_max=high, window=op.window)
        raise InputError(
            f"operator {op.name!r} of the kind {op.kind!r} has no integer form; run the passes of golden.passes.pipeline first"
        )

    def _weighted(self, op: FloatWeightedOp) -> WeightedOp:
        """Convolutions and linear layers: scales first, then the integers."""
        channels_last = isinstance(op, FloatDepthwiseConv2d)
        rows = op.weight.reshape(-1, op.weight.shape[-1]).T if channels_last else op.weight.reshape(op.weight.shape[0], -1)
        input_scale = self.tensors[op.inputs[0]].affine.scale
        scales = weight_scales(rows, op.bias, input_scale, op.name)
        least_scale = float((scales * input_scale).max()) / GREATEST_FACTOR
        affine = self._declare(op.output, self._affine(op.output, least_scale))
        factors = expressible(np.maximum(scales * input_scale / affine.scale, LEAST_FACTOR), self.format)
        scales = factors * affine.scale / input_scale
        shape = (1, 1, -1) if channels_last else (-1, *[1] * (op.weight.ndim - 1))
        low, high = clamp_range(op, affine)
        constants = {
            "act_min": low,
            "act_max": high,
            "weight": quantize_array(op.weight, scales.reshape(shape), 0, INT8_NARROW).astype(np.int8),
            "weight_zero_point": np.zeros(len(scales), np.int32),
            "weight_scale": scales,
            "bias": quantize_array(op.bias, scales * input_scale, 0, INT32).astype(np.int32),
            "rescale": Rescale.from_real(self.format, factors),
        }
        kinds: dict[type[FloatWeightedOp], Callable[..., WeightedOp]] = {
            FloatConv2d: Conv2d,
            FloatDepthwiseConv2d: DepthwiseConv2d,
            FloatFullyConnected: FullyConnected,
        }
        if isinstance(op, (FloatConv2d, FloatDepthwiseConv2d)):
            constants["window"] = op.window
        return kinds[type(op)](op.name, op.inputs, op.output, **constants)

    def _function(self, op: FloatSoftmax | FloatLogistic | FloatTanh) -> Op:
        """Softmax in fixed point, logistic and tanh as tables; the parameters of their outputs are fixed."""
        source = self.tensors[op.inputs[0]].affine
        if isinstance(op, FloatSoftmax):
            low, high = clamp_range(op, self._declare(op.output, SOFTMAX_OUTPUT))
            factor = Rescale.from_real(TFLITE, min(max(op.beta * source.scale * 2.0**26, 1.0), 2.0**31 - 1.0))
            multiplier, left_shift = int(factor.multiplier[0]), int(factor.shift[0])
            return Softmax(op.name, op.inputs, op.output, act_min=low, act_max=high, multiplier=multiplier, left_shift=left_shift)
        function = LOGISTIC if isinstance(op, FloatLogistic) else TANH
        low, high = clamp_range(op, self._declare(op.output, function.output))
        return Lookup(op.name, op.inputs, op.output, act_min=low, act_max=high, table=function.table(source))

    def _concatenation(self, op: FloatConcatenation) -> Op:
        """Inputs in other steps than the output's, or beyond its clamp, are requantized first."""
        affine = self._declare(op.output, self._affine(op.output, max(self.tensors[name].affine.scale for name in op.inputs) / 2))
        low, high = clamp_range(op, affine)
        inputs = []
        for number, name in enumerate(op.inputs):
            source = self.tensors[name]
            if source.affine == affine and (low, high) == (-128, 127):
                inputs.append(name)
                continue
            output = f"{op.output}.input{number}"
            self.tensors[output] = Tensor(output, source.shape, affine)
            rescale = Rescale.from_real(self.format, max(source.affine.scale / affine.scale, LEAST_FACTOR))
            self.ops.append(Requantize(f"{op.name}.input{number}", (name,), output, act_min=low, act_max=high, rescale=rescale))
            inputs.append(output)
        return Concatenation(op.name, tuple(inputs), op.output, axis=op.axis)

    def _add(self, op: FloatAdd) -> Add:
        """Both inputs are rescaled to half steps of the coarser one, at 2^20 of the real sum (SPEC eq. 21)."""
        scale_a, scale_b = (self.tensors[name].affine.scale for name in op.inputs)
        common = 2 * max(scale_a, scale_b)
        affine = self._declare(op.output, self._affine(op.output, common / 2**ADD_LEFT_SHIFT / GREATEST_FACTOR))
        low, high = clamp_range(op, affine)
        return Add(
            op.name,
            op.inputs,
            op.output,
            act_min=low,
            act_max=high,
            left_shift=ADD_LEFT_SHIFT,
            rescale_a=Rescale.from_real(self.format, max(scale_a / common, LEAST_ADD_FACTOR)),
            rescale_b=Rescale.from_real(self.format, max(scale_b / common, LEAST_ADD_FACTOR)),
            rescale_out=Rescale.from_real(self.format, max(common / (2**ADD_LEFT_SHIFT * affine.scale), LEAST_FACTOR)),
        )


def clamp_range(op: FloatOp, affine: Affine) -> tuple[int, int]:
    """An operator's clamp as integers (SPEC eq. 17): zero point + round(end / S), halves away from zero, computed in float32."""
    return clamp_steps(op.low, op.high, affine)


def weight_scales(rows: Float64, bias: Float64, input_scale: float, name: str) -> Float64:
    """The least sound scale of each output channel, float64[Cout], for weights [Cout, K].

    max |w| / 127 (SPEC eq. 3), widened where the bias would not leave room in 32 bits for the sum of products.  A channel
    of nothing but zeros has zeros at any scale: it takes one that gives its bias 20 bits.
    """
    bounds = np.abs(rows).max(axis=1)
    for_bias = np.where(bias != 0, np.abs(bias) / (input_scale * 2**20), float(bounds.max()) or 1.0)
    scales = np.where(bounds > 0, bounds / INT8_NARROW.high, for_bias)
    room = INT32_MAX - 1 - rows.shape[1] * INT8_NARROW.high * 255
    if room < 2**24:
        raise InputError(f"layer {name!r} sums {rows.shape[1]} products, too many for a 32-bit accumulator; split the layer")
    widened: Float64 = np.maximum(scales, np.abs(bias) / (input_scale * room))
    return np.maximum(widened, 2.0**-126)


def expressible(factors: Float64, format: RescaleFormat) -> Float64:
    """The least factors that the format expresses exactly and that are not below the given ones (SPEC eq. 16)."""
    if format.kind is RescaleKind.SHIFT:
        return np.array([power_of_two_up(float(factor)) for factor in factors])
    if format.kind is RescaleKind.TFLITE:
        return factors  # 31 bits are finer than the scales are known
    fraction, exponent = np.frexp(factors)
    return np.asarray(np.ldexp(np.ceil(np.ldexp(fraction, format.bits - 1)), exponent - (format.bits - 1)), dtype=np.float64)
