"""What to do about PyTorch operators that Weft does not support."""

from __future__ import annotations

SUPPORTED = (
    "Conv2d, Conv1d, Linear, BatchNorm, ReLU, ReLU6, Hardtanh / clamp, LeakyReLU, Hardswish, SiLU, GELU, Sigmoid, Tanh, residual add, "
    "concatenation, MaxPool2d, AvgPool2d, AdaptiveAvgPool2d, mean over H and W, flatten, constant padding, Softmax at the end, "
    "Dropout, Identity"
)

_ON_HOST = "leave it out of the exported module and apply it to the dequantized output: it does not change which class wins"
_CONV2D = "use Conv2d; upsampling is not supported"
_NORM = "use BatchNorm2d, which folds into the weights"
_PARTS = "taking parts of a tensor is not supported; make two layers of the one that makes it"
_PT2E = "quantize with a quantizer for static int8, one scale per activation tensor, and convert_pt2e"

_ADVICE = {
    "log_softmax": _ON_HOST,
    "_log_softmax": _ON_HOST,
    "argmax": _ON_HOST,
    "rrelu": "use LeakyReLU and train again",
    "stack": "use torch.cat",
    "split": _PARTS,
    "split_with_sizes": _PARTS,
    "chunk": _PARTS,
    "slice": _PARTS,
    "select": _PARTS,
    "narrow": _PARTS,
    "channel_shuffle": "shuffling channels is not supported; use a 1 x 1 convolution",
    "pixel_shuffle": "upsampling is not supported",
    "conv3d": "use Conv2d",
    "conv_transpose1d": _CONV2D,
    "conv_transpose2d": _CONV2D,
    "conv_transpose3d": _CONV2D,
    "upsample_nearest2d": "upsampling is not supported",
    "upsample_bilinear2d": "upsampling is not supported",
    "layer_norm": _NORM,
    "native_layer_norm": _NORM,
    "group_norm": _NORM,
    "native_group_norm": _NORM,
    "instance_norm": _NORM,
    "lstm": "recurrent layers are not supported",
    "gru": "recurrent layers are not supported",
    "scaled_dot_product_attention": "attention multiplies tensors that are computed; it is not supported",
    "bmm": "only constant weights are supported, not products of computed tensors",
    "choose_qparams": _PT2E,
    "quantize_per_channel": _PT2E,
    "dequantize_per_channel": _PT2E,
    "quantize_affine": _PT2E,
    "dequantize_affine": _PT2E,
}


def advice(operator: str) -> str:
    """What to do instead of an operator, by its ATen name without namespace and overload."""
    return _ADVICE.get(operator, f"replace it by supported operators: {SUPPORTED}")
