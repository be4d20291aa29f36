"""Gradients of fake quantization: what is rounded forwards passes its gradient backwards (SPEC section 16).

`centred` is q - Z throughout, whole numbers in floating point, so that the value that they stand for is S * centred.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

#: An end in steps: one for all values, or a tensor that broadcasts against them.
Ends = float | Tensor


class _FakeQuantize(Function):
    """S * centred; the scale is learned."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, centred: Tensor, low: Ends, high: Ends) -> Tensor:
        ctx.save_for_backward(x, scale, centred)
        ctx.ends = low, high
        return scale * centred

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None, None, None]:
        x, scale, centred = ctx.saved_tensors
        (gradient,) = gradients
        inside = _inside(x, scale, *ctx.ends)
        to_scale = None
        if ctx.needs_input_grad[1]:
            to_scale = (gradient * torch.where(inside, centred - x / scale, centred)).sum_to_size(scale.shape)
        return gradient * inside, to_scale, None, None, None


class _Clip(Function):
    """S * centred; the upper end of the range is learned."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, end: Tensor, scale: Tensor, centred: Tensor, low: Ends, high: Ends) -> Tensor:
        ctx.save_for_backward(x, scale)
        ctx.ends = low, high
        return scale * centred

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None, None]:
        x, scale = ctx.saved_tensors
        (gradient,) = gradients
        above = x >= scale * ctx.ends[1]
        return gradient * _inside(x, scale, *ctx.ends), (gradient * above).sum(), None, None, None, None


class _Replace(Function):
    """Another value, the same gradient."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, by: Tensor) -> Tensor:
        return by.expand_as(value).clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


class _ScaleGradient(Function):
    """The same value, its gradient times a factor."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * ctx.factor, None


def _inside(x: Tensor, scale: Tensor, low: Ends, high: Ends) -> Tensor:
    """Whether values lie in [S * low, S * high], ends included."""
    return (x >= scale * low) & (x <= scale * high)


def fake_quantize(x: Tensor, scale: Tensor, centred: Tensor, low: Ends, high: Ends) -> Tensor:
    """S * centred, with the gradients of a quantizer whose step size is learned (SPEC eq. 75, 76).

    x:         what was quantized.
    scale:     broadcasts against x.
    centred:   its integers less the zero point, of the shape of x, clamped to [low, high].
    low, high: the ends in steps.
    """
    result: Tensor = _FakeQuantize.apply(x, scale, centred, low, high)  # type: ignore[no-untyped-call]
    return result


def clip(x: Tensor, end: Tensor, scale: Tensor, centred: Tensor, low: Ends, high: Ends) -> Tensor:
    """S * centred, with the gradients of a quantizer whose upper end is learned, a scalar (SPEC eq. 75, 79)."""
    result: Tensor = _Clip.apply(x, end, scale, centred, low, high)  # type: ignore[no-untyped-call]
    return result


def replace(value: Tensor, by: Tensor) -> Tensor:
    """`by` forwards, the gradient of `value` backwards."""
    result: Tensor = _Replace.apply(value, by)  # type: ignore[no-untyped-call]
    return result


def scale_gradient(value: Tensor, factor: float) -> Tensor:
    """The value itself; its gradient is multiplied by `factor` (SPEC eq. 77)."""
    result: Tensor = _ScaleGradient.apply(value, factor)  # type: ignore[no-untyped-call]
    return result
