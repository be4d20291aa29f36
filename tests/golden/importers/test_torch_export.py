"""Imported networks compute what the module computes.

Comparisons are of real numbers summed in another order: a tolerance is right here, and nowhere in a bit-exact test.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from golden.float_graph import FloatConv2d
from golden.importers.torch_export import import_float, import_module
from golden.passes.pipeline import prepare
from tests.golden.importers.torch_modules import MAP, ROW, VECTOR, Net, assert_same, line, randomize

NETWORKS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "conv": (nn.Conv2d(3, 5, (3, 2), (2, 1), (1, 0), (1, 2)), MAP),
    "conv-same-even-kernel": (nn.Conv2d(3, 4, (4, 2), padding="same"), MAP),
    "conv-same-dilated": (nn.Conv2d(3, 4, (2, 3), padding="same", dilation=(3, 1)), MAP),
    "conv-valid-no-bias": (nn.Conv2d(3, 4, 3, padding="valid", bias=False), MAP),
    "depthwise": (nn.Conv2d(3, 3, 3, 2, 1, groups=3), MAP),
    "depthwise-multiplier": (nn.Conv2d(3, 9, 3, groups=3), MAP),
    "conv-of-one-channel": (nn.Conv2d(1, 4, 3), (1, 6, 6)),
    "conv-bn-relu": (line(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU()), MAP),
    "depthwise-bn-relu6": (line(nn.Conv2d(3, 6, 3, groups=3), nn.BatchNorm2d(6, affine=False), nn.ReLU6()), MAP),
    "bn-first": (line(nn.BatchNorm2d(3), nn.Conv2d(3, 2, 3, padding=1)), MAP),
    "bn-twice": (line(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.BatchNorm2d(4)), MAP),
    "bn-after-relu": (line(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.BatchNorm2d(4)), MAP),
    "linear-bn1d": (line(nn.Linear(12, 5), nn.BatchNorm1d(5), nn.ReLU()), VECTOR),
    "linear-no-bias": (nn.Linear(12, 5, bias=False), VECTOR),
    "flatten-linear": (line(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 7 * 6, 5)), MAP),
    "flatten-relu-linear": (line(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.ReLU(), nn.Linear(4 * 7 * 6, 5)), MAP),
    "relu-of-input": (line(nn.ReLU(), nn.Conv2d(3, 2, 1)), MAP),
    "relu-of-vector-input": (line(nn.Hardtanh(-0.5, 0.5), nn.Linear(12, 2)), VECTOR),
    "two-clamps": (line(nn.Conv2d(3, 4, 1), nn.ReLU6(), nn.Hardtanh(-1, 2), nn.ReLU()), MAP),
    "conv-pool-relu": (line(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.ReLU()), MAP),
    "conv-average-relu": (line(nn.Conv2d(3, 4, 3), nn.AvgPool2d(2), nn.ReLU()), MAP),
    "max-pool-padded": (nn.MaxPool2d(3, 2, 1), MAP),
    "max-pool-dilated": (nn.MaxPool2d(2, 1, dilation=3), MAP),
    "max-pool-ceil": (nn.MaxPool2d((2, 3), (2, 3), (0, 1), ceil_mode=True), MAP),
    "average-pool": (nn.AvgPool2d((3, 2)), MAP),
    "average-pool-valid-count": (nn.AvgPool2d(3, 2, 1, count_include_pad=False), MAP),
    "average-pool-ceil": (nn.AvgPool2d(2, 2, ceil_mode=True), MAP),
    "average-pool-ceil-valid-count": (nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), MAP),
    "adaptive-1": (line(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)), MAP),
    "adaptive-divides": (nn.AdaptiveAvgPool2d((3, 4)), MAP),
    "dropout-identity": (line(nn.Dropout(), nn.Conv2d(3, 2, 1), nn.Identity(), nn.Dropout2d()), MAP),
    "inplace": (line(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 1), nn.ReLU6(inplace=True)), MAP),
    "mean": (Net(lambda m, x: m.fc(m.conv(x).mean(dim=(2, 3))), conv=nn.Conv2d(3, 4, 3), fc=nn.Linear(4, 2)), MAP),
    "mean-negative-axes": (Net(lambda m, x: x.mean([-1, -2], keepdim=True)), MAP),
    "view": (Net(lambda m, x: m.fc(x.view(x.size(0), -1)), fc=nn.Linear(216, 4)), MAP),
    "reshape-relu-linear": (Net(lambda m, x: m.fc(torch.relu(x.reshape(-1, 216))), fc=nn.Linear(216, 4)), MAP),
    "flatten-add-linear": (Net(lambda m, x: m.fc(x.flatten(1) + torch.relu(x).flatten(1)), fc=nn.Linear(216, 4)), MAP),
    "flatten-and-back": (Net(lambda m, x: x.flatten(1).view(-1, 3, 9, 8) + torch.relu(x)), MAP),
    "squeeze-twice": (Net(lambda m, x: m.fc(functional.adaptive_avg_pool2d(x, 1).squeeze(-1).squeeze(-1)), fc=nn.Linear(3, 2)), MAP),
    "unsqueeze": (
        Net(lambda m, x: m.conv(x.unsqueeze(-1).unsqueeze(-1)), conv=nn.Conv2d(12, 3, 1)),
        VECTOR,
    ),
    "residual": (
        Net(lambda m, x: torch.relu(m.a(x) + m.b(torch.relu(m.a(x)))), a=nn.Conv2d(3, 4, 1), b=nn.Conv2d(4, 4, 3, padding=1)),
        MAP,
    ),
    "residual-inplace": (Net(lambda m, x: m.a(x).add_(x).relu_(), a=nn.Conv2d(3, 3, 1)), MAP),
    "double": (Net(lambda m, x: x + x), MAP),
    "shared-layer": (Net(lambda m, x: m.a(torch.relu(m.a(x))), a=nn.Conv2d(3, 3, 1)), MAP),
    "functional": (Net(lambda m, x: functional.hardtanh(functional.relu6(m.a(x)), -1.0, 2.0).clamp(min=0.5), a=nn.Conv2d(3, 3, 1)), MAP),
    "clip-max": (Net(lambda m, x: torch.clip(m.a(x), max=0.5).clamp_min(-0.5).clamp_max(0.25), a=nn.Conv2d(3, 3, 1)), MAP),
    "normalize-input": (Net(lambda m, x: m.a((x - 0.5) / 0.25), a=nn.Conv2d(3, 3, 3, padding=1)), MAP),
    "per-channel-constants": (Net(lambda m, x: 1.5 - m.a(x) * torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1), a=nn.Conv2d(3, 3, 1)), MAP),
    "pad-conv": (Net(lambda m, x: m.a(functional.pad(x, (0, 1, 2, 0))), a=nn.Conv2d(3, 4, 3, 2, padding=1)), MAP),
    "pad-pad-conv": (line(nn.ZeroPad2d(1), nn.ZeroPad2d((0, 1, 0, 2)), nn.Conv2d(3, 4, 3)), MAP),
    "pad-pool": (line(nn.ZeroPad2d((1, 0, 2, 1)), nn.MaxPool2d(2)), MAP),
    "pad-relu": (line(nn.ZeroPad2d(1), nn.Hardtanh(0.5, 1.0)), MAP),
    "cat-channels": (Net(lambda m, x: torch.cat([m.a(x), x, torch.relu(x)], 1), a=nn.Conv2d(3, 4, 1)), MAP),
    "cat-rows": (Net(lambda m, x: torch.cat((x, m.a(x)), dim=-2), a=nn.Conv2d(3, 3, 1)), MAP),
    "cat-columns": (Net(lambda m, x: torch.concat((x, m.a(x)), dim=3), a=nn.Conv2d(3, 3, 1)), MAP),
    "cat-vectors": (Net(lambda m, x: m.b(torch.cat([m.a(x), x], dim=-1)), a=nn.Linear(12, 5), b=nn.Linear(17, 3)), VECTOR),
    "cat-of-one": (Net(lambda m, x: m.a(torch.cat([x], 1)), a=nn.Conv2d(3, 2, 1)), MAP),
    "cat-relu": (Net(lambda m, x: torch.relu(torch.cat([m.a(x), x], 1)), a=nn.Conv2d(3, 4, 1)), MAP),
    "groups": (nn.Conv2d(4, 6, 3, padding=1, groups=2), (4, 7, 6)),
    "groups-stride-no-bias": (nn.Conv2d(6, 9, (3, 2), (2, 1), groups=3, bias=False), (6, 7, 6)),
    "groups-bn-relu": (line(nn.Conv2d(4, 8, 3, groups=2), nn.BatchNorm2d(8), nn.ReLU()), (4, 7, 6)),
    "softmax-vector": (line(nn.Linear(12, 5), nn.Softmax(dim=1)), VECTOR),
    "softmax-channels": (line(nn.Conv2d(3, 4, 1), nn.Softmax2d()), MAP),
    "softmax-of-flattened": (line(nn.Conv2d(3, 4, 9), nn.Flatten(), nn.Softmax(-1), nn.Linear(4, 3)), (3, 9, 9)),
    "average-pool-counts-padding": (nn.AvgPool2d(3, 2, 1), MAP),
    "adaptive-max-divides": (nn.AdaptiveMaxPool2d((3, 2)), MAP),
    "mean-of-rows": (Net(lambda m, x: m.a(x.mean(2, keepdim=True)), a=nn.Conv2d(3, 2, 1)), MAP),
    "mean-of-columns": (Net(lambda m, x: torch.relu(x.mean(-1))), MAP),
    "bn-of-vector-input": (line(nn.BatchNorm1d(12), nn.Linear(12, 2)), VECTOR),
    "bn-after-relu-of-vector": (line(nn.Linear(12, 4), nn.ReLU(), nn.BatchNorm1d(4)), VECTOR),
    "permute-twice": (Net(lambda m, x: m.a(torch.relu(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)), a=nn.Conv2d(3, 2, 1)), MAP),
    "linear-over-channels": (
        Net(lambda m, x: torch.relu(m.a(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2), a=nn.Linear(3, 5)),
        MAP,
    ),
    "linear-over-pixels": (Net(lambda m, x: m.a(x.flatten(2).transpose(1, 2)).transpose(1, 2).mean(2), a=nn.Linear(3, 5)), MAP),
    "matmul": (Net(lambda m, x: torch.matmul(x, m.a.weight.t()) + m.a.bias, a=nn.Linear(12, 5)), VECTOR),
    "negative": (Net(lambda m, x: -m.a(x), a=nn.Conv2d(3, 2, 1)), MAP),
    "conv1d": (nn.Conv1d(3, 5, 3, 2, 1, 2), ROW),
    "conv1d-same": (nn.Conv1d(3, 5, 4, padding="same"), ROW),
    "conv1d-groups": (line(nn.Conv1d(4, 6, 3, groups=2), nn.Conv1d(6, 6, 3, groups=6)), (4, 10)),
    "conv1d-network": (
        line(
            *(nn.Conv1d(3, 4, 3, bias=False), nn.BatchNorm1d(4), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(4, 4, 3, padding=1)),
            *(nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 2)),
        ),
        ROW,
    ),
    "conv1d-flatten": (line(nn.Conv1d(3, 4, 3), nn.AvgPool1d(3, 2, 1), nn.Flatten(), nn.Linear(16, 2)), ROW),
    "conv1d-residual": (Net(lambda m, x: torch.relu(x + m.a(functional.pad(x, (2, 0)))), a=nn.Conv1d(3, 3, 3)), ROW),
    "conv1d-cat": (Net(lambda m, x: torch.cat([x, m.a(x)], 1).mean(-1), a=nn.Conv1d(3, 2, 1)), ROW),
    "conv1d-cat-rows": (Net(lambda m, x: torch.cat([x, m.a(x)], 2), a=nn.Conv1d(3, 3, 2)), ROW),
    "conv1d-after-conv2d": (Net(lambda m, x: m.b(m.a(x).squeeze(2)), a=nn.Conv2d(3, 4, (9, 1)), b=nn.Conv1d(4, 2, 3)), MAP),
    "adaptive-max-1d": (nn.AdaptiveMaxPool1d(5), ROW),
    "functions-of-modules": (
        line(nn.Conv2d(3, 4, 1), nn.SiLU(), nn.Conv2d(4, 4, 1), nn.Hardswish(), nn.GELU("tanh"), nn.Mish(), nn.Softplus(2.0), nn.CELU(0.5)),
        MAP,
    ),
    "functions-of-vectors": (
        line(nn.Linear(12, 4), nn.Sigmoid(), nn.Linear(4, 3), nn.LeakyReLU(0.2), nn.Tanh(), nn.PReLU(), nn.SELU()),
        VECTOR,
    ),
    "function-of-clamped": (line(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Hardsigmoid(), nn.ELU()), MAP),
    "swish-spelled-out": (Net(lambda m, x: (lambda y: y * torch.sigmoid(y))(m.a(x)), a=nn.Conv2d(3, 4, 1)), MAP),
    "hard-swish-spelled-out": (Net(lambda m, x: (lambda y: y * functional.relu6(y + 3) / 6)(m.a(x)), a=nn.Conv2d(3, 4, 1)), MAP),
    "gelu-spelled-out": (
        Net(lambda m, x: 0.5 * x * (1 + torch.tanh(0.7978845608 * (x + 0.044715 * torch.pow(x, 3))))),
        MAP,
    ),
    "squares": (Net(lambda m, x: m.a(x * x + x.abs() - x / (1 + x**2)), a=nn.Conv2d(3, 4, 1)), MAP),
    "function-beside-its-argument": (Net(lambda m, x: torch.tanh(m.a(x)) + m.b(x), a=nn.Conv2d(3, 4, 1), b=nn.Conv2d(3, 4, 1)), MAP),
    "contiguous-clone": (Net(lambda m, x: m.a(x.contiguous().clone().detach()), a=nn.Conv2d(3, 4, 1)), MAP),
    "two-outputs": (Net(lambda m, x: (m.a(x), torch.relu(m.a(x)).mean((2, 3))), a=nn.Conv2d(3, 4, 1)), MAP),
    "unused-result": (Net(lambda m, x: (torch.relu(m.a(x)) + 1, m.a(x))[1], a=nn.Conv2d(3, 4, 1)), MAP),
    "constant-weights": (Net(lambda m, x: functional.conv2d(x, m.a.weight * 2 + 1), a=nn.Conv2d(3, 4, 1)), MAP),
}


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")  # on speed, from PyTorch
@pytest.mark.parametrize("name", NETWORKS)
def test_import_and_passes_keep_the_function(name: str) -> None:
    module, shape = NETWORKS[name]
    randomize(module)
    torch.manual_seed(2)
    x = torch.randn(3, *shape)
    assert_same(import_module(module, (x[:2],)), module, x)


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("swish-spelled-out", ["conv2d", "function"]),
        ("hard-swish-spelled-out", ["conv2d", "function"]),
        ("gelu-spelled-out", ["function"]),
        ("squares", ["function", "conv2d"]),
        ("function-of-clamped", ["conv2d", "function"]),
        ("function-beside-its-argument", ["conv2d", "function", "conv2d", "add"]),
    ],
)
def test_functions_of_one_tensor_become_one(name: str, kinds: list[str]) -> None:
    module, shape = NETWORKS[name]
    assert [op.kind for op in prepare(import_module(module, (torch.zeros(2, *shape),))).ops] == kinds


def test_two_inputs() -> None:
    module = randomize(Net(lambda m, a, b: m.a(a) + b, a=nn.Conv2d(3, 2, 1)))
    a, b = torch.randn(2, 3, 5, 4), torch.randn(2, 2, 5, 4)
    assert_same(import_module(module, (a, b)), module, a, b)


def small() -> nn.Module:
    return randomize(line(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)))


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # PyTorch's own, in run_decompositions
def test_programs_decomposed_to_core_operators_are_imported() -> None:
    module, x = small(), torch.randn(3, 1, 7, 6)
    assert_same(import_float(torch.export.export(module, (x,)).run_decompositions()), module, x)


@pytest.mark.parametrize("batch", [1, 2])
def test_exported_programs_and_dynamic_batches(batch: int) -> None:
    module, x = small(), torch.randn(3, 1, 7, 6)
    assert_same(import_float(torch.export.export(module, (x[:batch],))), module, x)
    dynamic = torch.export.export(module, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    assert_same(import_float(dynamic, "named"), module, x)
    assert import_float(dynamic, "named").name == "named"


def test_saved_programs_are_imported(tmp_path: Any) -> None:
    module, x = small(), torch.randn(3, 1, 7, 6)
    torch.export.save(torch.export.export(module, (x,)), tmp_path / "net.pt2")
    assert_same(import_float(torch.export.load(tmp_path / "net.pt2")), module, x)


def test_the_module_is_left_as_it_was() -> None:
    module = small().train()
    module[1].eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    import_module(module, (torch.randn(2, 1, 7, 6),))
    assert module.training
    assert not module[1].training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_weights_in_double_and_half_precision() -> None:
    module = line(nn.Conv2d(1, 2, 3)).double()
    graph = import_module(module, (torch.zeros(2, 1, 5, 5, dtype=torch.float64),))
    conv = graph.ops[0]
    assert isinstance(conv, FloatConv2d)
    assert np.array_equal(conv.weight, module[0].weight.detach().numpy().transpose(0, 2, 3, 1))


def test_layers_are_named_by_their_module_path() -> None:
    block = Net(lambda m, x: torch.relu(m.conv(x) + x), conv=nn.Conv2d(2, 2, 1))
    graph = prepare(import_module(line(nn.Conv2d(1, 2, 1), block, nn.Flatten(), nn.Linear(50, 2)), (torch.zeros(2, 1, 5, 5),)))
    assert [op.name for op in graph.ops] == ["0", "1.conv", "1.add", "2", "3"]
