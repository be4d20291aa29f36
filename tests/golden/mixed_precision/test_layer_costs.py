"""What layers cost, and which must agree."""

from __future__ import annotations

import torch
from torch import nn

from golden.importers.torch_export import import_module
from golden.mixed_precision import bit_operations, tied_layers, weight_bytes
from golden.passes.pipeline import prepare
from golden.recipe import Recipe
from golden.schemes import ActivationScheme


class Residual(nn.Module):
    """Two layers meet in an add, a third does not."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 1), nn.Linear(4 * 16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.first(x))
        out: torch.Tensor = self.last(torch.flatten(y + self.second(y), 1))
        return out


def test_costs_and_ties() -> None:
    graph = prepare(import_module(Residual(), (torch.zeros(2, 2, 4, 4),)))
    first, second, last = (op.name for op in graph.weighted_ops())
    assert weight_bytes(graph, (2, 8)) == {first: {2: 18, 8: 72}, second: {2: 4, 8: 16}, last: {2: 48, 8: 192}}
    recipe = Recipe(activations=ActivationScheme(4))
    assert bit_operations(graph, recipe, (2,)) == {first: {2: 16 * 72 * 2 * 4}, second: {2: 16 * 16 * 2 * 4}, last: {2: 192 * 2 * 4}}
    assert tied_layers(graph) == ((first, second),)
