"""TensorFlow Lite's ADD: of two activations, or of an activation and a constant."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from golden.graph import Add, DepthwiseConv2d, Lookup, Tensor, Window
from golden.importers.tflite_call import Call, affine
from golden.importers.tflite_file import Array, FileTensor
from golden.importers.values import UnsupportedError
from golden.kernels import elementwise
from golden.rescale import TFLITE, Rescale

#: Bits by which an add shifts its inputs left (SPEC eq. 21).
_LEFT_SHIFT = 20


def add(call: Call) -> None:
    """ADD of two activations of one shape, with TensorFlow Lite's factors in double precision (SPEC eq. 21); or of a constant, one or one
    per channel."""
    constants = [position for position in (0, 1) if call.tensor(position).data is not None]
    if len(constants) == 1:
        _constant(call, 1 - constants[0], constants[0])
        return
    names = call.activation(0), call.activation(1)
    a, b = (call.builder.tensors[name] for name in names)
    if a.shape != b.shape:
        raise UnsupportedError(f"it adds tensors of different shapes {a.shape} and {b.shape}; only equal shapes are supported")
    call.finish(_add(call, names, (a, b)))


def _add(call: Call, names: tuple[str, str], operands: tuple[Tensor, Tensor]) -> Add:
    meaning = affine(call.target())
    scales = [operand.affine.scale for operand in operands]
    common = 2 * max(scales)
    return Add(
        call.name,
        names,
        call.result(operands[0].shape),
        left_shift=_LEFT_SHIFT,
        rescale_a=Rescale.from_real(TFLITE, scales[0] / common),
        rescale_b=Rescale.from_real(TFLITE, scales[1] / common),
        rescale_out=Rescale.from_real(TFLITE, common / (2.0**_LEFT_SHIFT * meaning.scale)),
        **call.clamp(meaning),
    )


def _constant(call: Call, at: int, constant_at: int) -> None:
    """With one constant for all elements the sum is a function of one value.  With one per channel the constants become a map of their own,
    made by a depthwise convolution whose weights are 0, and the sum is one of two maps."""
    name, tensor = call.activation(at), call.tensor(constant_at)
    x, data = call.builder.tensors[name], _values(call, tensor)
    if data.size == 1:
        operand = Tensor(tensor.name, x.shape, affine(tensor))
        op = _add(call, (name, tensor.name), (x, operand))
        every = np.arange(-128, 128).astype(np.int8)
        sums = elementwise.add(every, np.broadcast_to(data.reshape(-1), 256), op, (x.affine.zero_point, operand.affine.zero_point))
        table = np.clip(sums + affine(call.target()).zero_point, op.act_min, op.act_max).astype(np.int8)
        call.finish(Lookup(call.name, (name,), op.output, table=table))
        return
    channels = x.shape[-1]
    if data.size != channels or data.shape[-1] != channels:
        raise UnsupportedError(
            f"it adds a constant of the shape {list(tensor.shape)} to {x.shape}; only one value, or one per channel, is supported"
        )
    shape = x.shape if len(x.shape) == 3 else (1, 1, *x.shape)
    map_name = call.reshaped(name, shape, "map")
    meaning = affine(tensor)
    constants = Tensor(call.builder.declare(f"{tensor.name}.map", shape, meaning), shape, meaning)
    call.builder.ops.append(
        DepthwiseConv2d(
            f"{call.name}.constant",
            (map_name,),
            constants.name,
            weight=np.zeros((1, 1, channels), np.int8),
            weight_zero_point=np.zeros(channels, np.int32),
            weight_scale=np.full(channels, meaning.scale / x.affine.scale),
            bias=data.reshape(-1).astype(np.int32) - meaning.zero_point,
            rescale=Rescale.from_real(TFLITE, np.ones(channels)),
            window=Window((1, 1)),
        )
    )
    call.finish(_add(call, (map_name, constants.name), (replace(x, shape=shape), constants)))


def _values(call: Call, tensor: FileTensor) -> Array:
    """A constant operand's int8 values."""
    if tensor.unsupported:
        raise UnsupportedError(f"tensor {tensor.name!r}: {tensor.unsupported}")
    if tensor.type != "INT8" or tensor.data is None or not tensor.data.size:
        raise UnsupportedError(f"its constant {tensor.name!r} is {tensor.type}; convert the network with full int8 quantization")
    return call.builder.copy(tensor.data)
