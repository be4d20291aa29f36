"""What to do about PyTorch operators that Weft does not support."""

from __future__ import annotations

SUPPORTED = (
    "Conv2d (groups=1 or depthwise), Linear, BatchNorm, ReLU, ReLU6, Hardtanh / clamp, residual add, MaxPool2d, AvgPool2d, "
    "AdaptiveAvgPool2d, mean over H and W, flatten, constant padding before a convolution, Dropout, Identity"
)

_SMOOTH = "use ReLU, ReLU6 or Hardtanh and train again"
_ON_HOST = "leave it out of the exported module and apply it to the dequantized output: it does not change which class wins"

_ADVICE = {
    "softmax": _ON_HOST,
    "_softmax": _ON_HOST,
    "log_softmax": _ON_HOST,
    "_log_softmax": _ON_HOST,
    "argmax": _ON_HOST,
    "sigmoid": f"as the last layer, {_ON_HOST}; elsewhere {_SMOOTH}",
    "tanh": _SMOOTH,
    "silu": _SMOOTH,
    "gelu": _SMOOTH,
    "elu": _SMOOTH,
    "mish": _SMOOTH,
    "softplus": _SMOOTH,
    "leaky_relu": _SMOOTH,
    "prelu": _SMOOTH,
    "hardswish": _SMOOTH,
    "hardsigmoid": _SMOOTH,
    "cat": "use a residual add instead of a concatenation",
    "mul": "only a constant can be multiplied with, one value or one per channel",
    "div": "only a constant can be divided by, one value or one per channel",
    "conv1d": "write it as a Conv2d with a kernel of height 1 on maps of height 1",
    "conv3d": "use Conv2d",
    "conv_transpose2d": "use Conv2d; upsampling is not supported",
    "upsample_nearest2d": "upsampling is not supported",
    "upsample_bilinear2d": "upsampling is not supported",
    "layer_norm": "use BatchNorm2d, which folds into the weights",
    "native_layer_norm": "use BatchNorm2d, which folds into the weights",
    "group_norm": "use BatchNorm2d, which folds into the weights",
    "native_group_norm": "use BatchNorm2d, which folds into the weights",
    "instance_norm": "use BatchNorm2d, which folds into the weights",
    "permute": "the network takes NCHW, as PyTorch does, and the importer changes the layout; leave the permutation out",
    "transpose": "the network takes NCHW, as PyTorch does, and the importer changes the layout; leave the transposition out",
    "adaptive_max_pool2d": "use MaxPool2d with the size of the map as its kernel",
}


def advice(operator: str) -> str:
    """What to do instead of an operator, by its ATen name without namespace and overload."""
    return _ADVICE.get(operator, f"replace it by supported operators: {SUPPORTED}")
