"""The loss of distillation against its formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from golden.training import FloatNetwork, distillation_loss
from tests.golden.training.networks import Small, small_data, small_graph

SCORES, TEACHER = (torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
LABELS = torch.tensor([0, 3, 1, 1, 2])


def test_the_formula() -> None:
    student, teacher = (np.exp(values.numpy() / 3) for values in (SCORES, TEACHER))
    p, q = (values / values.sum(axis=1, keepdims=True) for values in (teacher, student))
    divergence = (p * np.log(p / q)).sum(axis=1).mean()
    hard = float(functional.cross_entropy(SCORES, LABELS))
    loss = distillation_loss(SCORES, TEACHER, LABELS, share=0.7, temperature=3.0)
    assert float(loss) == pytest.approx(0.3 * hard + 0.7 * 9 * divergence)


def test_its_ends() -> None:
    assert float(distillation_loss(SCORES, TEACHER, LABELS, share=0.0, temperature=2.0)) == float(functional.cross_entropy(SCORES, LABELS))
    assert float(distillation_loss(TEACHER, TEACHER, LABELS, share=1.0, temperature=2.0)) == pytest.approx(0, abs=1e-12)


def test_its_gradient_goes_to_the_student_alone() -> None:
    scores, teacher = SCORES.clone().requires_grad_(), TEACHER.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: distillation_loss(x, TEACHER, LABELS, share=0.4, temperature=2.0), (scores,))
    distillation_loss(scores, teacher, LABELS, share=0.4, temperature=2.0).backward()
    assert teacher.grad is None


def test_a_float_graph_is_the_module_that_it_was_made_of() -> None:
    x = torch.from_numpy(small_data(8)[0])
    expected = Small()(x).detach()
    assert torch.allclose(FloatNetwork(small_graph(), layout="NCHW")(x), expected, atol=1e-5)
    assert torch.allclose(FloatNetwork(small_graph())(x.permute(0, 2, 3, 1)), expected, atol=1e-5)
