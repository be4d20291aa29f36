"""Imported networks compute what the module computes, and what cannot be represented is refused, all of it at once.

Comparisons are of real numbers summed in another order: a tolerance is right here, and nowhere in a bit-exact test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from golden import float_interpreter
from golden.errors import InputError
from golden.float_graph import FloatConv2d, FloatGraph
from golden.importers.advice import advice
from golden.importers.torch_export import import_module, import_program
from golden.passes.pipeline import prepare


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


MAP, VECTOR = (3, 9, 8), (12,)

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


def test_two_inputs() -> None:
    module = randomize(Net(lambda m, a, b: m.a(a) + b, a=nn.Conv2d(3, 2, 1)))
    a, b = torch.randn(2, 3, 5, 4), torch.randn(2, 2, 5, 4)
    assert_same(import_module(module, (a, b)), module, a, b)


def small() -> nn.Module:
    return randomize(line(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)))


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # PyTorch's own, in run_decompositions
def test_programs_decomposed_to_core_operators_are_imported() -> None:
    module, x = small(), torch.randn(3, 1, 7, 6)
    assert_same(import_program(torch.export.export(module, (x,)).run_decompositions()), module, x)


@pytest.mark.parametrize("batch", [1, 2])
def test_exported_programs_and_dynamic_batches(batch: int) -> None:
    module, x = small(), torch.randn(3, 1, 7, 6)
    assert_same(import_program(torch.export.export(module, (x[:batch],))), module, x)
    dynamic = torch.export.export(module, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    assert_same(import_program(dynamic, "named"), module, x)
    assert import_program(dynamic, "named").name == "named"


def test_saved_programs_are_imported(tmp_path: Any) -> None:
    module, x = small(), torch.randn(3, 1, 7, 6)
    torch.export.save(torch.export.export(module, (x,)), tmp_path / "net.pt2")
    assert_same(import_program(torch.export.load(tmp_path / "net.pt2")), module, x)


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


# --- refusals -------------------------------------------------------------------------------------


def problems(module: nn.Module, *inputs: torch.Tensor) -> list[str]:
    with pytest.raises(InputError) as caught:
        import_module(module, inputs)
    return list(caught.value.problems)


def test_all_unsupported_operators_are_reported_at_once_with_path_and_advice() -> None:
    module = line(
        line(nn.Conv2d(4, 8, 3, groups=2), nn.LeakyReLU()),
        nn.GroupNorm(2, 8),
        nn.AvgPool2d(3, 1, 1),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(8, 2, 1),
        nn.Softmax(dim=1),
    )
    found = problems(module, torch.zeros(2, 4, 12, 12))
    assert [problem.split(":")[0] for problem in found] == [
        "0.0 (Conv2d)",
        "0.1 (LeakyReLU)",
        "1 (GroupNorm)",
        "2 (AvgPool2d)",
        "3 (Upsample)",
        "5 (Softmax)",
    ]
    for problem, part in zip(
        found,
        [
            "groups=2 over 4 channels",
            "use ReLU",
            "use BatchNorm2d",
            "count_include_pad=False",
            "upsampling is not supported",
            "leave it out",
        ],
        strict=True,
    ):
        assert part in problem


REFUSED: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], str]] = {
    "softmax-advice": (lambda: nn.Softmax(dim=1), VECTOR, "apply it to the dequantized output"),
    "unknown": (lambda: Net(lambda m, x: torch.sin(x)), VECTOR, "sin is not supported: replace it by supported operators: Conv2d"),
    "indices": (lambda: Net(lambda m, x: nn.MaxPool2d(2, return_indices=True)(x)[1].float()), MAP, "leave return_indices out"),
    "divisor": (lambda: nn.AvgPool2d(2, divisor_override=3), MAP, "divisor_override is not supported"),
    "transposed": (lambda: nn.ConvTranspose2d(3, 3, 3), MAP, "use Conv2d"),
    "pad-reflect": (lambda: nn.ReflectionPad2d(1), MAP, "only padding with the constant 0|reflection_pad2d is not supported"),
    "pad-one": (lambda: nn.ConstantPad2d(1, 1.0), MAP, "only padding with the constant 0 is supported"),
    "pad-channels": (lambda: Net(lambda m, x: functional.pad(x, (0, 0, 0, 0, 1, 1))), MAP, "only height and width can be padded"),
    "permute": (lambda: Net(lambda m, x: x.permute(0, 2, 3, 1)), MAP, "leave the permutation out"),
    "cat": (lambda: Net(lambda m, x: torch.cat([x, x], 1)), MAP, "use a residual add"),
    "product": (lambda: Net(lambda m, x: x * torch.relu(x)), MAP, "multiplies two tensors"),
    "quotient": (lambda: Net(lambda m, x: 1 / x), VECTOR, "reciprocal is not supported|only plain division by a constant"),
    "scaled-add": (lambda: Net(lambda m, x: torch.add(x, torch.relu(x), alpha=2)), MAP, "only the plain sum"),
    "reversed-difference": (lambda: Net(lambda m, x: torch.rsub(x, torch.relu(x))), MAP, "only a residual add does that"),
    "difference": (lambda: Net(lambda m, x: x - torch.relu(x)), MAP, "only the plain sum"),
    "broadcast-add": (lambda: Net(lambda m, x: x + x.mean((2, 3), keepdim=True)), MAP, "different shapes"),
    "per-pixel-constant": (lambda: Net(lambda m, x: x + torch.ones(9, 8)), MAP, "only one value, or one per channel"),
    "reshape-channels": (lambda: Net(lambda m, x: torch.relu(x.view(-1, 9, 3, 8))), MAP, "moves elements between channels and pixels"),
    "merge-batch": (lambda: Net(lambda m, x: torch.relu(x.view(-1, 3))), VECTOR, "changes the batch dimension"),
    "rank-3": (lambda: Net(lambda m, x: torch.relu(x.flatten(2))), MAP, "only maps"),
    "linear-on-map": (lambda: nn.Linear(8, 2), MAP, "flatten it first"),
    "conv-on-vector": (
        lambda: Net(lambda m, x: m.a(x.view(-1, 1, 12)), a=nn.Conv1d(1, 2, 3)),
        VECTOR,
        "conv1d is not supported: write it as a Conv2d",
    ),
    "mean-over-channels": (lambda: Net(lambda m, x: x.mean(1)), MAP, "only the mean over height and width"),
    "adaptive-uneven": (lambda: nn.AdaptiveAvgPool2d(2), MAP, "does not divide into 2 x 2 equal windows"),
    "adaptive-max": (lambda: nn.AdaptiveMaxPool2d(1), MAP, "use MaxPool2d"),
    "flattened-output": (lambda: nn.Flatten(), MAP, "order differs between NCHW and NHWC"),
    "output-is-input": (lambda: nn.Identity(), MAP, "is a network input"),
    "constant-output": (lambda: Net(lambda m, x: (torch.relu(x), torch.ones(2, 3) * 2)), VECTOR, "does not depend on the network's input"),
    "output-twice": (lambda: Net(lambda m, x: (lambda y: (y, y))(torch.relu(x))), VECTOR, "returned twice"),
    "dynamic-weights": (lambda: Net(lambda m, x: functional.linear(x, x)), (2,), "only constants are supported"),
    "clamp-to-tensor": (lambda: Net(lambda m, x: torch.clamp(x, min=torch.zeros(12))), VECTOR, "clamping to numbers"),
    "empty-clamp": (lambda: Net(lambda m, x: torch.clamp(x, 2.0, 1.0)), VECTOR, "empty range"),
    "half": (lambda: Net(lambda m, x: torch.relu(x.half())), VECTOR, "converts to torch.float16"),
    "add-mixed-order": (
        lambda: Net(lambda m, x: m.b(x.flatten(1) + m.a(x.mean((2, 3)))), a=nn.Linear(3, 216), b=nn.Linear(216, 2)),
        MAP,
        "flatten after the add",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_represented_is_refused(name: str) -> None:
    make, shape, message = REFUSED[name]
    with pytest.raises(InputError, match=message):
        import_module(make(), (torch.zeros(2, *shape),))


def test_batch_norm_of_a_vector_input_is_refused_after_the_passes() -> None:
    graph = import_module(line(nn.BatchNorm1d(4), nn.Linear(4, 2)), (torch.zeros(2, 4),))
    with pytest.raises(InputError, match="folded into a linear layer directly before it"):
        prepare(graph)


@pytest.mark.parametrize("part", [nn.BatchNorm2d(3), nn.Dropout()])
def test_programs_exported_in_training_mode_are_refused(part: nn.Module) -> None:
    program = torch.export.export(line(nn.Conv2d(3, 3, 1), part).train(), (torch.zeros(2, 3, 4, 4),))
    with pytest.raises(InputError, match="eval"):
        import_program(program)


def test_bad_inputs_are_refused() -> None:
    assert "only float tensors" in problems(Net(lambda m, x: x.float()), torch.zeros(2, 3, dtype=torch.int64))[0]
    assert "only float tensors" in problems(Net(lambda m, x: torch.relu(x)), torch.zeros(2, 3, 4))[0]
    assert "is never used" in problems(Net(lambda m, x, y: torch.relu(x)), torch.zeros(2, 3), torch.zeros(2, 3))[0]


def test_weights_that_are_not_finite_are_refused() -> None:
    module = line(nn.Conv2d(1, 2, 1), nn.ReLU())
    with torch.no_grad():
        module[0].weight[0] = float("nan")
    with pytest.raises(InputError, match=r"conv2d '0': weight has 1 NaN or infinite values"):
        import_module(module, (torch.zeros(2, 1, 3, 3),))


def test_a_module_that_cannot_be_traced_is_refused() -> None:
    with pytest.raises(InputError, match=r"torch.export cannot trace Conv2d with inputs of shape \[\[2, 1, 4, 4\]\]"):
        import_module(nn.Conv2d(3, 2, 1), (torch.zeros(2, 1, 4, 4),))


def test_advice_for_an_unknown_operator_lists_the_supported_ones() -> None:
    assert "AdaptiveAvgPool2d" in advice("something")
