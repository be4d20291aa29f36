"""ATen operators with weights: convolution, linear layers, batch normalization."""

from __future__ import annotations

from typing import Any

import numpy as np

from golden.float_graph import BatchStatistics, FloatConv2d, FloatDepthwiseConv2d, FloatFullyConnected
from golden.graph import Padding, Window
from golden.importers.torch_call import Call, Float64, map_argument, pair, per_channel
from golden.importers.torch_values import Value
from golden.importers.values import UnsupportedError


def conv2d(call: Call) -> Value:
    """conv2d, in its numeric and its text padding, and convolution."""
    arguments = call.arguments
    if arguments.get("transposed"):
        raise UnsupportedError("transposed convolution is not supported; use Conv2d")
    x, weight, bias = map_argument(call, "input"), call.weights("weight"), call.constant("bias")
    if weight.ndim != 4:
        raise UnsupportedError("only two-dimensional convolution is supported; use Conv2d")
    kernel = (weight.shape[2], weight.shape[3])
    stride, dilation = pair(arguments["stride"], (1, 1)), pair(arguments["dilation"], (1, 1))
    window = Window(kernel, stride, _conv_padding(arguments["padding"], kernel, dilation), dilation)
    groups, channels, outputs = int(arguments["groups"]), x.shape[0], weight.shape[0]
    offset = np.zeros(outputs) if bias is None else bias
    if groups == 1:
        call.builder.ops.append(
            FloatConv2d(call.name, (x.tensor,), call.name, weight=weight.transpose(0, 2, 3, 1), bias=offset, window=window)
        )
    elif groups == channels:
        depthwise = weight[:, 0].transpose(1, 2, 0)
        call.builder.ops.append(FloatDepthwiseConv2d(call.name, (x.tensor,), call.name, weight=depthwise, bias=offset, window=window))
    else:
        raise UnsupportedError(
            f"grouped convolution with groups={groups} over {channels} channels is not supported; use groups=1 or groups={channels}"
        )
    return call.result()


def _conv_padding(padding: Any, kernel: tuple[int, int], dilation: tuple[int, int]) -> Padding:
    if padding == "valid":
        return Padding()
    if padding == "same":  # PyTorch puts the odd one after
        total_y, total_x = ((size - 1) * step for size, step in zip(kernel, dilation, strict=True))
        return Padding(total_y // 2, total_y - total_y // 2, total_x // 2, total_x - total_x // 2)
    y, x = pair(padding)
    return Padding(y, y, x, x)


def linear(call: Call) -> Value:
    """linear: the weight's columns follow the order of the vector, which may be a flattened map."""
    return _linear(call, call.value("input"), call.weights("weight"), call.constant("bias"))


def addmm(call: Call) -> Value:
    """addmm(bias, x, weight transposed), as decomposed programs write linear."""
    if call.arguments["alpha"] != 1 or call.arguments["beta"] != 1:
        raise UnsupportedError("addmm with alpha or beta other than 1 is not supported; use Linear")
    return _linear(call, call.value("mat1"), call.weights("mat2").T, call.constant("self"))


def mm(call: Call) -> Value:
    """mm(x, weight transposed), as decomposed programs write linear without bias."""
    return _linear(call, call.value("self"), call.weights("mat2").T, None)


def _linear(call: Call, x: Value, weight: Float64, bias: Float64 | None) -> Value:
    if len(x.shape) != 1:
        raise UnsupportedError(f"it is applied to a tensor of shape [N, {', '.join(map(str, x.shape))}]; flatten it first, to [N, F]")
    offset = np.zeros(weight.shape[0]) if bias is None else np.broadcast_to(bias, weight.shape[:1])
    call.builder.ops.append(FloatFullyConnected(call.name, (x.tensor,), call.name, weight=weight[:, x.order], bias=offset))
    return call.result()


def batch_norm(call: Call) -> Value:
    """Batch normalization with the statistics of training."""
    if call.arguments.get("training") or call.arguments.get("train"):
        raise UnsupportedError(
            "it is in training mode, in which the result depends on the whole batch; call .eval() on the module before exporting it"
        )
    x = call.arguments["input"]
    mean, variance = call.weights("running_mean"), call.weights("running_var")
    scale, offset = call.constant("weight"), call.constant("bias")
    epsilon, momentum = float(call.arguments["eps"]), float(call.arguments["momentum"])
    gamma, beta = np.ones_like(mean) if scale is None else scale, np.zeros_like(mean) if offset is None else offset
    factor = gamma / np.sqrt(variance + epsilon)
    if not isinstance(x, Value):
        raise UnsupportedError("its input does not depend on the network's input")
    statistics = BatchStatistics(gamma, beta, mean, variance, epsilon, momentum)
    return per_channel(call, call.builder.laid_out(x, f"{call.name}.input"), factor, beta - mean * factor, statistics)
