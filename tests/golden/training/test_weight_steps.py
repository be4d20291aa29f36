"""Where the scales of weights come from."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from golden.schemes import Granularity, WeightRange, WeightScheme
from golden.training.weight_steps import AbsmeanStep, LearnedStep, RangeStep, weight_step
from golden.training_scheme import WeightSteps
from golden.weight_ranges import scales, weight_ranges

ROWS = torch.tensor([[0.9, -0.2, 0.05, 0.45], [-3.0, 1.0, 0.0, 2.0]])
CHANNEL, TENSOR = Granularity.CHANNEL, Granularity.TENSOR


def test_a_learned_step_starts_as_in_the_paper() -> None:
    """2 mean |w| / sqrt(q_max); its gradient times 1 / sqrt(N q_max)."""
    for granularity, means, count in ((CHANNEL, [0.4, 1.5], 4), (TENSOR, [0.95], 8)):
        step = LearnedStep(WeightScheme(4, granularity=granularity), ROWS)
        assert step.scale.detach().numpy() == pytest.approx([2 * mean / math.sqrt(7) for mean in means])
        wanted = step.wanted(ROWS)
        assert wanted.shape == (2,)
        wanted.sum().backward()
        assert step.scale.grad is not None
        assert step.scale.grad.numpy() == pytest.approx([2 / len(means) / math.sqrt(count * 7)] * len(means))


def test_the_gradient_reaches_weights_and_scale() -> None:
    """Per channel: SPEC eq. 49 and 50 with the scale that the layer gets, not the one that it asked for."""
    start = torch.tensor([[0.9, -0.2, 0.06, 0.45], [-3.0, 1.0, 0.0, 2.0]])
    step, rows = LearnedStep(WeightScheme(3), start), start.clone().requires_grad_()
    real = step(rows, step.wanted(rows), torch.tensor([0.1, 1.0]), torch.zeros(2))
    assert torch.equal(real, torch.tensor([[3.0, -2.0, 1.0, 3.0], [-3.0, 1.0, 0.0, 2.0]]) * torch.tensor([[0.1], [1.0]]))
    real.sum().backward()
    assert rows.grad is not None
    assert rows.grad.tolist() == [[0, 1, 1, 0], [1, 1, 1, 1]]
    assert step.scale.grad is not None
    each = [3 + (-2 + 2) + (1 - 0.6) + 3, 0.0]
    assert step.scale.grad.numpy() == pytest.approx([value / math.sqrt(4 * 3) for value in each], abs=1e-6)


@pytest.mark.parametrize("scheme", [WeightScheme(4), WeightScheme(3, symmetric=False), WeightScheme(4, range=WeightRange.MSE)])
def test_a_range_step_is_that_of_post_training_quantization(scheme: WeightScheme) -> None:
    step = RangeStep(scheme)
    low, high = weight_ranges(ROWS.double().numpy(), scheme)
    wanted = step.wanted(ROWS)
    assert wanted.numpy() == pytest.approx(scales(low, high, scheme))
    zero_point = step.zero_point(ROWS, wanted.double().numpy())
    assert (zero_point != 0).any() == (not scheme.symmetric)
    centred = step.centred(ROWS, wanted[:, None], torch.from_numpy(zero_point)[:, None])
    integers = centred.numpy() + zero_point[:, None]
    assert integers.min() >= scheme.format().low
    assert integers.max() <= scheme.format().high


def test_ternary_weights() -> None:
    """BitNet b1.58: scale mean |w|, the nearest of -1, 0, 1."""
    for granularity, means in ((CHANNEL, [0.4, 1.5]), (TENSOR, [0.95, 0.95])):
        step = weight_step(WeightSteps.TERNARY, WeightScheme(2, granularity=granularity), ROWS)
        wanted = step.wanted(ROWS)
        assert wanted.numpy() == pytest.approx(means)
        assert step.centred(ROWS, wanted[:, None], torch.zeros(2, 1)).tolist()[1] == [-1, 1, 0, 1]
    assert step.centred(ROWS, wanted[:, None], torch.zeros(2, 1)).tolist()[0] == [1, 0, 0, 0]


def test_binary_weights_have_no_zero_and_the_gradient_passes() -> None:
    """One scale for each channel, whatever the scheme says: without a 0, a shared one would blow up channels of small weights."""
    step = weight_step(WeightSteps.BINARY, WeightScheme(2, granularity=TENSOR), ROWS)
    assert isinstance(step, AbsmeanStep)
    rows = ROWS.clone().requires_grad_()
    assert step.wanted(rows).tolist() == pytest.approx([0.4, 1.5])
    real = step(rows, step.wanted(rows), torch.tensor([0.4, 1.5]), torch.zeros(2))
    assert np.array_equal(real.detach().numpy(), np.float32([[0.4, -0.4, 0.4, 0.4], [-1.5, 1.5, 1.5, 1.5]]))
    (real * 2).sum().backward()
    assert rows.grad is not None
    assert (rows.grad == 2).all()


def test_layers_of_more_bits_learn_their_steps() -> None:
    for steps in (WeightSteps.TERNARY, WeightSteps.BINARY):
        assert isinstance(weight_step(steps, WeightScheme(8), ROWS), LearnedStep)


def test_zeros_have_a_scale() -> None:
    step = LearnedStep(WeightScheme(4), torch.zeros(2, 3))
    assert (step.wanted(torch.zeros(2, 3)) > 0).all()
