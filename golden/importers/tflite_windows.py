"""TensorFlow Lite operators with windows and weights: convolutions, fully connected layers, pools."""

from __future__ import annotations

from typing import Any

import numpy as np

from golden.graph import AveragePool2d, Conv2d, DepthwiseConv2d, FullyConnected, MaxPool2d, Padding, Tensor, Window
from golden.importers.convolution_weights import block_diagonal
from golden.importers.tflite_call import Call, affine, per_channel
from golden.importers.tflite_file import MAX_AXIS, Array, FileOperator
from golden.importers.values import UnsupportedError
from golden.rescale import TFLITE, Rescale

#: Most taps of a window: those of a mean over a map of 256 x 256.
_MAX_TAPS = 2**16


def conv_2d(call: Call) -> None:
    """CONV_2D; groups become zeros in dense weights, which changes no sum."""
    source, weight = _map(call), _weights(call, 4)
    outputs, height, width, depth = weight.shape
    if source.shape[2] % depth or outputs % (source.shape[2] // depth):
        raise UnsupportedError(f"its weights take {depth} channels, which does not fit the {source.shape[2]} channels of its input")
    groups = source.shape[2] // depth
    moving = window(call.op, source.shape, (height, width))
    constants = _constants(call, outputs, axis=0)
    if constants["weight_zero_point"].any():
        raise UnsupportedError("its weights have zero points other than 0, which TensorFlow Lite's kernel takes for 0")
    if groups > 1:
        call.builder.copy(np.broadcast_to(np.int8(0), (outputs, height, width, source.shape[2])))
        weight = block_diagonal(weight, groups, np.zeros(outputs, np.int8))
    call.finish(Conv2d(call.name, (source.name,), call.result(), window=moving, weight=weight, **constants))


def depthwise_conv_2d(call: Call) -> None:
    """DEPTHWISE_CONV_2D; the multiplier is in the shapes."""
    source, weight = _map(call), _weights(call, 4)
    if weight.shape[0] != 1:
        raise UnsupportedError(f"its weights have the shape {list(weight.shape)}; they must be [1, kh, kw, C]")
    moving = window(call.op, source.shape, (weight.shape[1], weight.shape[2]))
    constants = _constants(call, weight.shape[3], axis=3)
    if constants["weight_zero_point"].any():
        raise UnsupportedError("its weights have zero points other than 0, which TensorFlow Lite's kernel takes for 0")
    call.finish(DepthwiseConv2d(call.name, (source.name,), call.result(), window=moving, weight=weight[0], **constants))


def fully_connected(call: Call) -> None:
    """FULLY_CONNECTED over the whole input, or over its last axis (then it is a 1 x 1 convolution)."""
    if call.option("WeightsFormat"):
        raise UnsupportedError("its weights are shuffled; convert the network again, with the default format")
    weight = _weights(call, 2)
    outputs, length = weight.shape
    source = call.builder.tensors[call.activation()]
    constants = _constants(call, outputs, axis=0)
    if len(call.tensor(1).scales) > 1 and constants["weight_zero_point"].any():
        raise UnsupportedError("its weights have several zero points other than 0, which TensorFlow Lite's kernel takes for 0")
    if len(source.shape) == 3 and source.shape[2] == length != source.size:
        output = call.result((*source.shape[:2], outputs))
        weight = weight.reshape(outputs, 1, 1, length)
        call.finish(Conv2d(call.name, (source.name,), output, window=Window((1, 1)), weight=weight, **constants))
        return
    vector = call.reshaped(source.name, (length,), "flatten")
    call.finish(FullyConnected(call.name, (vector,), call.result((outputs,)), weight=weight, **constants))


def max_pool_2d(call: Call) -> None:
    """MAX_POOL_2D."""
    source, moving, clamp = _pool(call)
    call.finish(MaxPool2d(call.name, (source.name,), call.result(), window=moving, **clamp))


def average_pool_2d(call: Call) -> None:
    """AVERAGE_POOL_2D."""
    source, moving, clamp = _pool(call)
    call.finish(AveragePool2d(call.name, (source.name,), call.result(), window=moving, **clamp))


def _pool(call: Call) -> tuple[Tensor, Window, dict[str, int]]:
    source = _map(call)
    moving = window(call.op, source.shape, (call.option("FilterHeight"), call.option("FilterWidth")))
    return source, moving, call.clamp(call.same_affine())


def _map(call: Call) -> Tensor:
    source = call.builder.tensors[call.activation()]
    if len(source.shape) != 3:
        raise UnsupportedError(f"its input has the shape {source.shape}; it needs a map (H, W, C)")
    return source


def _weights(call: Call, rank: int) -> Array:
    """The weights at input 1, int8."""
    weight = call.constant(1, "INT8")
    if weight is None or weight.ndim != rank:
        raise UnsupportedError(f"its weights must be a constant of {rank} axes")
    return call.builder.copy(weight)


def _constants(call: Call, channels: int, axis: int) -> dict[str, Any]:
    """Everything of a weighted operator but weights and window: M = S_x * S_w / S_y per channel, all in double precision."""
    scales, zero_points = per_channel(call.tensor(1), channels, axis)
    meaning = affine(call.target())
    source = call.builder.tensors[call.activation()].affine
    bias = call.constant(2, "INT32")
    if bias is not None and bias.shape != (channels,):
        raise UnsupportedError(f"its bias has the shape {list(bias.shape)}; it must be [{channels}]")
    return {
        "weight_zero_point": zero_points,
        "weight_scale": scales,
        "bias": np.zeros(channels, np.int32) if bias is None else call.builder.copy(bias),
        "rescale": Rescale.from_real(TFLITE, source.scale * scales / meaning.scale),
        **call.clamp(meaning),
    }


def window(op: FileOperator, shape: tuple[int, ...], kernel: tuple[int, int]) -> Window:
    """The window over a map, with SAME and VALID as numbers: in SAME the odd row and column of padding come last."""

    def option(name: str) -> int:
        return int(op.options.get(name, 1))

    stride = option("StrideH"), option("StrideW")
    dilation = option("DilationHFactor"), option("DilationWFactor")
    if not all(1 <= value <= MAX_AXIS for value in (*kernel, *stride, *dilation)) or kernel[0] * kernel[1] > _MAX_TAPS:
        raise UnsupportedError(
            f"its kernel is {kernel}, its stride {stride}, its dilation {dilation}; 1 is the least, {_MAX_TAPS} taps the most"
        )
    moving = Window(kernel, stride, Padding(), dilation)
    kind = int(op.options.get("Padding", 0))
    if kind not in (0, 1):
        raise UnsupportedError(f"its padding has the number {kind}; only SAME (0) and VALID (1) are known")
    if kind == 1:
        return moving
    sides = []
    for size, step, extent in zip(shape, stride, moving.extent(), strict=False):
        total = max((-(-size // step) - 1) * step + extent - size, 0)
        sides += [total // 2, total - total // 2]
    return Window(kernel, stride, Padding(*sides), dilation)
