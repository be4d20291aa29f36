"""Where the ranges of activations come from."""

from __future__ import annotations

import math

import pytest
import torch

from golden.calibration import Range
from golden.formats import Quantizer
from golden.schemes import ActivationScheme
from golden.training.activation_steps import ClippingStep, FixedStep, LearnedActivationStep, MovingAverageStep, activation_step
from golden.training_scheme import ActivationSteps

SCHEME = ActivationScheme(4, momentum=0.75)


def test_a_moving_average_forgets_by_its_momentum() -> None:
    step = MovingAverageStep(SCHEME, Range(-1.0, 3.0))
    assert step.quantizer() == SCHEME.quantizer(-1.0, 3.0)
    step.observe(torch.tensor([0.0, 1.0]))
    step.observe(torch.tensor([-2.0, 5.0]))
    low, high = 0.75 * (0.75 * -1 + 0.25 * 0) + 0.25 * -2, 0.75 * (0.75 * 3 + 0.25 * 1) + 0.25 * 5
    assert step.quantizer() == SCHEME.quantizer(low, high)


def test_a_learned_step_keeps_its_zero_point() -> None:
    """It starts at 2 mean |x| / sqrt(q_max), q_max the steps above zero, and its gradient is scaled by 1 / sqrt(N q_max)."""
    step = LearnedActivationStep(SCHEME, Range(0.0, 3.0), 0.5, 100)
    assert step.quantizer().scale == pytest.approx(1.0 / math.sqrt(15))
    assert (step.quantizer().format, step.quantizer().zero_point) == (SCHEME.format(), -8)
    assert step.factor == 1 / math.sqrt(100 * 15)
    x = torch.tensor([9.0])
    scale = torch.tensor(0.25)
    y = step(x, scale, torch.tensor([15.0]), 0.0, 15.0)
    assert y.tolist() == [15 * 0.25]
    y.sum().backward()
    assert step.scale.grad is not None
    assert float(step.scale.grad) == pytest.approx(15 * step.factor)
    assert LearnedActivationStep(SCHEME, Range(-1.0, 1.0), 0.5, 100).quantizer().zero_point == SCHEME.quantizer(-1.0, 1.0).zero_point


def test_a_least_scale_is_kept() -> None:
    for step in (LearnedActivationStep(SCHEME, Range(0.0, 3.0), 0.5, 100), ClippingStep(SCHEME, Range(0.0, 3.0))):
        assert step.quantizer(7.0).scale == 7.0


def test_a_learned_end_is_the_end_of_the_range() -> None:
    step = ClippingStep(SCHEME, Range(0.0, 3.0))
    assert step.quantizer() == SCHEME.quantizer(0.0, 3.0)
    assert isinstance(activation_step(ActivationSteps.CLIPPING, SCHEME, Range(-0.1, 3.0), 1.0, 4), MovingAverageStep)
    assert isinstance(activation_step(ActivationSteps.CLIPPING, SCHEME, Range(0.0, 3.0), 1.0, 4), ClippingStep)


def test_scales_are_powers_of_two_where_the_scheme_says_so() -> None:
    scheme = ActivationScheme(4, power_of_two=True)
    for step in (
        MovingAverageStep(scheme, Range(0.0, 3.0)),
        LearnedActivationStep(scheme, Range(0.0, 3.0), 0.5, 100),
        ClippingStep(scheme, Range(0.0, 3.0)),
    ):
        assert math.frexp(step.quantizer().scale)[0] == 0.5
        assert math.frexp(step.quantizer(0.3).scale) == (0.5, 0)


def test_fixed_parameters_stay() -> None:
    fixed = Quantizer(SCHEME.format(), 1 / 16, -8)
    step = FixedStep(fixed)
    step.observe(torch.tensor([99.0]))
    assert step.quantizer(5.0) == fixed
