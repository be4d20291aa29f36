"""ATen operators that work element by element: clamps, adds, constants per channel."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from golden.float_graph import FloatAdd, FloatClamp
from golden.importers.torch_call import Call, Float64, per_channel
from golden.importers.torch_values import Value
from golden.importers.values import UnsupportedError


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
    return per_channel(call, call.builder.laid_out(x, f"{call.name}.input"), np.full(offset.shape, -alpha), offset)


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
    return per_channel(call, call.builder.laid_out(x, f"{call.name}.input"), np.full(offset.shape, scale), offset)


def multiply(call: Call) -> Value:
    """Multiplication by a constant per channel."""
    a, b = call.arguments["self"], call.arguments["other"]
    if isinstance(a, Value) and isinstance(b, Value):
        raise UnsupportedError("it multiplies two tensors that both depend on the network's input; only constants are supported")
    x, factor = (a, b) if isinstance(a, Value) else (b, a)
    scale = _channels(factor, x)
    return per_channel(call, call.builder.laid_out(x, f"{call.name}.input"), scale, np.zeros(scale.shape))


def divide(call: Call) -> Value:
    """Division by a constant per channel."""
    a, b = call.arguments["self"], call.arguments["other"]
    if not isinstance(a, Value) or isinstance(b, Value) or call.arguments.get("rounding_mode"):
        raise UnsupportedError("only plain division by a constant is supported")
    scale = 1.0 / _channels(b, a)
    return per_channel(call, call.builder.laid_out(a, f"{call.name}.input"), scale, np.zeros(scale.shape))


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
