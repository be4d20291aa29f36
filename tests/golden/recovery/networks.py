"""Networks with channels of very unequal ranges, as recovery meets them."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from golden.float_graph import FloatGraph
from golden.importers.torch_export import import_module
from golden.passes.pipeline import prepare


class Uneven(nn.Module):
    """Pointwise, depthwise, pooling, flattening, linear; every pair of layers can be equalized."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1, groups=8),
            nn.ReLU(),
            nn.Conv2d(16, 8, 1),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(8 * 4, 6),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.layers(x)
        return out


def uneven(module: nn.Module | None = None) -> tuple[FloatGraph, dict[str, np.ndarray]]:
    """The prepared graph with channels scaled by random powers, and calibration data."""
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    module = (module or Uneven()).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            shape = (-1, *[1] * (parameter.ndim - 1))
            parameter.mul_(torch.tensor(2.0 ** rng.uniform(-1.5, 1.5, len(parameter)), dtype=torch.float32).reshape(shape))
    graph = prepare(import_module(module, (torch.zeros(2, 3, 8, 8),)))
    return graph, {graph.inputs[0]: rng.normal(0.3, 1, (64, 8, 8, 3)).astype(np.float32)}
