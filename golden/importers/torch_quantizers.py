"""The quantizers and dequantizers of PyTorch's PT2E flow (torchao): the operators of `quantized_decomposed`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from golden.importers import pointwise
from golden.importers.backend import scalar_affine
from golden.importers.torch_call import Call, stored
from golden.importers.values import Constant, Float64, Int64, UnsupportedError, Value

_RANGES = {torch.int8: (-128, 127), torch.uint8: (0, 255)}
_NAMES = {torch.int8: "int8", torch.uint8: "uint8"}


def quantize_per_tensor(call: Call) -> Value:
    """The integers of an activation; a narrower range than the type's clamps them."""
    x, (scale, zero_point) = call.value("input"), _parameters(call)
    kind, (low, high) = _type(call), _RANGES[call.arguments["dtype"]]
    meaning = scalar_affine(float(scale[0]), int(zero_point[0]), kind)
    tensor = call.backend.quantize(call.name, x.tensor, meaning)
    least, most = int(call.arguments["quant_min"]), int(call.arguments["quant_max"])
    if not low <= least <= most <= high:
        raise UnsupportedError(f"it quantizes to the integers from {least} to {most}, which {kind} does not hold")
    moved = 128 if kind == "uint8" else 0
    if (least, most) != (low, high):
        tensor = call.backend.clamp_integers(call.name, tensor, least - moved, most - moved)
    return pointwise.quantized(x, tensor, meaning, kind, (least - moved, most - moved))


def dequantize_per_tensor(call: Call) -> Value:
    """The real values of an activation's integers."""
    x, (scale, zero_point) = call.tensor("input"), _parameters(call)
    kind = _type(call)
    if x.integer != kind:
        raise UnsupportedError(f"it dequantizes {x.integer or 'real values'} as {kind}; the program is damaged")
    meaning = scalar_affine(float(scale[0]), int(zero_point[0]), kind)
    return replace(x, tensor=call.backend.dequantize(call.name, x.tensor, meaning), integer="")


def dequantize_constant(arguments: dict[str, Any]) -> Constant:
    """A constant with one scale, or one per channel.  Raises UnsupportedError for parameters that cannot be."""
    name = "scale" if "scale" in arguments else "scales"
    array = stored(arguments["input"])
    if array.array.dtype.name not in ("int8", "uint8", "int32"):
        raise UnsupportedError(f"it dequantizes a constant of {array.array.dtype.name}; int8, uint8 and int32 are supported")
    scale, zero_point = _scales(arguments[name]), _zero_points(arguments["zero_point" if name == "scale" else "zero_points"])
    axis = int(arguments.get("axis", 0))
    if zero_point.shape != scale.shape:
        zero_point = np.broadcast_to(zero_point, scale.shape)
    if len(scale) > 1 and not (0 <= axis < array.array.ndim and array.array.shape[axis] == len(scale)):
        raise UnsupportedError(f"it has {len(scale)} scales along axis {axis} of a constant of the shape {list(array.array.shape)}")
    return Constant(array.array, scale, zero_point, axis)


def _type(call: Call) -> str:
    kind = call.arguments["dtype"]
    if kind not in _NAMES:
        raise UnsupportedError(f"it quantizes to {kind}; only int8 and uint8 activations are supported")
    if call.arguments.get("out_dtype") not in (None, torch.float32):
        raise UnsupportedError(f"it dequantizes to {call.arguments['out_dtype']}; only float32 is supported")
    return _NAMES[kind]


def _parameters(call: Call) -> tuple[Float64, Int64]:
    scale, zero_point = call.arguments["scale"], call.arguments["zero_point"]
    if isinstance(scale, Value) or isinstance(zero_point, Value):
        raise UnsupportedError("its scale is computed at run time; quantize statically, with calibration data")
    scales, zeros = _scales(scale), _zero_points(zero_point)
    if len(scales) != 1 or len(zeros) != 1:
        raise UnsupportedError(f"it has {len(scales)} scales; an activation needs one")
    return scales, zeros


def _scales(value: Any) -> Float64:
    scales = np.atleast_1d(stored(value).real() if isinstance(value, torch.Tensor) else np.float64(value))
    if scales.ndim != 1 or not (np.isfinite(scales) & (scales > 0)).all():
        raise UnsupportedError("its scales must be one-dimensional and above 0")
    return scales


def _zero_points(value: Any) -> Int64:
    zeros = np.atleast_1d(stored(value).real() if isinstance(value, torch.Tensor) else np.float64(value))
    if zeros.ndim != 1 or not (np.isfinite(zeros) & (zeros == np.rint(zeros)) & (np.abs(zeros) < 2**31)).all():
        raise UnsupportedError("its zero points must be one-dimensional and whole")
    return zeros.astype(np.int64)
