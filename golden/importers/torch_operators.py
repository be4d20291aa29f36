"""One function per supported ATen operator: it adds what the operator means to the float graph.

Every function takes the `Call` and returns the operator's value, or raises `UnsupportedError` with the reason.
Whatever cannot be represented exactly is refused here, never approximated.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from golden.importers import torch_elementwise as elementwise
from golden.importers import torch_weights as weights
from golden.importers import torch_windows as windows
from golden.importers.torch_call import Call
from golden.importers.torch_values import Value
from golden.importers.values import UnsupportedError


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
    "conv2d": weights.conv2d,
    "convolution": weights.conv2d,
    "linear": weights.linear,
    "addmm": weights.addmm,
    "mm": weights.mm,
    "batch_norm": weights.batch_norm,
    "_native_batch_norm_legit_no_training": weights.batch_norm,
    "relu": elementwise.relu,
    "relu6": elementwise.relu6,
    "hardtanh": elementwise.hardtanh,
    "clamp": elementwise.clamp,
    "clip": elementwise.clamp,
    "clamp_min": elementwise.clamp,
    "clamp_max": elementwise.clamp,
    "add": elementwise.add,
    "sub": elementwise.subtract,
    "rsub": elementwise.subtract_from,
    "mul": elementwise.multiply,
    "div": elementwise.divide,
    "pad": windows.pad,
    "constant_pad_nd": windows.pad,
    "max_pool2d": windows.max_pool2d,
    "max_pool2d_with_indices": windows.max_pool2d,
    "avg_pool2d": windows.avg_pool2d,
    "adaptive_avg_pool2d": windows.adaptive_avg_pool2d,
    "_adaptive_avg_pool2d": windows.adaptive_avg_pool2d,
    "mean": windows.mean,
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze"), reshape),
    **dict.fromkeys(
        ("clone", "contiguous", "alias", "detach", "dropout", "feature_dropout", "native_dropout", "lift_fresh_copy", "to", "_to_copy"),
        identity,
    ),
}
