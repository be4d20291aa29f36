"""Equalization changes the weights, and nothing that the network computes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from golden import float_interpreter
from golden.float_graph import FloatGraph, FloatWeightedOp
from golden.recovery import equalize
from golden.recovery.equalization import pair_factors
from tests.golden.recovery.networks import uneven


def outputs(graph: FloatGraph, data: dict[str, np.ndarray]) -> np.ndarray:
    return float_interpreter.run(graph, data)[graph.outputs[0]]


def test_the_network_computes_the_same() -> None:
    graph, data = uneven()
    expected = outputs(graph, data)
    assert np.abs(outputs(equalize(graph), data) - expected).max() < 1e-5 * np.abs(expected).max()


def test_ranges_on_both_sides_of_every_pair_are_equal() -> None:
    graph, _ = uneven()
    layers = graph.weighted_ops()
    before = [pair_factors(*pair) for pair in itertools.pairwise(layers)]
    assert min(np.abs(np.log(factors)).max() for factors in before) > 0.4
    layers = equalize(graph).weighted_ops()
    for pair in itertools.pairwise(layers):
        assert np.allclose(pair_factors(*pair), 1, rtol=1e-5)


def test_worked_example() -> None:
    """One channel with |w1| up to 8 and |w2| up to 2: s = sqrt(8 / 2) = 2; both end at 4."""
    module = nn.Sequential(nn.Linear(2, 1), nn.ReLU(), nn.Linear(1, 2))
    with torch.no_grad():
        module[0].weight.copy_(torch.tensor([[8.0, -1.0]]))
        module[0].bias.copy_(torch.tensor([6.0]))
        module[2].weight.copy_(torch.tensor([[2.0], [-0.5]]))
    from golden.importers.torch_export import import_module
    from golden.passes.pipeline import prepare

    first, second = equalize(prepare(import_module(module, (torch.zeros(2, 2),)))).weighted_ops()
    assert first.weight.tolist() == [[4.0, -0.5]]
    assert first.bias.tolist() == [3.0]
    assert second.weight.tolist() == [[4.0], [-1.0]]


@pytest.mark.parametrize(
    "between",
    [nn.ReLU6(), nn.Sigmoid(), nn.Hardtanh(-1, 1)],
    ids=lambda module: type(module).__name__,
)
def test_what_does_not_commute_with_a_factor_is_left_alone(between: nn.Module) -> None:
    graph, _ = uneven(nn.Sequential(nn.Conv2d(3, 4, 1), between, nn.Conv2d(4, 4, 1)))
    for before, after in zip(graph.weighted_ops(), equalize(graph).weighted_ops(), strict=True):
        assert np.array_equal(before.weight, after.weight)


def test_a_tensor_with_two_readers_is_left_alone() -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = torch.relu(self.first(x))
            out: torch.Tensor = y + self.second(y)
            return out

    graph, _ = uneven(Residual())
    assert [op.weight.tolist() for op in equalize(graph).weighted_ops()] == [op.weight.tolist() for op in graph.weighted_ops()]


def test_channels_of_zeros_stay() -> None:
    graph, data = uneven()
    first = graph.weighted_ops()[0]
    weight = first.weight.copy()
    weight[2] = 0
    from dataclasses import replace

    graph = graph.with_ops(
        replace(op, weight=weight) if isinstance(op, FloatWeightedOp) and op.name == first.name else op for op in graph.ops
    )
    equalized = equalize(graph)
    assert not equalized.weighted_ops()[0].weight[2].any()
    assert np.allclose(outputs(equalized, data), outputs(graph, data), rtol=1e-4, atol=1e-4)
