"""Small PyTorch modules, and what their float graphs are compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from golden import float_interpreter
from golden.float_graph import FloatGraph
from golden.passes.pipeline import prepare

#: Shapes of inputs without the batch: a map [C, H, W], a map of one row [C, L], a vector.
MAP, ROW, VECTOR = (3, 9, 8), (3, 10), (12,)


class Net(nn.Module):
    """A module around a function, for networks in a line."""

    def __init__(self, function: Callable[..., Any], **parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, *x: torch.Tensor) -> Any:
        return self.function(self, *x)


def line(*parts: nn.Module) -> nn.Sequential:
    return nn.Sequential(*parts)


def randomize(module: nn.Module) -> nn.Module:
    """Random parameters and statistics, so that nothing is neutral."""
    torch.manual_seed(1)
    for part in module.modules():
        if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
            assert part.running_mean is not None
            assert part.running_var is not None
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
            if part.affine:
                nn.init.normal_(part.weight)
                nn.init.normal_(part.bias)
    return module.eval()


def nhwc(x: torch.Tensor) -> np.ndarray[Any, Any]:
    x = x[:, :, None] if x.ndim == 3 else x
    return (x.permute(0, 2, 3, 1) if x.ndim == 4 else x).detach().numpy()


def assert_same(graph: FloatGraph, module: nn.Module, *inputs: torch.Tensor) -> None:
    """The graph, before and after the passes, gives the module's own output."""
    with torch.no_grad():
        expected = module(*inputs)
    outputs = expected if isinstance(expected, tuple) else (expected,)
    for version in (graph, prepare(graph)):
        values = float_interpreter.run(version, {name: nhwc(x) for name, x in zip(version.inputs, inputs, strict=True)})
        assert len(version.outputs) == len(outputs)
        for name, output in zip(version.outputs, outputs, strict=True):
            np.testing.assert_allclose(values[name], nhwc(output), rtol=1e-4, atol=1e-5)
