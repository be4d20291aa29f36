"""ONNX operators that work element by element, concatenation, softmax, and the quantizers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from onnx import TensorProto

from golden import scalar_function
from golden.affine import Affine
from golden.importers import nchw, pointwise
from golden.importers.backend import scalar_affine
from golden.importers.onnx_call import Call
from golden.importers.values import Constant, Float64, Int64, UnsupportedError, Value
from golden.scalar_function import ScalarFunction

_INTEGERS = {"int8": (-128, 127), "uint8": (0, 255)}


def identity(call: Call) -> Value:
    """Identity, and Dropout at inference."""
    return call.value()


def cast(call: Call) -> Value:
    """Cast among real types."""
    if call.integer("to", 1) not in (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE):
        raise UnsupportedError("it casts to a type that is not real; use QuantizeLinear and DequantizeLinear")
    return call.real()


def relu(call: Call) -> Value:
    """max(x, 0)."""
    return _clamp(call, 0.0, math.inf)


def clip(call: Call) -> Value:
    """Clip to constants, of real values, or of integers as Brevitas writes narrower formats."""
    low, high = call.number(1), call.number(2)
    low = call.decimal("min", -math.inf) if low is None else low
    high = call.decimal("max", math.inf) if high is None else high
    x = call.value()
    if not x.integer:
        return _clamp(call, low, high)
    least, most = _INTEGERS[x.integer]
    if not low <= high:
        raise UnsupportedError(f"it clips to the empty range {low} to {high}")
    moved = 128 if x.integer == "uint8" else 0
    ends = [int(min(max(end, least), most)) - moved for end in (low, high)]
    return replace(x, tensor=call.backend.clamp_integers(call.name, x.tensor, ends[0], ends[1]), origin=None)


def _clamp(call: Call, low: float, high: float) -> Value:
    return pointwise.clamp(call, call.real(), low, high)


def batch_normalization(call: Call) -> Value:
    """BatchNormalization with the statistics of training."""
    if call.integer("training_mode", 0):
        raise UnsupportedError("it is in training mode; export the network for inference (model.eval())")
    x = call.real()
    channels = x.layout.shape[1] if len(x.layout.shape) > 1 else 0
    scale, offset, mean, variance = (call.reals(position, channels) for position in range(1, 5))
    spread = variance + call.decimal("epsilon", 1e-5)
    if not (spread > 0).all():
        raise UnsupportedError("its variances are not above 0; the file is damaged, or training diverged")
    factor = scale / np.sqrt(spread)
    return nchw.per_channel(call, x, factor, offset - mean * factor)


def add(call: Call) -> Value:
    """Add of two tensors of one shape, or of a constant per channel."""
    a, b = call.argument(0), call.argument(1)
    if isinstance(a, Value) and isinstance(b, Value):
        return pointwise.add(call, call.real(0), call.real(1))
    x, constant = _operands(call)
    offset = nchw.channels(call, constant, x)
    return nchw.per_channel(call, x, np.ones(offset.shape), offset)


def subtract(call: Call) -> Value:
    """Sub of a constant per channel, or from one."""
    sign = 1.0 if isinstance(call.argument(0), Value) else -1.0
    if isinstance(call.argument(0), Value) and isinstance(call.argument(1), Value):
        return pointwise.combine(call, call.real(0), call.real(1), scalar_function.difference, "subtracts")
    x, constant = _operands(call)
    offset = nchw.channels(call, constant, x)
    return nchw.per_channel(call, x, np.full(offset.shape, sign), -sign * offset)


def multiply(call: Call) -> Value:
    """Mul with a constant per channel, or of functions of one tensor."""
    if isinstance(call.argument(0), Value) and isinstance(call.argument(1), Value):
        return pointwise.combine(call, call.real(0), call.real(1), scalar_function.product, "multiplies")
    x, constant = _operands(call)
    scale = nchw.channels(call, constant, x)
    return nchw.per_channel(call, x, scale, np.zeros(scale.shape))


def divide(call: Call) -> Value:
    """Div by a constant per channel, or of functions of one tensor."""
    x, divisor = call.real(0), call.argument(1)
    if isinstance(divisor, Value):
        return pointwise.combine(call, x, call.real(1), scalar_function.quotient, "divides")
    values = nchw.channels(call, divisor, x)
    if not values.all():
        raise UnsupportedError("it divides by 0; the file is damaged, or training diverged")
    return nchw.per_channel(call, x, 1.0 / values, np.zeros(values.shape))


def _operands(call: Call) -> tuple[Value, Constant]:
    """The one operand that depends on the network's input, and the constant one."""
    first = isinstance(call.argument(0), Value)
    constant = call.argument(1 if first else 0)
    if not isinstance(constant, Constant):
        raise UnsupportedError("it computes with constants alone")
    return call.real(0 if first else 1), constant


def concatenate(call: Call) -> Value:
    """Concat of maps, or of vectors in ONNX's order."""
    return nchw.concatenate(call, [call.real(position) for position in range(len(call.values))], call.integer("axis", 1))


def softmax(call: Call) -> Value:
    """Softmax over a vector, or over the channels of a map."""
    x = call.real()
    axis = call.integer("axis", -1 if call.opset >= 13 else 1)
    if len(x.layout.shape) > 2 and call.opset < 13:
        raise UnsupportedError("it works over all axes of a map, as opset 12 has it; export the network with opset 13 or later")
    return nchw.softmax(call, x, axis)


# --- functions of one value -------------------------------------------------------------------------


def function(what: ScalarFunction) -> Callable[[Call], Value]:
    """A function without parameters."""
    return lambda call: pointwise.function(call, call.real(), what)


def leaky_relu(call: Call) -> Value:
    """LeakyRelu."""
    return pointwise.function(call, call.real(), scalar_function.leaky_relu(call.decimal("alpha", 0.01)))


def prelu(call: Call) -> Value:
    """PRelu with one slope for all channels."""
    slope = call.number(1)
    if slope is None:
        raise UnsupportedError("it has no slope")
    return pointwise.function(call, call.real(), scalar_function.leaky_relu(slope))


def elu(call: Call) -> Value:
    """Elu."""
    return pointwise.function(call, call.real(), scalar_function.elu(call.decimal("alpha", 1.0)))


def selu(call: Call) -> Value:
    """Selu."""
    alpha, gamma = call.decimal("alpha", 1.6732632423543772), call.decimal("gamma", 1.0507009873554805)
    return pointwise.function(call, call.real(), scalar_function.elu(alpha, gamma))


def hard_sigmoid(call: Call) -> Value:
    """HardSigmoid: max(0, min(1, alpha * x + beta))."""
    line = scalar_function.affine(call.decimal("alpha", 0.2), call.decimal("beta", 0.5))
    return pointwise.function(call, call.real(), scalar_function.clamp(0.0, 1.0).after(line))


def gelu(call: Call) -> Value:
    """Gelu, exact or approximated by tanh."""
    by_tanh = call.text("approximate", "none") == "tanh"
    return pointwise.function(call, call.real(), scalar_function.GELU_TANH if by_tanh else scalar_function.GELU)


# --- the quantizers ---------------------------------------------------------------------------------


def quantize_linear(call: Call) -> Value | Constant:
    """QuantizeLinear with one scale; of a constant, with one per channel too."""
    x, (scale, zero_point, kind) = call.argument(0), _parameters(call)
    if isinstance(x, Constant):
        call.backend.spend(16 * x.array.size)
        parameters = Constant(np.zeros(x.array.shape, np.int8), scale, zero_point, _axis(call, x, scale))
        steps = x.real().astype(np.float32) / np.asarray(_along(parameters, scale), np.float32)  # as ONNX Runtime computes it
        if not np.isfinite(steps).all():
            raise UnsupportedError("it quantizes constants that are not finite")
        return Constant(np.clip(np.rint(steps) + _along(parameters, zero_point), *_INTEGERS[kind]).astype(kind))
    meaning = _one(scale, zero_point, kind)
    return pointwise.quantized(call.real(), call.backend.quantize(call.name, x.tensor, meaning), meaning, kind)


def dequantize_linear(call: Call) -> Value | Constant:
    """DequantizeLinear with one scale; of a constant, with one per channel too."""
    x, (scale, zero_point, _) = call.argument(0), _parameters(call)
    if isinstance(x, Constant):
        if x.scale is not None or x.array.dtype.name not in ("int8", "uint8", "int32"):
            raise UnsupportedError(f"it dequantizes a constant of {x.array.dtype.name}; int8, uint8 and int32 are supported")
        return Constant(x.array, scale, zero_point, _axis(call, x, scale))
    if not x.integer:
        raise UnsupportedError("it dequantizes what was not quantized; the file is damaged")
    return replace(x, tensor=call.backend.dequantize(call.name, x.tensor, _one(scale, zero_point, x.integer)), integer="")


def _parameters(call: Call) -> tuple[Float64, Int64, str]:
    """Scales, zero points and integer type of a quantizer."""
    scale, zero = call.constant(1), call.constant(2)
    if scale is None or scale.scale is not None or scale.array.dtype.kind != "f" or scale.array.ndim > 1 or not scale.array.size:
        raise UnsupportedError("its scale must be a constant, one value or one per channel")
    if call.integer("block_size", 0):
        raise UnsupportedError("it has one scale per block; one per tensor or per channel is supported")
    scales = np.atleast_1d(scale.array).astype(np.float64)
    call.backend.spend(16 * scales.size)
    kind = "uint8" if zero is None else zero.array.dtype.name
    if kind not in ("int8", "uint8", "int32"):
        raise UnsupportedError(f"it quantizes to {kind}; int8 and uint8 activations and weights, and int32 biases, are supported")
    zeros = np.zeros(scales.shape, np.int64) if zero is None else np.atleast_1d(zero.array).astype(np.int64)
    if zeros.shape != scales.shape or not (np.isfinite(scales) & (scales > 0)).all():
        raise UnsupportedError("its scales must be above 0, with as many zero points")
    if kind == "int32" and call.node.kind == "QuantizeLinear":
        raise UnsupportedError("it quantizes to int32; only int8 and uint8 are supported")
    return scales, zeros, kind


def _one(scale: Float64, zero_point: Int64, kind: str) -> Affine:
    if len(scale) != 1 or kind == "int32":
        raise UnsupportedError(f"it has {len(scale)} scales and zero points of {kind}; an activation needs one scale, and int8 or uint8")
    return scalar_affine(float(scale[0]), int(zero_point[0]), kind)


def _axis(call: Call, x: Constant, scale: Float64) -> int:
    """The axis that has one scale each."""
    rank = x.array.ndim
    if len(scale) == 1:
        return 0
    axis = call.integer("axis", 1)
    if not -rank <= axis < rank or x.array.shape[axis] != len(scale):
        raise UnsupportedError(f"it has {len(scale)} scales along axis {axis} of a constant of the shape {list(x.array.shape)}")
    return axis % rank


def _along(constant: Constant, values: Float64 | Int64) -> Float64 | Int64:
    """Values of the axis of a constant, shaped to broadcast."""
    return values.reshape([-1 if at == constant.axis and len(values) > 1 else 1 for at in range(constant.array.ndim)])
