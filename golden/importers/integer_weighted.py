"""Operators with quantized weights before the scale of their output is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from golden.affine import Affine
from golden.formats import clamp_steps
from golden.graph import Conv2d, DepthwiseConv2d, FullyConnected, Int8, Reshape, Window
from golden.importers.convolution_weights import dense, depthwise
from golden.importers.values import Constant, Float64, Int64, UnsupportedError
from golden.rescale import INT32_MAX, INT32_MIN

if TYPE_CHECKING:
    from golden.importers.integer_backend import IntegerBackend

#: How far the scale of a stored bias may be from S_w * S_x (a float32 product) for its integers to be taken as they are.
_BIAS_TOLERANCE = 1e-5
#: A constant offset per channel has at most this many steps.
_OFFSET_STEPS = 2.0**24


@dataclass(frozen=True, eq=False)
class Weighted:
    """A convolution or linear layer.

    x:      the integer tensor that it reads.
    shape:  of its output.
    window: None for a linear layer.
    weight: int8 in the graph's order.
    scale, zero_point: of the weights, per output channel.
    bias:   real, per output channel; `bias_steps` are its integers where the file has them.
    """

    x: str
    shape: tuple[int, ...]
    window: Window | None
    weight: Int8
    scale: Float64
    zero_point: Int64
    bias: Float64
    bias_steps: Int64 | None = None

    def scaled(self, scale: Float64, offset: Float64) -> Weighted:
        """Its output times a scale > 0, plus an offset."""
        return replace(self, scale=self.scale * scale, bias=self.bias * scale + offset, bias_steps=None)

    def build(self, backend: IntegerBackend, wanted: str, meaning: Affine, low: float, high: float) -> str:
        """Adds the operator with M = S_w * S_x / S_y; a depthwise one on a vector goes through a map."""
        source = backend.tensors[self.x]
        steps = self.scale * source.affine.scale
        bias = np.rint(self.bias / steps) if self.bias_steps is None else self.bias_steps
        if not ((bias >= INT32_MIN) & (bias <= INT32_MAX)).all():
            raise UnsupportedError("its bias does not fit 32 bits in steps of the weights' times the input's scale")
        backend.spend(self.weight.nbytes + 64 * len(steps))
        act_min, act_max = clamp_steps(low, high, meaning)
        rescale = backend.rescale(steps / meaning.scale)
        common = {"act_min": act_min, "act_max": act_max, "weight": self.weight, "weight_scale": self.scale, "rescale": rescale}
        integers = {"weight_zero_point": self.zero_point, "bias": bias.astype(np.int64)}
        if self.window is None:
            y = backend.declare(wanted, self.shape, meaning)
            return backend.put(FullyConnected(y, (self.x,), y, **common, **integers))  # type: ignore[arg-type]
        kind = Conv2d if self.weight.ndim == 4 else DepthwiseConv2d
        if len(self.shape) == 3:
            y = backend.declare(wanted, self.shape, meaning)
            return backend.put(kind(y, (self.x,), y, window=self.window, **common, **integers))  # type: ignore[arg-type]
        x = backend.reshape(f"{wanted}.map", self.x, (1, 1, *self.shape))
        y = backend.declare(f"{wanted}.scaled", (1, 1, *self.shape), meaning)
        backend.put(kind(y, (x,), y, window=self.window, **common, **integers))  # type: ignore[arg-type]
        flat = backend.declare(wanted, self.shape, meaning)
        return backend.put(Reshape(flat, (y,), flat))


def weighted_conv(backend: IntegerBackend, x: str, weight: Constant, bias: Constant | None, window: Window, groups: int) -> Weighted:
    """A convolution of ONNX's weights [O, I / groups, kh, kw]; groups other than depthwise become real zeros in dense weights."""
    array, scale, zero_point = _integers(weight)
    rows, columns, channels = backend.shape(x)
    shape = (*window.output_size(rows, columns), len(scale))
    if groups > 1 and groups == channels:
        ordered = depthwise(array)
    else:
        backend.spend(array.size * groups)
        ordered = dense(array, groups, zero_point.astype(np.int8))
    return Weighted(x, shape, window, ordered, scale, zero_point, *_bias(backend, x, scale, bias))


def weighted_linear(backend: IntegerBackend, x: str, weight: Constant, bias: Constant | None) -> Weighted:
    """A linear layer of weights [O, I]."""
    array, scale, zero_point = _integers(weight)
    return Weighted(x, (len(scale),), None, array, scale, zero_point, *_bias(backend, x, scale, bias))


def scaling(backend: IntegerBackend, x: str, scale: Float64, offset: Float64) -> Weighted:
    """x * scale + offset per channel, as a 1 x 1 depthwise convolution with one weight of full size per channel."""
    backend.spend(64 * len(scale))
    source = backend.tensors[x]
    steps = np.maximum(np.abs(scale) / 127, np.abs(offset) / (source.affine.scale * _OFFSET_STEPS))
    steps = np.where(steps > 0, steps, 1.0)
    if not np.isfinite(steps).all():
        raise UnsupportedError("its constants are not finite")
    weight = np.rint(scale / steps).astype(np.int8)[None, None, :]
    return Weighted(x, source.shape, Window((1, 1)), weight, steps, np.zeros(len(scale), np.int64), offset)


def averaging(backend: IntegerBackend, x: str, window: Window) -> Weighted:
    """The mean of each window without padding, as a depthwise convolution: the division by n is in the factor."""
    rows, columns, channels = backend.shape(x)
    taps = window.kernel[0] * window.kernel[1]
    backend.spend(taps * channels)
    weight = np.ones((*window.kernel, channels), np.int8)
    shape = (*window.output_size(rows, columns), channels)
    zeros = np.zeros(channels, np.int64)
    return Weighted(x, shape, window, weight, np.full(channels, 1.0 / taps), zeros, np.zeros(channels), zeros)


def _integers(weight: Constant) -> tuple[Int8, Float64, Int64]:
    """Weights as int8 with a scale and a zero point per output channel, the first axis; unsigned ones move by 128 (SPEC eq. 7)."""
    if weight.scale is None or weight.zero_point is None or weight.array.dtype.name not in ("int8", "uint8"):
        raise UnsupportedError("its weights are not quantized to int8 or uint8; quantize the network again")
    outputs = weight.array.shape[0]
    if len(weight.scale) > 1 and (weight.axis != 0 or len(weight.scale) != outputs):
        raise UnsupportedError(f"its weights have {len(weight.scale)} scales along axis {weight.axis}; one per output channel is needed")
    moved = 128 if weight.array.dtype.name == "uint8" else 0
    zero_point = np.broadcast_to(weight.zero_point - moved, outputs)
    if (zero_point < -128).any() or (zero_point > 127).any():
        raise UnsupportedError("its weights have zero points that their type cannot hold")
    return (weight.array.astype(np.int16) - moved).astype(np.int8), np.broadcast_to(weight.scale, outputs).copy(), zero_point.copy()


def _bias(backend: IntegerBackend, x: str, scale: Float64, bias: Constant | None) -> tuple[Float64, Int64 | None]:
    """The real bias, and its integers where the file stores them in steps of S_w * S_x."""
    if bias is None:
        return np.zeros(len(scale)), np.zeros(len(scale), np.int64)
    reals = bias.real()
    if not np.isfinite(reals).all():
        raise UnsupportedError("its bias is not finite")
    steps = scale * backend.affine(x).scale
    if bias.scale is None or bias.zero_point is None or bias.array.dtype != np.int32 or bias.zero_point.any():
        return reals, None
    alike = (np.abs(bias.scale / steps - 1) < _BIAS_TOLERANCE).all()
    return reals, bias.array.astype(np.int64) if alike else None
