"""PyTorch networks from the module to RTL: imported, quantized, and every layer bit for bit in exactly the cycles that are promised."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from golden.graph import Graph
from golden.importers.torch_export import import_program
from golden.interpreter import run
from golden.quantize import quantize
from hwgen.compiler import compile_graph
from hwgen.config import AcceleratorConfig
from sim.tools import Simulator
from sim.verify import verify
from tests.golden.importers.pt2e_quantizer import quantized
from tests.golden.importers.torch_modules import Net, line, randomize

#: One accelerator for all of them: it is compiled once.
CONFIG = AcceleratorConfig(
    rows=4,
    cols=4,
    lanes=2,
    acc_depth=64,
    act_depth=1024,
    weight_depth=2048,
    param_depth=256,
    program_depth=1024,
    max_layers=32,
    add_tables=8,
)


def joined() -> nn.Module:
    """Groups, concatenations along every axis, padding before pools, a mean that counts padding."""

    def forward(m: nn.Module, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(m.a(x))
        x = torch.cat([m.b(x), x], 1)
        x = torch.cat([functional.avg_pool2d(x, 3, 2, 1), functional.max_pool2d(functional.pad(x, (1, 0, 1, 0)), 3, 2)], 2)
        return m.e(torch.cat([m.c(x), m.d(x)], 3).mean([2, 3]))  # type: ignore[no-any-return]

    layers = {"a": nn.Conv2d(3, 8, 3, padding=1), "b": nn.Conv2d(8, 4, 3, padding=1, groups=2), "c": nn.Conv2d(12, 6, 1, groups=3)}
    return Net(forward, **layers, d=nn.Conv2d(12, 6, 1), e=nn.Linear(6, 5))


def functions() -> nn.Module:
    """Functions of one value, spelled out and not, and a softmax at the end."""

    def forward(m: nn.Module, x: torch.Tensor) -> torch.Tensor:
        x = functional.hardswish(m.a(x))
        x = functional.leaky_relu(m.b(x), 0.2) + m.norm(functional.gelu(m.b(x)))
        y = m.c(x)
        y = m.d(y * functional.relu6(y + 3) / 6)
        return torch.softmax(m.e(torch.tanh(torch.sigmoid(y).mean([2, 3]))), 1)

    layers = {"a": nn.Conv2d(3, 6, 3, 2), "b": nn.Conv2d(6, 8, 1), "c": nn.Conv2d(8, 4, 1), "d": nn.Conv2d(4, 4, 1)}
    return Net(forward, **layers, norm=nn.BatchNorm2d(8), e=nn.Linear(4, 5))


def rows() -> nn.Module:
    """Convolutions of maps of one row, and batch normalizations of a vector."""
    return line(
        *(nn.Conv2d(3, 4, (9, 1)), nn.Flatten(2), nn.Conv1d(4, 8, 3, padding=1, groups=2), nn.BatchNorm1d(8), nn.ReLU(), nn.MaxPool1d(2)),
        *(nn.Conv1d(8, 8, 3, padding=2, dilation=2, groups=8), nn.SiLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.BatchNorm1d(8)),
        *(nn.Linear(8, 6), nn.ReLU(), nn.BatchNorm1d(6)),
    )


def check(graph: Graph, images: np.ndarray) -> None:
    program = compile_graph(graph, CONFIG)
    report = verify(graph, images, config=CONFIG, simulator=Simulator.VERILATOR)
    assert report.equal, report.first_difference
    assert all(layer.equal for layer in report.layers)
    assert {layer.name: layer.cycles for layer in report.layers} == {layer.name: layer.cycles for layer in program.layers}


@pytest.mark.parametrize("make", [joined, functions, rows])
def test_post_training_quantization(make: Callable[[], nn.Module]) -> None:
    module = randomize(make())
    torch.manual_seed(4)
    x = torch.randn(40, 3, 9, 10)
    graph = quantize(module, x.numpy(), layout="NCHW")
    integers = np.random.default_rng(1).integers(-128, 128, (2, 9, 10, 3)).astype(np.int8)
    check(graph, integers)
    # The integers stand for what the module computes: within a few steps of the output.
    source, target = (graph.tensors[name].affine for name in (graph.inputs[0], graph.outputs[0]))
    steps = np.clip(np.rint(x.permute(0, 2, 3, 1).numpy() / source.scale) + source.zero_point, -128, 127).astype(np.int8)
    real = (run(graph, steps).astype(np.float64) - target.zero_point) * target.scale
    with torch.no_grad():
        expected = module(x).numpy()
    error = real - expected
    assert (expected**2).sum() > 100 * (error**2).sum()  # 20 dB


def test_pt2e() -> None:
    def forward(m: nn.Module, x: torch.Tensor) -> torch.Tensor:
        x = functional.silu(m.a(x))
        x = torch.cat([x, torch.relu(m.b(x))], 1)
        return m.e(torch.relu(m.c(x) + m.d(x)).mean([2, 3]))  # type: ignore[no-any-return]

    layers = {
        "a": nn.Conv2d(3, 4, 3, 2),
        "b": nn.Conv2d(4, 4, 3, padding=1, groups=4),
        "c": nn.Conv2d(8, 8, 1),
        "d": nn.Conv2d(8, 8, 1, groups=2),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch and torchao warn about each other
        torch.manual_seed(5)
        program = quantized(randomize(Net(forward, **layers, e=nn.Linear(8, 5))), torch.randn(16, 3, 9, 9))
        graph = import_program(program, "pt2e")
    assert isinstance(graph, Graph)
    check(graph, np.random.default_rng(1).integers(-128, 128, (2, 9, 9, 3)).astype(np.int8))
