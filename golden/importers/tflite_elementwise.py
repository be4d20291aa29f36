"""TensorFlow Lite operators without windows: activations, requantization, shapes, mean, padding, concatenation, softmax."""

from __future__ import annotations

import math

import numpy as np

from golden.checker import SOFTMAX_OUTPUT
from golden.function_table import LOGISTIC, TANH, Function
from golden.graph import Concatenation, Conv2d, Lookup, MaxPool2d, Mean, Pad, Padding, Requantize, Reshape, Softmax, Window
from golden.importers.tflite_call import Call, affine, graph_axis, graph_shape
from golden.importers.values import UnsupportedError
from golden.rescale import TFLITE, Rescale


def quantize(call: Call) -> None:
    """QUANTIZE: of a real network input, an input of the graph; else another scale (SPEC eq. 28)."""
    source, target = call.tensor(0), call.target()
    if source.type == "FLOAT32":
        if source.index not in call.builder.model.inputs:
            raise UnsupportedError(
                f"it quantizes {source.name!r}, which the network computes in floating point; convert it with full int8 quantization"
            )
        meaning = affine(target)
        name = call.builder.floats.setdefault(source.index, "") or call.builder.declare(source.name, graph_shape(source), meaning)
        call.builder.floats[source.index] = name
        if call.builder.tensors[name].affine != meaning:
            raise UnsupportedError(f"the real input {source.name!r} is quantized in two ways; give each its own input")
        call.alias(name)
        return
    name, meaning = call.activation(), affine(target)
    before = call.builder.tensors[name].affine
    if before == meaning:
        call.alias(name)
        return
    rescale = Rescale.from_real(TFLITE, before.scale / meaning.scale)
    call.finish(Requantize(call.name, (name,), call.result(), rescale=rescale))


def dequantize(call: Call) -> None:
    """DEQUANTIZE: only of an output of the network, which then is the integer tensor."""
    target = call.target()
    if target.index not in call.builder.model.outputs or call.reads.get(target.index, 0) != 1:
        raise UnsupportedError("what it makes is used in floating point inside the network; convert it with full int8 quantization")
    call.alias(call.activation())


def relu(call: Call) -> None:
    """RELU, with another scale of the output where it has one."""
    _activation(call, 1)


def relu6(call: Call) -> None:
    """RELU6."""
    call.same_affine()
    _activation(call, 3)


def _activation(call: Call, activation: int) -> None:
    name, meaning = call.activation(), affine(call.target())
    source = call.builder.tensors[name]
    clamp = call.clamp(meaning, activation)
    if source.affine != meaning:
        with np.errstate(over="ignore"):  # an infinite factor is refused
            factor = float(np.float32(source.affine.scale) / np.float32(meaning.scale))
        rescale = Rescale.from_real(TFLITE, factor)
        call.finish(Requantize(call.name, (name,), call.result(), rescale=rescale, **clamp))
    elif call.clamped(name, clamp["act_min"], clamp["act_max"]):
        call.alias(name)
    else:
        shape = source.shape if len(source.shape) == 3 else (1, 1, *source.shape)
        call.finish(MaxPool2d(call.name, (call.reshaped(name, shape, "map"),), call.result(shape), window=Window((1, 1)), **clamp))


def reshape(call: Call) -> None:
    """RESHAPE, SQUEEZE and EXPAND_DIMS, to the shape that the file gives the output."""
    call.same_affine()
    name, shape = call.activation(), graph_shape(call.target())
    if call.builder.tensors[name].shape == shape:
        call.alias(name)
    elif call.builder.tensors[name].size != math.prod(shape):
        raise UnsupportedError(f"it takes {call.builder.tensors[name].shape} to {shape}, which is not the same number of elements")
    else:
        call.finish(Reshape(call.name, (name,), call.result()))


def mean(call: Call) -> None:
    """MEAN over any axes of a map (SPEC eq. 29): the division by n is in the multiplier, as far as its bits go.

    Over channels, and others with them, it is a convolution whose weights are 1: the same sum, rescaled once.
    """
    name, meaning = call.activation(), affine(call.target())
    source = call.builder.tensors[name]
    axes = tuple(sorted({graph_axis(call.tensor(0), axis) for axis in call.integers(1)}))
    if len(source.shape) != 3 or not axes:
        raise UnsupportedError(f"it reduces the axes {axes} of {source.shape}; only axes of a map are supported")
    count = math.prod(source.shape[axis] for axis in axes)
    factor = Rescale.from_real(TFLITE, source.affine.scale / meaning.scale)
    multiplier, exponent = int(factor.multiplier[0]), int(factor.shift[0])
    left = min(count.bit_length() - 1, 32, 31 + exponent)
    rescale = Rescale(TFLITE, np.array([(multiplier << left) // count]), np.array([exponent - left]))
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(source.shape))
    if 2 not in axes:
        call.finish(Mean(call.name, (name,), call.result(shape), axes=axes, rescale=rescale))
        return
    kernel = (source.shape[0] if 0 in axes else 1, source.shape[1] if 1 in axes else 1)
    call.finish(
        Conv2d(
            call.name,
            (name,),
            call.result(shape),
            weight=call.builder.copy(np.broadcast_to(np.int8(1), (1, *kernel, source.shape[2]))),
            weight_zero_point=np.zeros(1, np.int32),
            weight_scale=np.full(1, 1 / count),
            bias=np.zeros(1, np.int32),
            rescale=rescale,
            window=Window(kernel),
        )
    )


def pad(call: Call) -> None:
    """PAD and PADV2 with real zero; convolutions take it over later."""
    meaning = call.same_affine()
    name, tensor = call.activation(), call.tensor(0)
    source = call.builder.tensors[name]
    counts = call.integers(1)
    if len(counts) != 2 * len(tensor.shape) or len(source.shape) != 3 or any(count < 0 for count in counts):
        raise UnsupportedError(f"it pads {list(tensor.shape)} by {counts}; only maps, by 0 or more on each side, are supported")
    fill = call.constant(2, "INT8")
    if fill is not None and (fill.size != 1 or int(fill.ravel()[0]) != meaning.zero_point):
        raise UnsupportedError("it pads with another value than real zero; only zero padding is supported")
    sides = [(0, 0)] * (4 - len(tensor.shape)) + list(zip(counts[::2], counts[1::2], strict=True))
    if len(tensor.shape) == 3:  # [1, A, B] is a map of one row, and its batch is that row
        sides = [(0, 0), *sides[1:]]
    if sides[0] != (0, 0):
        raise UnsupportedError("it pads the batch; only the axes of one image are supported")
    padding = Padding(*sides[1], *sides[2])
    call.finish(Pad(call.name, (name,), call.result(), padding=padding, channels=sides[3]))


def concatenation(call: Call) -> None:
    """CONCATENATION of tensors with the same scale and zero point, as TensorFlow Lite demands."""
    names = tuple(call.activation(position) for position in range(len(call.op.inputs)))
    call.same_affine(*range(len(names)))
    if call.option("FusedActivationFunction"):
        raise UnsupportedError("it has a fused activation, which TensorFlow Lite's kernel does not have")
    if len(names) == 1:
        call.alias(names[0])
        return
    axis = graph_axis(call.target(), call.option("Axis"))
    call.finish(Concatenation(call.name, names, call.result(), axis=axis))


def softmax(call: Call) -> None:
    """SOFTMAX over the last axis (SPEC eq. 36)."""
    name = call.activation()
    if affine(call.target()) != SOFTMAX_OUTPUT:
        raise UnsupportedError("its output must have the scale 1/256 and the zero point -128, as TensorFlow Lite demands")
    beta = float(call.op.options.get("Beta", 0.0))
    factor = min(beta * call.builder.tensors[name].affine.scale * 2.0**26, 2.0**31 - 1.0)
    if not factor > 1:  # NaN as well
        raise UnsupportedError(f"its beta {beta} is too small for the scale of its input, or no number")
    rescale = Rescale.from_real(TFLITE, factor)
    call.finish(Softmax(call.name, (name,), call.result(), multiplier=int(rescale.multiplier[0]), left_shift=int(rescale.shift[0])))


def logistic(call: Call) -> None:
    """LOGISTIC as a table (SPEC eq. 35)."""
    _lookup(call, LOGISTIC)


def tanh(call: Call) -> None:
    """TANH as a table (SPEC eq. 35)."""
    _lookup(call, TANH)


def _lookup(call: Call, function: Function) -> None:
    name, meaning = call.activation(), function.output
    if affine(call.target()) != meaning:
        text = f"the scale {meaning.scale:.9g} and the zero point {meaning.zero_point}"
        raise UnsupportedError(f"its output must have {text}, as TensorFlow Lite demands")
    call.finish(Lookup(call.name, (name,), call.result(), table=function.table(call.builder.tensors[name].affine)))
