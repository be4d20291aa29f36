"""ONNX operators that work element by element, concatenation, softmax, and the quantizers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from onnx import TensorProto

from golden.affine import Affine
from golden.importers.backend import scalar_affine
from golden.importers.layout import map_layout, vector_layout
from golden.importers.onnx_call import Call
from golden.importers.values import Constant, Float64, Int64, UnsupportedError, Value
from golden.scalar_function import LOGISTIC, TANH

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
    return replace(x, tensor=call.backend.clamp_integers(call.name, x.tensor, ends[0], ends[1]))


def _clamp(call: Call, low: float, high: float) -> Value:
    x = call.real()
    if not low <= high:
        raise UnsupportedError(f"it clips to the empty range {low} to {high}")
    return replace(x, tensor=call.backend.clamp(call.name, x.tensor, low, high))


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
    return _per_channel(call, x, factor, offset - mean * factor)


def add(call: Call) -> Value:
    """Add of two tensors of one shape, or of a constant per channel."""
    a, b = call.argument(0), call.argument(1)
    if not (isinstance(a, Value) and isinstance(b, Value)):
        x, constant = (call.real(0), b) if isinstance(a, Value) else (call.real(1), a)
        offset = _channels(call, constant, x)
        return _per_channel(call, x, np.ones(offset.shape), offset)
    a, b = call.real(0), call.real(1)
    if a.layout.shape != b.layout.shape:
        raise UnsupportedError(
            f"it adds tensors of different shapes {list(a.layout.shape)} and {list(b.layout.shape)}; only equal shapes are supported"
        )
    if not a.layout.like(b.layout):
        raise UnsupportedError("it adds a flattened or transposed map to a tensor of another order; add the maps themselves")
    second, shape = b.tensor, call.backend.shape(a.tensor)
    if call.backend.shape(second) != shape:
        second = call.backend.reshape(f"{call.name}.input", second, shape)
    return call.made(call.backend.add(call.name, a.tensor, second), a.layout)


def subtract(call: Call) -> Value:
    """Sub of a constant per channel, or from one."""
    if isinstance(call.argument(0), Value):
        x = call.real(0)
        offset = _channels(call, call.argument(1), x)
        return _per_channel(call, x, np.ones(offset.shape), -offset)
    x = call.real(1)
    offset = _channels(call, call.argument(0), x)
    return _per_channel(call, x, -np.ones(offset.shape), offset)


def multiply(call: Call) -> Value:
    """Mul with a constant per channel."""
    first = isinstance(call.argument(0), Value)
    x = call.real(0 if first else 1)
    scale = _channels(call, call.argument(1 if first else 0), x)
    return _per_channel(call, x, scale, np.zeros(scale.shape))


def divide(call: Call) -> Value:
    """Div by a constant per channel."""
    x = call.real(0)
    divisor = _channels(call, call.argument(1), x)
    if not divisor.all():
        raise UnsupportedError("it divides by 0; the file is damaged, or training diverged")
    return _per_channel(call, x, 1.0 / divisor, np.zeros(divisor.shape))


def concatenate(call: Call) -> Value:
    """Concat of maps, or of vectors in ONNX's order."""
    parts = [call.real(position) for position in range(len(call.values))]
    ranks = {len(part.layout.shape) for part in parts}
    if len(ranks) != 1 or not ranks <= {2, 4}:
        raise UnsupportedError("it joins tensors other than maps [1, C, H, W] or vectors [1, N]")
    rank = ranks.pop()
    axis = call.integer("axis", 1)
    if not (-rank <= axis < rank and axis % rank):
        raise UnsupportedError(f"it joins along axis {axis}; only the axes of one image are supported")
    parts = [call.laid_out(part, rank) for part in parts]
    if rank == 2 and not all(part.layout.in_order() for part in parts):
        raise UnsupportedError("it joins flattened maps, whose order differs between NCHW and NHWC; join the maps instead")
    sizes = list(parts[0].layout.shape)
    for part in parts[1:]:
        if [size for at, size in enumerate(part.layout.shape) if at != axis % rank] != [
            s for at, s in enumerate(sizes) if at != axis % rank
        ]:
            raise UnsupportedError(f"it joins {list(part.layout.shape)} and {list(parts[0].layout.shape)}, which differ in other axes too")
        sizes[axis % rank] += part.layout.shape[axis % rank]
    layout = map_layout(sizes[1], sizes[2], sizes[3]) if rank == 4 else vector_layout(sizes[1])
    if len(parts) == 1:
        return parts[0]
    names = tuple(part.tensor for part in parts)
    return call.made(call.backend.concatenate(call.name, names, {1: 2, 2: 0, 3: 1}[axis % rank] if rank == 4 else 0), layout)


def softmax(call: Call) -> Value:
    """Softmax over a vector, or over the channels of a map."""
    x = call.real()
    rank = len(x.layout.shape)
    axis = call.integer("axis", -1 if call.opset >= 13 else 1)
    if rank not in (2, 4) or not -rank <= axis < rank or axis % rank != 1 or (rank == 4 and call.opset < 13):
        raise UnsupportedError(f"it works along axis {axis} of {list(x.layout.shape)}; only vectors, and channels of maps, are supported")
    x = call.laid_out(x, rank)
    return replace(x, tensor=call.backend.softmax(call.name, x.tensor))


def sigmoid(call: Call) -> Value:
    """1 / (1 + exp(-x))."""
    x = call.real()
    return replace(x, tensor=call.backend.function(call.name, x.tensor, LOGISTIC))


def tanh(call: Call) -> Value:
    """tanh(x)."""
    x = call.real()
    return replace(x, tensor=call.backend.function(call.name, x.tensor, TANH))


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
    return replace(call.real(), tensor=call.backend.quantize(call.name, x.tensor, _one(scale, zero_point, kind)), integer=kind)


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


def _per_channel(call: Call, x: Value, scale: Float64, offset: Float64) -> Value:
    """x * scale + offset with one of each per channel of a map, or per element of a vector, in ONNX's order."""
    x = call.laid_out(x, len(x.layout.shape) if len(x.layout.shape) in (2, 4) else 4)
    if len(x.layout.shape) == 2:
        order = x.layout.order()
        scale, offset = scale[order], offset[order]
    return replace(x, tensor=call.backend.scale_offset(call.name, x.tensor, scale, offset))


def _channels(call: Call, constant: Value | Constant, x: Value) -> Float64:
    """A constant as one value per channel of x, or per element of a vector."""
    if isinstance(constant, Value):
        raise UnsupportedError("it combines two tensors that both depend on the network's input; only Add does that")
    rank, shape = len(x.layout.shape), constant.array.shape
    channels = x.layout.shape[1] if rank > 1 else 1
    wide = (1,) * (rank - len(shape)) + shape
    if len(shape) > rank or any(size != 1 and (at != 1 or size != channels) for at, size in enumerate(wide)):
        raise UnsupportedError(f"its constant has the shape {list(shape)}; only one value, or one per channel, is supported")
    call.backend.spend(16 * channels)
    return np.array(np.broadcast_to(constant.real().ravel(), (channels,)))
