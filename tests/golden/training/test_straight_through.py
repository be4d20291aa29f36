"""Gradients of fake quantization against the formulas."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from golden.training.straight_through import clip, fake_quantize, replace, scale_gradient

LOW, HIGH = -2.0, 3.0


def centred(x: Tensor, scale: Tensor) -> Tensor:
    return torch.round(x.detach() / scale.detach()).clamp(LOW, HIGH)


@pytest.mark.parametrize("scale", [0.5, 0.1, 1 / 3, 0.7000000001])
def test_the_gradient_is_one_inside_and_at_the_ends_and_zero_outside(scale: float) -> None:
    for dtype in (torch.float32, torch.float64):
        s = torch.tensor(scale, dtype=dtype)
        ends = [float(s * LOW), float(s * HIGH)]
        outside = [math.nextafter(ends[0], -9) if dtype == torch.float64 else ends[0] * 1.001, ends[1] * 1.001, -9.0, 9.0]
        x = torch.tensor([*ends, 0.0, scale * 0.4, scale * 2.6, *outside], dtype=dtype, requires_grad=True)
        y = fake_quantize(x, s, centred(x, s), LOW, HIGH)
        y.sum().backward()
        assert x.grad is not None
        assert x.grad.tolist() == [1, 1, 1, 1, 1, 0, 0, 0, 0]
        assert torch.equal(y, s * centred(x, s))


def test_the_gradient_of_a_step_size() -> None:
    """LSQ eq. 3: round(x / s) - x / s inside, the ends outside."""
    scale = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    x = torch.tensor([0.3, -0.7, 1.4, 1.5, 2.0, -1.0, -5.0], dtype=torch.float64)
    weight = torch.tensor([1.0, 2.0, 3.0, 5.0, 7.0, 11.0, 13.0], dtype=torch.float64)
    (weight * fake_quantize(x, scale, centred(x, scale), LOW, HIGH)).sum().backward()
    each = [1 - 0.6, -1 + 1.4, 3 - 2.8, 3 - 3, 3, -2 + 2, -2]
    assert scale.grad is not None
    assert float(scale.grad) == pytest.approx(sum(a * b for a, b in zip(weight.tolist(), each, strict=True)), abs=1e-12)


def test_the_gradient_of_step_sizes_by_channel_is_that_of_each() -> None:
    x = torch.randn(3, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    scales = torch.tensor([0.2, 0.5, 1.0], dtype=torch.float64, requires_grad=True)
    fake_quantize(x, scales[:, None], centred(x, scales[:, None]), LOW, HIGH).pow(2).sum().backward()
    assert scales.grad is not None
    for channel in range(3):
        one = scales.detach()[channel].clone().requires_grad_()
        fake_quantize(x[channel], one, centred(x[channel], one), LOW, HIGH).pow(2).sum().backward()
        assert one.grad is not None
        assert float(one.grad) == pytest.approx(float(scales.grad[channel]), abs=1e-12)


def test_where_it_is_differentiable_the_gradient_is_that_of_the_function() -> None:
    """Beyond its ends the quantizer is S times a constant: there finite differences apply."""
    x = torch.tensor([4.0, 5.0, -4.0, -9.0], dtype=torch.float64, requires_grad=True)
    scale = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, s: fake_quantize(x, s, centred(x, s), LOW, HIGH), (x, scale))

    def clipped(x: Tensor, end: Tensor) -> Tensor:
        return clip(x, end, end / HIGH, centred(x, end / HIGH), 0.0, HIGH)

    end = torch.tensor(2.5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, end: clipped(x.abs(), end), (x, end))


def test_a_learned_end_moves_with_what_lies_at_or_above_it() -> None:
    """PACT eq. 3."""
    scale, end = torch.tensor(0.5), torch.tensor(1.5, requires_grad=True)
    x = torch.tensor([-1.0, 0.0, 0.7, 1.5, 2.0, 8.0], requires_grad=True)
    (clip(x, end, scale, centred(x, scale).clamp(min=0), 0.0, HIGH) * torch.tensor([1.0, 2, 3, 5, 7, 11])).sum().backward()
    assert end.grad is not None
    assert x.grad is not None
    assert float(end.grad) == 5 + 7 + 11
    assert x.grad.tolist() == [0, 2, 3, 5, 0, 0]


def test_replaced_values_keep_their_gradient_exactly() -> None:
    value = torch.tensor([1.0, 2.0], requires_grad=True)
    result = replace(value, torch.tensor([0.1, 0.2]))
    assert result.tolist() == torch.tensor([0.1, 0.2]).tolist()
    (result * torch.tensor([3.0, 4.0])).sum().backward()
    assert value.grad is not None
    assert value.grad.tolist() == [3, 4]


def test_a_scaled_gradient_leaves_the_value() -> None:
    value = torch.tensor([1.0, 0.3], requires_grad=True)
    result = scale_gradient(value, 0.25)
    assert torch.equal(result, value)
    result.sum().backward()
    assert value.grad is not None
    assert value.grad.tolist() == [0.25, 0.25]
