"""ATen operators with weights: convolution, linear layers, batch normalization."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from golden.float_graph import BatchStatistics
from golden.graph import Padding, Window
from golden.importers import nchw
from golden.importers.torch_call import Call, map_rank, pair
from golden.importers.values import Constant, UnsupportedError, Value


def conv(call: Call) -> Value:
    """conv1d, conv2d, in their numeric and their text padding, and convolution."""
    arguments, x = call.arguments, call.value("input")
    if arguments.get("transposed"):
        raise UnsupportedError("transposed convolution is not supported; use Conv2d")
    rank = map_rank(x)
    weight = call.weights("weight", rank)
    if rank == 3:
        weight = replace(weight, array=weight.array[:, :, None, :])
    kernel = (weight.array.shape[2], weight.array.shape[3])
    stride, dilation = pair(arguments["stride"], rank, 1), pair(arguments["dilation"], rank, 1)
    window = Window(kernel, stride, _padding(arguments["padding"], rank, kernel, dilation), dilation)
    bias = call.constant("bias")
    return nchw.conv(call, x, weight, bias, window, int(arguments["groups"]))


def _padding(padding: Any, rank: int, kernel: tuple[int, int], dilation: tuple[int, int]) -> Padding:
    if padding == "valid":
        return Padding()
    if padding == "same":  # PyTorch puts the odd one after
        total_y, total_x = ((size - 1) * step for size, step in zip(kernel, dilation, strict=True))
        return Padding(total_y // 2, total_y - total_y // 2, total_x // 2, total_x - total_x // 2)
    y, x = pair(padding, rank, 0)
    return Padding(y, y, x, x)


def linear(call: Call) -> Value:
    """linear: the weight's columns follow the order of the vector, which may be a flattened map."""
    return nchw.linear(call, call.value("input"), call.weights("weight", 2), call.constant("bias"))


def addmm(call: Call) -> Value:
    """addmm(bias, x, weight transposed), as decomposed programs write linear."""
    if call.arguments["alpha"] != 1 or call.arguments["beta"] != 1:
        raise UnsupportedError("addmm with alpha or beta other than 1 is not supported; use Linear")
    weight = call.weights("mat2", 2).transpose((1, 0))
    bias = call.constant("self")
    if bias is not None and bias.array.shape != weight.array.shape[:1]:
        bias = Constant(np.broadcast_to(bias.real(), (1, len(weight.array)))[0])
    return nchw.linear(call, call.value("mat1"), weight, bias)


def matmul(call: Call) -> Value:
    """mm and matmul with constant weights, as decomposed programs write linear without bias."""
    name = "mat2" if "mat2" in call.arguments else "other"
    return nchw.linear(call, call.value("self"), call.weights(name, 2).transpose((1, 0)), None)


def batch_norm(call: Call) -> Value:
    """Batch normalization with the statistics of training."""
    if call.arguments.get("training") or call.arguments.get("train"):
        raise UnsupportedError(
            "it is in training mode, in which the result depends on the whole batch; call .eval() on the module before exporting it"
        )
    x = call.value("input")
    channels = x.layout.shape[1]
    mean, variance = call.reals("running_mean", channels), call.reals("running_var", channels)
    if mean is None or variance is None:
        raise UnsupportedError("it has no statistics of training; use BatchNorm2d with track_running_stats=True")
    gamma, beta = call.reals("weight", channels), call.reals("bias", channels)
    gamma, beta = np.ones(channels) if gamma is None else gamma, np.zeros(channels) if beta is None else beta
    statistics = BatchStatistics(gamma, beta, mean, variance, float(call.arguments["eps"]), float(call.arguments["momentum"]))
    if not (variance + statistics.epsilon > 0).all():
        raise UnsupportedError("its variances are not above 0; the file is damaged, or training diverged")
    factor = gamma / np.sqrt(variance + statistics.epsilon)
    return nchw.per_channel(call, x, factor, beta - mean * factor, statistics)
