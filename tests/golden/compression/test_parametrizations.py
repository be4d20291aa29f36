"""Weights that stay compressed while they are trained."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from golden.compression.codebook import PRUNED, SharedWeights
from golden.compression.parametrizations import keep_pruned, leave, train_codebook
from tests.golden.compression.test_codebook import CODEBOOK, GRADIENT, INDICES


def linear(weight: np.ndarray) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight, dtype=torch.float32))
    return layer


def test_pruned_weights_stay_zero_and_the_others_move() -> None:
    mask = np.arange(16).reshape(4, 4) % 3 != 0
    layer = linear(np.ones((4, 4)))
    keep_pruned(layer, mask)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    for _ in range(5):
        optimizer.zero_grad()
        layer(torch.ones(2, 4)).square().sum().backward()
        optimizer.step()
    leave(layer)
    weight = layer.weight.detach().numpy()
    assert np.array_equal(weight != 0, mask)
    assert (weight[mask] != 1).all()
    assert layer.weight.requires_grad


def test_the_worked_example_trains_its_codebook() -> None:
    """One step of size 1 down the gradients of Deep Compression's figure 3."""
    layer = linear(np.zeros((4, 4)))
    source = train_codebook(layer, SharedWeights(CODEBOOK, INDICES))
    optimizer = torch.optim.SGD([parameter for parameter in layer.parameters() if parameter.requires_grad], lr=1.0)
    (layer.weight * torch.tensor(GRADIENT, dtype=torch.float32)).sum().backward()  # its gradient is the example's
    assert source.codebook.grad is not None
    assert source.codebook.grad.numpy() == pytest.approx(SharedWeights(CODEBOOK, INDICES).gradient(GRADIENT), abs=1e-6)
    optimizer.step()
    assert source.shared().codebook == pytest.approx([-0.97, -0.04, 1.48, 1.96], abs=1e-6)
    leave(layer)
    assert layer.weight.detach().numpy() == pytest.approx(np.array([-0.97, -0.04, 1.48, 1.96])[INDICES], abs=1e-6)


def test_pruned_weights_have_no_entry_and_units_scale() -> None:
    indices = np.where(INDICES == 1, PRUNED, np.where(INDICES == 0, 0, INDICES - 1))
    shared = SharedWeights(np.array([-1.0, 1.5, 2.0]), indices)
    unit = np.array([1.0, 2.0, 3.0, 4.0])[:, None]
    layer = linear(np.zeros((4, 4)))
    source = train_codebook(layer, shared, unit)
    assert layer.weight.detach().numpy() == pytest.approx(shared.decode() * unit)
    layer.weight.sum().backward()
    assert source.codebook.grad is not None
    assert source.codebook.grad.numpy() == pytest.approx(shared.gradient(np.broadcast_to(unit, (4, 4))))
    assert np.array_equal(source.shared().indices, indices)
