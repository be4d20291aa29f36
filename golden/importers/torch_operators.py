"""One function per supported operator of an exported program: it adds what the operator means to the graph.

Every function takes the `Call` and returns the operator's value, or raises `UnsupportedError` with the reason.
Whatever cannot be represented exactly is refused here, never approximated.
"""

from __future__ import annotations

from collections.abc import Callable

from golden import scalar_function
from golden.importers import torch_elementwise as elementwise
from golden.importers import torch_layout as layout
from golden.importers import torch_quantizers as quantizers
from golden.importers import torch_weights as weights
from golden.importers import torch_windows as windows
from golden.importers.torch_call import Call
from golden.importers.values import Value

_NOTHING = ("clone", "contiguous", "alias", "detach", "dropout", "feature_dropout", "native_dropout", "lift_fresh_copy", "to", "_to_copy")
_VIEWS = ("view", "_unsafe_view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze")

#: Supported operators by name, without namespace and overload.
OPERATORS: dict[str, Callable[[Call], Value]] = {
    "conv1d": weights.conv,
    "conv2d": weights.conv,
    "convolution": weights.conv,
    "linear": weights.linear,
    "addmm": weights.addmm,
    "mm": weights.matmul,
    "matmul": weights.matmul,
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
    "neg": elementwise.negate,
    "mul": elementwise.multiply,
    "div": elementwise.divide,
    "sigmoid": elementwise.function(scalar_function.LOGISTIC),
    "tanh": elementwise.function(scalar_function.TANH),
    "silu": elementwise.function(scalar_function.SILU),
    "hardswish": elementwise.function(scalar_function.HARD_SWISH),
    "hardsigmoid": elementwise.function(scalar_function.HARD_SIGMOID),
    "mish": elementwise.function(scalar_function.MISH),
    "abs": elementwise.function(scalar_function.ABSOLUTE),
    "gelu": elementwise.gelu,
    "leaky_relu": elementwise.leaky_relu,
    "prelu": elementwise.prelu,
    "elu": elementwise.elu,
    "selu": elementwise.selu,
    "celu": elementwise.celu,
    "softplus": elementwise.softplus,
    "pow": elementwise.power,
    "cat": elementwise.concatenate,
    "concat": elementwise.concatenate,
    "concatenate": elementwise.concatenate,
    "softmax": elementwise.softmax,
    "_softmax": elementwise.softmax,
    "pad": windows.pad,
    "constant_pad_nd": windows.pad,
    "max_pool1d": windows.max_pool,
    "max_pool2d": windows.max_pool,
    "max_pool1d_with_indices": windows.max_pool,
    "max_pool2d_with_indices": windows.max_pool,
    "adaptive_max_pool1d": windows.adaptive_max_pool,
    "adaptive_max_pool2d": windows.adaptive_max_pool,
    "avg_pool1d": windows.avg_pool,
    "avg_pool2d": windows.avg_pool,
    "adaptive_avg_pool1d": windows.adaptive_avg_pool,
    "adaptive_avg_pool2d": windows.adaptive_avg_pool,
    "_adaptive_avg_pool2d": windows.adaptive_avg_pool,
    "mean": windows.mean,
    "permute": layout.permute,
    "transpose": layout.transpose,
    **dict.fromkeys(_VIEWS, layout.reshape),
    **dict.fromkeys(_NOTHING, layout.identity),
    "quantize_per_tensor": quantizers.quantize_per_tensor,
    "dequantize_per_tensor": quantizers.dequantize_per_tensor,
}
