"""Fake quantization of activations: where their ranges come from, and what their gradient is (SPEC section 16)."""

from __future__ import annotations

import math
from dataclasses import replace as changed

import numpy as np
import torch
from torch import Tensor, nn

from golden.calibration.ranges import Range
from golden.formats import IntegerFormat, Quantizer, power_of_two_up
from golden.schemes import ActivationScheme
from golden.training.straight_through import clip, fake_quantize, replace, scale_gradient
from golden.training.weight_steps import gradient_scale
from golden.training_scheme import ActivationSteps


class ActivationStep(nn.Module):
    """Quantizes one activation tensor into the integers of `scheme`."""

    def __init__(self, scheme: ActivationScheme) -> None:
        super().__init__()
        self.scheme = scheme

    def quantizer(self, least_scale: float = 0.0) -> Quantizer:
        """The parameters for now; the scale is at least `least_scale`."""
        raise NotImplementedError

    def observe(self, x: Tensor) -> None:
        """Sees the values of a training batch; the ranges that it moves count from the next batch on."""

    def forward(self, x: Tensor, scale: Tensor, centred: Tensor, low: float, high: float) -> Tensor:
        """The real values that the integers stand for, with gradients to x and to what is learned.

        scale:     of `quantizer`, a scalar.
        centred:   the integers of x less the zero point, clamped to [low, high].
        """
        raise NotImplementedError


class MovingAverageStep(ActivationStep):
    """The range is a moving average of the batches' least and greatest values (Jacob et al. 2018)."""

    def __init__(self, scheme: ActivationScheme, start: Range) -> None:
        super().__init__(scheme)
        self.register_buffer("low", torch.tensor(start.low, dtype=torch.float32))
        self.register_buffer("high", torch.tensor(start.high, dtype=torch.float32))

    def quantizer(self, least_scale: float = 0.0) -> Quantizer:
        """That of the range (SPEC eq. 3 to 6)."""
        low, high = float(self.get_buffer("low")), float(self.get_buffer("high"))
        return self.scheme.quantizer(low, high, least_scale=least_scale)

    @torch.no_grad()
    def observe(self, x: Tensor) -> None:
        """SPEC eq. 78."""
        share = 1 - self.scheme.momentum
        for name, value in (("low", x.min()), ("high", x.max())):
            end = self.get_buffer(name)
            end.lerp_(value.to(end), share)

    def forward(self, x: Tensor, scale: Tensor, centred: Tensor, low: float, high: float) -> Tensor:
        """The gradient passes inside the range."""
        return fake_quantize(x, scale, centred, low, high)


class LearnedActivationStep(ActivationStep):
    """The scale is a parameter (LSQ, Esser et al. 2020); the zero point stays that of the calibrated range.

    mean_magnitude: of the tensor's values, for the start of the scale.
    size:           elements of one image, which share the scale's gradient.
    """

    def __init__(self, scheme: ActivationScheme, start: Range, mean_magnitude: float, size: int) -> None:
        super().__init__(scheme)
        quantizer = scheme.quantizer(start.low, start.high)
        steps = max(quantizer.format.high - quantizer.zero_point, quantizer.zero_point - quantizer.format.low)
        self.zero_point = quantizer.zero_point
        self.format: IntegerFormat = quantizer.format
        self.scale = nn.Parameter(torch.tensor(2 * mean_magnitude / math.sqrt(steps) if mean_magnitude > 0 else 1.0))
        self.factor = gradient_scale(size, steps)

    def quantizer(self, least_scale: float = 0.0) -> Quantizer:
        """That of the learned scale."""
        scale = max(abs(float(self.scale.detach())), least_scale, 2.0**-126)
        return Quantizer(self.format, power_of_two_up(scale) if self.scheme.power_of_two else scale, self.zero_point)

    def forward(self, x: Tensor, scale: Tensor, centred: Tensor, low: float, high: float) -> Tensor:
        """Gradients to x and to the scale (SPEC eq. 75 to 77)."""
        learned = replace(scale_gradient(self.scale, self.factor).abs(), scale)
        return fake_quantize(x, learned, centred, low, high)


class ClippingStep(ActivationStep):
    """The upper end of a range that starts at 0 is a parameter (PACT, Choi et al. 2018)."""

    def __init__(self, scheme: ActivationScheme, start: Range) -> None:
        super().__init__(scheme)
        self.end = nn.Parameter(torch.tensor(start.high if start.high > 0 else 1.0, dtype=torch.float32))

    def quantizer(self, least_scale: float = 0.0) -> Quantizer:
        """That of the range up to the learned end."""
        end = max(float(self.end.detach()), 2.0**-100)
        return self.scheme.quantizer(0.0, end, least_scale=least_scale)

    def forward(self, x: Tensor, scale: Tensor, centred: Tensor, low: float, high: float) -> Tensor:
        """Gradients to x and to the end (SPEC eq. 75, 79)."""
        return clip(x, self.end, scale, centred, low, high)


class FixedStep(ActivationStep):
    """Parameters that do not depend on the data, such as those of a softmax."""

    def __init__(self, fixed: Quantizer) -> None:
        super().__init__(changed(ActivationScheme(), bits=fixed.format.bits))
        self.fixed = fixed

    def quantizer(self, least_scale: float = 0.0) -> Quantizer:
        """Always the same."""
        return self.fixed

    def forward(self, x: Tensor, scale: Tensor, centred: Tensor, low: float, high: float) -> Tensor:
        """The gradient passes inside the range."""
        return fake_quantize(x, scale, centred, low, high)


def activation_step(steps: ActivationSteps, scheme: ActivationScheme, start: Range, mean_magnitude: float, size: int) -> ActivationStep:
    """The quantizer of a tensor that starts with a calibrated range; a learned end needs one that begins at 0."""
    if steps is ActivationSteps.LEARNED:
        return LearnedActivationStep(scheme, start, mean_magnitude, size)
    if steps is ActivationSteps.CLIPPING and start.low >= 0 and np.isfinite(start.high):
        return ClippingStep(scheme, start)
    return MovingAverageStep(scheme, start)
