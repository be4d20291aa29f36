"""One function per supported ATen operator: it adds what the operator means to the float graph.

Every function takes the `Call` and returns the operator's value, or raises `UnsupportedError` with the reason.
Whatever cannot be represented exactly is refused here, never approximated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch

from golden.float_graph import (
    FloatAdd,
    FloatAveragePool2d,
    FloatBatchNorm,
    FloatClamp,
    FloatConv2d,
    FloatDepthwiseConv2d,
    FloatFullyConnected,
    FloatMaxPool2d,
    FloatPad,
)
from golden.graph import Padding, Window
from golden.importers.values import Builder, UnsupportedError, Value, natural_order

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Call:
    """One operator call.

    builder:   the float graph so far.
    name:      the name of the operator, and of the tensor it makes.
    arguments: every argument by its name in the operator's schema, defaults filled in: Value, torch.Tensor (a constant) or plain.
    shape:     PyTorch's shape of the result without the batch.
    """

    builder: Builder
    name: str
    arguments: dict[str, Any]
    shape: tuple[int, ...]

    def value(self, name: str) -> Value:
        """An argument that depends on the network's input, laid out for its shape."""
        argument = self.arguments[name]
        if not isinstance(argument, Value):
            raise UnsupportedError(f"its {name} does not depend on the network's input")
        return self.builder.laid_out(argument, f"{self.name}.{name}")

    def constant(self, name: str) -> Float64 | None:
        """A constant array argument as float64; None where it is None."""
        argument = self.arguments[name]
        if argument is None:
            return None
        if not isinstance(argument, torch.Tensor):
            raise UnsupportedError(f"its {name} is computed from the network's input; only constants are supported")
        return cast(Float64, argument.detach().to("cpu", torch.float64).numpy())

    def weights(self, name: str) -> Float64:
        """A constant array argument that must be there."""
        array = self.constant(name)
        if array is None:
            raise UnsupportedError(f"it has no {name}")
        return array

    def result(self) -> Value:
        """Declares the tensor that the operator makes."""
        return self.builder.declare(self.name, self.shape)


def _map(call: Call, name: str) -> Value:
    """An argument that must be a map."""
    value = call.value(name)
    if len(value.shape) != 3:
        raise UnsupportedError(f"it is applied to a tensor of shape [N, {', '.join(map(str, value.shape))}]; it needs a map [N, C, H, W]")
    return value


def _pair(values: Any, default: tuple[int, int] = (0, 0)) -> tuple[int, int]:
    """A size as (y, x); PyTorch writes one number for two equal ones, and nothing for the default."""
    if isinstance(values, int):
        return values, values
    if not values:
        return default
    numbers = [int(value) for value in values]
    return (numbers[0], numbers[-1])


# --- weights --------------------------------------------------------------------------------------


def conv2d(call: Call) -> Value:
    """conv2d, in its numeric and its text padding, and convolution."""
    arguments = call.arguments
    if arguments.get("transposed"):
        raise UnsupportedError("transposed convolution is not supported; use Conv2d")
    x, weight, bias = _map(call, "input"), call.weights("weight"), call.constant("bias")
    if weight.ndim != 4:
        raise UnsupportedError("only two-dimensional convolution is supported; use Conv2d")
    kernel = (weight.shape[2], weight.shape[3])
    stride, dilation = _pair(arguments["stride"], (1, 1)), _pair(arguments["dilation"], (1, 1))
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
    y, x = _pair(padding)
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
    factor = (1.0 if scale is None else scale) / np.sqrt(variance + float(call.arguments["eps"]))
    if not isinstance(x, Value):
        raise UnsupportedError("its input does not depend on the network's input")
    return _per_channel(call, call.builder.laid_out(x, f"{call.name}.input"), factor, (0.0 if offset is None else offset) - mean * factor)


def _per_channel(call: Call, x: Value, scale: Float64, offset: Float64) -> Value:
    """x * scale + offset with one of each per channel, or per element of a vector, in PyTorch's order."""
    order = x.order if len(x.shape) == 1 else np.arange(x.shape[0])
    call.builder.ops.append(FloatBatchNorm(call.name, (x.tensor,), call.name, scale=scale[order], offset=offset[order]))
    return Value(call.result().tensor, call.shape, x.order)


# --- element by element ---------------------------------------------------------------------------


def _clamp(call: Call, low: float, high: float) -> Value:
    x = call.value("self")
    if low > high:
        raise UnsupportedError(f"it clamps to the empty range {low} to {high}")
    call.builder.ops.append(FloatClamp(call.name, (x.tensor,), call.name, low=low, high=high))
    return Value(call.result().tensor, x.shape, x.order)


def relu(call: Call) -> Value:
    """max(x, 0)."""
    return _clamp(call, 0.0, math.inf)


def relu6(call: Call) -> Value:
    """min(max(x, 0), 6)."""
    return _clamp(call, 0.0, 6.0)


def hardtanh(call: Call) -> Value:
    """The clamp to [min_val, max_val]."""
    return _clamp(call, float(call.arguments["min_val"]), float(call.arguments["max_val"]))


def clamp(call: Call) -> Value:
    """clamp and clip with numbers, either of which may be missing; clamp_min, clamp_max."""
    low, high = call.arguments.get("min"), call.arguments.get("max")
    if isinstance(low, (Value, torch.Tensor)) or isinstance(high, (Value, torch.Tensor)):
        raise UnsupportedError("only clamping to numbers is supported, not to tensors")
    return _clamp(call, -math.inf if low is None else float(low), math.inf if high is None else float(high))


def add(call: Call) -> Value:
    """The residual add of two tensors, or of a constant per channel."""
    return _sum(call, 1.0)


def subtract(call: Call) -> Value:
    """Subtraction of a constant per channel."""
    return _sum(call, -1.0)


def subtract_from(call: Call) -> Value:
    """A constant per channel minus x."""
    x, alpha = call.arguments["self"], float(call.arguments["alpha"])
    offset = _channels(call.arguments["other"], x)
    return _per_channel(call, call.builder.laid_out(x, f"{call.name}.input"), np.full(offset.shape, -alpha), offset)


def _sum(call: Call, sign: float) -> Value:
    a, b = call.arguments["self"], call.arguments["other"]
    alpha = float(call.arguments.get("alpha", 1)) * sign
    if isinstance(a, Value) and isinstance(b, Value):
        if alpha != 1:
            raise UnsupportedError("only the plain sum of two tensors is supported; put the factor into the weights of the layer before")
        if a.shape != b.shape:
            raise UnsupportedError(f"it adds tensors of different shapes {a.shape} and {b.shape}; only equal shapes are supported")
        left, right = call.value("self"), call.value("other")
        if not np.array_equal(left.order, right.order):
            raise UnsupportedError("it adds a flattened map to a vector of another order; flatten after the add, not before")
        call.builder.ops.append(FloatAdd(call.name, (left.tensor, right.tensor), call.name))
        return Value(call.result().tensor, left.shape, left.order)
    if isinstance(a, Value):
        x, scale, offset = a, 1.0, alpha * _channels(b, a)
    else:
        x, scale, offset = b, alpha, _channels(a, b)
    return _per_channel(call, call.builder.laid_out(x, f"{call.name}.input"), np.full(offset.shape, scale), offset)


def multiply(call: Call) -> Value:
    """Multiplication by a constant per channel."""
    a, b = call.arguments["self"], call.arguments["other"]
    if isinstance(a, Value) and isinstance(b, Value):
        raise UnsupportedError("it multiplies two tensors that both depend on the network's input; only constants are supported")
    x, factor = (a, b) if isinstance(a, Value) else (b, a)
    scale = _channels(factor, x)
    return _per_channel(call, call.builder.laid_out(x, f"{call.name}.input"), scale, np.zeros(scale.shape))


def divide(call: Call) -> Value:
    """Division by a constant per channel."""
    a, b = call.arguments["self"], call.arguments["other"]
    if not isinstance(a, Value) or isinstance(b, Value) or call.arguments.get("rounding_mode"):
        raise UnsupportedError("only plain division by a constant is supported")
    scale = 1.0 / _channels(b, a)
    return _per_channel(call, call.builder.laid_out(a, f"{call.name}.input"), scale, np.zeros(scale.shape))


def _channels(constant: Any, x: Value) -> Float64:
    """A constant as one value per channel of x, or per element of a vector."""
    if isinstance(constant, Value):
        raise UnsupportedError("it combines two tensors that both depend on the network's input; only a residual add does that")
    array = constant.detach().to("cpu", torch.float64).numpy() if isinstance(constant, torch.Tensor) else np.float64(constant)
    shape = (1, *x.shape)
    if array.ndim > len(shape) or (array.ndim == len(shape) and array.shape[0] != 1):
        raise UnsupportedError(f"its constant has the shape {tuple(array.shape)}; only one value, or one per channel, is supported")
    try:
        channels = np.broadcast_to(array, (1, x.shape[0], *[1] * (len(x.shape) - 1)))
    except ValueError:
        raise UnsupportedError(
            f"its constant has the shape {tuple(array.shape)}; only one value, or one per channel, is supported"
        ) from None
    return np.array(channels, dtype=np.float64).ravel()


# --- windows --------------------------------------------------------------------------------------


def pad(call: Call) -> Value:
    """Constant padding of height and width with 0."""
    arguments = call.arguments
    if arguments.get("mode", "constant") != "constant" or (arguments.get("value") or 0.0) != 0.0:
        raise UnsupportedError("only padding with the constant 0 is supported; use zeros")
    x = _map(call, "self")
    sides = [int(side) for side in arguments["pad"]] + [0, 0]
    left, right, top, bottom, *others = [*sides, 0, 0]
    if any(others) or min(left, right, top, bottom) < 0:
        raise UnsupportedError("only height and width can be padded, and not by negative numbers")
    call.builder.ops.append(FloatPad(call.name, (x.tensor,), call.name, padding=Padding(top, bottom, left, right)))
    return call.result()


def _pool_window(call: Call, x: Value) -> Window:
    """The window of a pool; ceil_mode becomes padding after the last row and column, which no pool counts."""
    arguments = call.arguments
    kernel = _pair(arguments["kernel_size"])
    stride, dilation = _pair(arguments["stride"], kernel), _pair(arguments.get("dilation"), (1, 1))
    (before_y, before_x) = _pair(arguments["padding"])
    after = []
    for axis, before in enumerate((before_y, before_x)):
        covered = (call.shape[1 + axis] - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1
        after.append(max(before, covered - x.shape[1 + axis] - before) if arguments["ceil_mode"] else before)
    return Window(kernel, stride, Padding(before_y, after[0], before_x, after[1]), dilation)


def max_pool2d(call: Call) -> Value:
    """max_pool2d, with or without indices (which must not be used)."""
    x = _map(call, "self")
    call.builder.ops.append(FloatMaxPool2d(call.name, (x.tensor,), call.name, window=_pool_window(call, x)))
    return call.result()


def avg_pool2d(call: Call) -> Value:
    """avg_pool2d that divides by the number of valid pixels."""
    arguments = call.arguments
    x = _map(call, "self")
    window = _pool_window(call, x)
    if arguments["divisor_override"] is not None:
        raise UnsupportedError("divisor_override is not supported; leave it out")
    if arguments["count_include_pad"] and any(_pair(arguments["padding"])):
        raise UnsupportedError("it counts padding pixels in the mean; set count_include_pad=False (or padding=0) and train again")
    call.builder.ops.append(FloatAveragePool2d(call.name, (x.tensor,), call.name, window=window))
    return call.result()


def adaptive_avg_pool2d(call: Call) -> Value:
    """adaptive_avg_pool2d to a size that divides the map's."""
    x = _map(call, "self")
    (height, width), (rows, cols) = x.shape[1:], call.shape[1:]
    if height % rows or width % cols:
        raise UnsupportedError(
            f"a {height} x {width} map does not divide into {rows} x {cols} equal windows; use an output size that divides it, such as 1"
        )
    kernel = (height // rows, width // cols)
    call.builder.ops.append(FloatAveragePool2d(call.name, (x.tensor,), call.name, window=Window(kernel, kernel)))
    return call.result()


def mean(call: Call) -> Value:
    """mean over height and width: global average pooling."""
    x = _map(call, "self")
    axes = {int(axis) % 4 for axis in (call.arguments.get("dim") or [])}
    if axes != {2, 3}:
        raise UnsupportedError("only the mean over height and width, dim=(2, 3), is supported")
    pooled = (x.shape[0], 1, 1)
    call.builder.ops.append(FloatAveragePool2d(call.name, (x.tensor,), call.name, window=Window((x.shape[1], x.shape[2]))))
    return Value(call.builder.declare(call.name, pooled).tensor, call.shape, natural_order(pooled), f"{call.name}.flatten")


# --- shapes and no-ops ----------------------------------------------------------------------------


def reshape(call: Call) -> Value:
    """Any view that keeps the batch and the order of elements; the float graph's reshape comes when the value is used."""
    x = call.arguments["self"] if "self" in call.arguments else call.arguments["input"]
    if not isinstance(x, Value):
        raise UnsupportedError("its input does not depend on the network's input")
    if math.prod(call.shape) != math.prod(x.shape):
        raise UnsupportedError("it changes the batch dimension; keep the first axis as it is, as in x.flatten(1)")
    return Value(x.tensor, call.shape, x.order, call.name)


def identity(call: Call) -> Value:
    """Operators that do nothing at inference."""
    if call.arguments.get("train"):
        raise UnsupportedError("it is in training mode, in which the result is random; call .eval() on the module before exporting it")
    x = next(iter(call.arguments.values()))
    if call.arguments.get("dtype") not in (None, torch.float32, torch.float64):
        raise UnsupportedError(f"it converts to {call.arguments['dtype']}; leave the conversion out, quantization chooses the integers")
    if not isinstance(x, Value):
        raise UnsupportedError("its input does not depend on the network's input")
    return x


#: Supported operators by ATen name, without namespace and overload.
OPERATORS: dict[str, Callable[[Call], Value]] = {
    "conv2d": conv2d,
    "convolution": conv2d,
    "linear": linear,
    "addmm": addmm,
    "mm": mm,
    "batch_norm": batch_norm,
    "_native_batch_norm_legit_no_training": batch_norm,
    "relu": relu,
    "relu6": relu6,
    "hardtanh": hardtanh,
    "clamp": clamp,
    "clip": clamp,
    "clamp_min": clamp,
    "clamp_max": clamp,
    "add": add,
    "sub": subtract,
    "rsub": subtract_from,
    "mul": multiply,
    "div": divide,
    "pad": pad,
    "constant_pad_nd": pad,
    "max_pool2d": max_pool2d,
    "max_pool2d_with_indices": max_pool2d,
    "avg_pool2d": avg_pool2d,
    "adaptive_avg_pool2d": adaptive_avg_pool2d,
    "_adaptive_avg_pool2d": adaptive_avg_pool2d,
    "mean": mean,
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze"), reshape),
    **dict.fromkeys(
        ("clone", "contiguous", "alias", "detach", "dropout", "feature_dropout", "native_dropout", "lift_fresh_copy", "to", "_to_copy"),
        identity,
    ),
}
