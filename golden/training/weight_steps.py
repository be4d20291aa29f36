"""Fake quantization of weights: where their scales come from, and what their gradient is (SPEC section 16)."""

from __future__ import annotations

import math
from dataclasses import replace as replaced

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from golden.formats import IntegerFormat
from golden.schemes import Granularity, WeightScheme
from golden.training.straight_through import fake_quantize, replace, scale_gradient
from golden.training_scheme import WeightSteps
from golden.weight_ranges import scales, weight_ranges, zero_points

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


class WeightStep(nn.Module):
    """Quantizes the weights of one layer, float[Cout, K].

    The scale that it asks for is not always the one it gets: a rescale format has only some factors.
    """

    def __init__(self, scheme: WeightScheme) -> None:
        super().__init__()
        self.scheme = scheme
        self.format: IntegerFormat = scheme.format()

    def wanted(self, rows: Tensor) -> Tensor:
        """The scale that it asks for, float[Cout], with its gradient where it learns."""
        raise NotImplementedError

    def zero_point(self, rows: Tensor, scale: Float64) -> Int64:
        """The zero point of each channel, int64[Cout], for the scale that it gets."""
        return np.zeros(len(scale), np.int64)

    def centred(self, rows: Tensor, scale: Tensor, zero_point: Tensor) -> Tensor:
        """q - Z of the weights (SPEC eq. 2); scale and zero point are [Cout, 1]."""
        low, high = self.format.low - zero_point, self.format.high - zero_point
        return torch.round(rows.detach() / scale).clamp(low, high)

    def forward(self, rows: Tensor, wanted: Tensor, scale: Tensor, zero_point: Tensor) -> Tensor:
        """The real weights that the integers stand for, float[Cout, K], with gradients to `rows` and `wanted`.

        scale, zero_point: what it gets, float[Cout] each.
        """
        effective = replace(wanted, scale)[:, None]
        zero_point = zero_point[:, None]
        centred = self.centred(rows, scale[:, None], zero_point)
        return fake_quantize(rows, effective, centred, self.format.low - zero_point, self.format.high - zero_point)

    def _per_scale(self, values: Tensor, channels: int) -> Tensor:
        """One value for each channel, from one for each scale."""
        return values.expand(channels) if self.scheme.granularity is Granularity.TENSOR else values


class RangeStep(WeightStep):
    """The scale follows the weights at every step (Jacob et al. 2018)."""

    def wanted(self, rows: Tensor) -> Tensor:
        """The range of the weights over the integers (SPEC eq. 3, 5), without a gradient."""
        return torch.from_numpy(scales(*self._ranges(rows), self.scheme)).to(rows)

    def zero_point(self, rows: Tensor, scale: Float64) -> Int64:
        """SPEC eq. 6."""
        return zero_points(self._ranges(rows)[0], scale, self.scheme)

    def _ranges(self, rows: Tensor) -> tuple[Float64, Float64]:
        return weight_ranges(_float64(rows), self.scheme)


class LearnedStep(WeightStep):
    """The scale is a parameter (LSQ, Esser et al. 2020); a zero point stays what it was at the start."""

    def __init__(self, scheme: WeightScheme, rows: Tensor) -> None:
        super().__init__(scheme)
        low, _ = weight_ranges(_float64(rows), scheme)
        parts = rows.detach().reshape(1, -1) if scheme.granularity is Granularity.TENSOR else rows.detach()
        start = 2 * parts.abs().mean(dim=1) / math.sqrt(self.format.high)
        self.scale = nn.Parameter(start.clamp(min=2.0**-60))
        self.factor = gradient_scale(parts.shape[1], self.format.high)
        shared = np.broadcast_to(_float64(self.scale), low.shape)
        self.register_buffer("start_zero_point", torch.from_numpy(zero_points(low, shared, scheme)))

    def wanted(self, rows: Tensor) -> Tensor:
        """The learned scale; its gradient is scaled down (SPEC eq. 77)."""
        return self._per_scale(scale_gradient(self.scale, self.factor).abs(), len(rows))

    def zero_point(self, rows: Tensor, scale: Float64) -> Int64:
        """That of the start."""
        result: Int64 = self.get_buffer("start_zero_point").cpu().numpy()
        return result


class AbsmeanStep(WeightStep):
    """Two or three values, 0 and plus or minus the mean magnitude (SPEC eq. 80); the gradient passes everywhere.

    Ternary as in BitNet b1.58 (Ma et al. 2024); binary, without 0, as in XNOR-Net (Rastegari et al. 2016): one scale for each
    output channel, whatever the scheme says.
    """

    def __init__(self, scheme: WeightScheme, *, binary: bool) -> None:
        super().__init__(replaced(scheme, granularity=Granularity.CHANNEL) if binary else scheme)
        self.format = IntegerFormat(2, narrow=True)
        self.binary = binary

    def wanted(self, rows: Tensor) -> Tensor:
        """The mean magnitude, without a gradient."""
        parts = rows.detach().reshape(1, -1) if self.scheme.granularity is Granularity.TENSOR else rows.detach()
        return self._per_scale(parts.abs().mean(dim=1), len(rows))

    def centred(self, rows: Tensor, scale: Tensor, zero_point: Tensor) -> Tensor:
        """The nearest of -1, 0, 1; the sign alone where they are binary, that of 0 being +1."""
        if self.binary:
            return torch.where(rows.detach() >= 0, 1.0, -1.0).to(rows)
        return super().centred(rows, scale, zero_point)

    def forward(self, rows: Tensor, wanted: Tensor, scale: Tensor, zero_point: Tensor) -> Tensor:
        """The values, with the gradient of the weights themselves."""
        return replace(rows, scale[:, None] * self.centred(rows, scale[:, None], zero_point[:, None]))


def gradient_scale(count: int, high: int) -> float:
    """The factor of a step size's gradient for `count` values that share it and `high` positive steps (SPEC eq. 77)."""
    return 1 / math.sqrt(count * high)


def weight_step(steps: WeightSteps, scheme: WeightScheme, rows: Tensor) -> WeightStep:
    """The quantizer of a layer that starts with weights float[Cout, K]."""
    if steps in (WeightSteps.TERNARY, WeightSteps.BINARY) and scheme.bits == 2:
        return AbsmeanStep(scheme, binary=steps is WeightSteps.BINARY)
    return RangeStep(scheme) if steps is WeightSteps.RANGE else LearnedStep(scheme, rows)


def _float64(tensor: Tensor) -> Float64:
    result: Float64 = tensor.detach().cpu().double().numpy()
    return result
