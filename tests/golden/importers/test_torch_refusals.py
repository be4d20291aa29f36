"""What cannot be represented is refused: all of it at once, with its place in the module and what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional

from golden.errors import InputError
from golden.importers.advice import advice
from golden.importers.torch_export import import_module, import_program
from tests.golden.importers.torch_modules import MAP, VECTOR, Net, line


def problems(module: nn.Module, *inputs: torch.Tensor) -> list[str]:
    with pytest.raises(InputError) as caught:
        import_module(module, inputs)
    return list(caught.value.problems)


def test_all_unsupported_operators_are_reported_at_once_with_path_and_advice() -> None:
    module = line(
        line(nn.ConvTranspose2d(4, 8, 3), nn.RReLU()),
        nn.GroupNorm(2, 8),
        nn.AvgPool2d(2, divisor_override=3),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(8, 2, 1),
        nn.LogSoftmax(dim=1),
    )
    found = problems(module, torch.zeros(2, 4, 12, 12))
    assert [problem.split(":")[0] for problem in found] == [
        "0.0 (ConvTranspose2d)",
        "0.1 (RReLU)",
        "1 (GroupNorm)",
        "2 (AvgPool2d)",
        "3 (Upsample)",
        "5 (LogSoftmax)",
    ]
    for problem, part in zip(
        found,
        [
            "use Conv2d",
            "use LeakyReLU",
            "use BatchNorm2d",
            "leave it out",
            "upsampling is not supported",
            "leave it out",
        ],
        strict=True,
    ):
        assert part in problem


REFUSED: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], str]] = {
    "softmax-advice": (lambda: nn.LogSoftmax(dim=1), VECTOR, "apply it to the dequantized output"),
    "unknown": (lambda: Net(lambda m, x: torch.sin(x)), VECTOR, "sin: is not supported: replace it by supported operators: Conv2d"),
    "indices": (lambda: Net(lambda m, x: nn.MaxPool2d(2, return_indices=True)(x)[1].float()), MAP, "leave return_indices out"),
    "divisor": (lambda: nn.AvgPool2d(2, divisor_override=3), MAP, "divisor_override is not supported"),
    "transposed": (lambda: nn.ConvTranspose2d(3, 3, 3), MAP, "use Conv2d"),
    "pad-reflect": (lambda: nn.ReflectionPad2d(1), MAP, "only padding with the constant 0|reflection_pad2d is not supported"),
    "pad-one": (lambda: nn.ConstantPad2d(1, 1.0), MAP, "only padding with the constant 0 is supported"),
    "pad-channels": (lambda: Net(lambda m, x: functional.pad(x, (0, 0, 0, 0, 1, 1))), MAP, "only height and width can be padded"),
    "permuted-conv": (lambda: Net(lambda m, x: m.a(x.permute(0, 2, 1, 3)), a=nn.Conv2d(9, 2, 1)), MAP, "elements would have to move"),
    "permuted-batch": (lambda: Net(lambda m, x: torch.relu(x.transpose(0, 1))), VECTOR, "moves the batch dimension"),
    "cat-batch": (lambda: Net(lambda m, x: torch.cat([x, x], 0)), MAP, "only the axes of one image"),
    "cat-constant": (lambda: Net(lambda m, x: torch.cat([x, torch.zeros(2, 1, 9, 8)], 1)), MAP, "it joins constants"),
    "cat-flattened": (
        lambda: Net(lambda m, x: m.a(torch.cat([x.flatten(1), torch.relu(x).flatten(1)], 1)), a=nn.Linear(432, 2)),
        MAP,
        "join the maps instead",
    ),
    "stack": (lambda: Net(lambda m, x: torch.stack([x, x], 1)), VECTOR, "use torch.cat"),
    "chunk": (lambda: Net(lambda m, x: torch.relu(x).chunk(2, 1)[0]), VECTOR, "make two layers"),
    "softmax-rows": (lambda: nn.Softmax(dim=2), MAP, "it works along axis 2"),
    "prelu-channels": (
        lambda: Net(lambda m, x: functional.prelu(x, torch.tensor([0.1, 0.2, 0.3]))),
        MAP,
        "it has a slope for each channel",
    ),
    "power": (lambda: Net(lambda m, x: x**0.5), VECTOR, "only whole powers|sqrt is not supported|sqrt: is not supported"),
    "average-pool-counted-ceil": (lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True), MAP, "set count_include_pad=False"),
    "product": (lambda: Net(lambda m, x: x * m.a(x), a=nn.Conv2d(3, 3, 1)), MAP, "multiplies two tensors"),
    "quotient": (lambda: Net(lambda m, x: 1 / x), VECTOR, "reciprocal: is not supported|only plain division by a constant"),
    "scaled-add": (lambda: Net(lambda m, x: torch.add(x, m.a(x), alpha=2), a=nn.Conv2d(3, 3, 1)), MAP, "adds with a factor"),
    "reversed-difference": (lambda: Net(lambda m, x: torch.rsub(x, m.a(x)), a=nn.Conv2d(3, 3, 1)), MAP, "subtracts"),
    "difference": (lambda: Net(lambda m, x: x - m.a(x), a=nn.Conv2d(3, 3, 1)), MAP, "subtracts"),
    "broadcast-add": (lambda: Net(lambda m, x: x + x.mean((2, 3), keepdim=True)), MAP, "different shapes"),
    "per-pixel-constant": (lambda: Net(lambda m, x: x + torch.ones(9, 8)), MAP, "only one value, or one per channel"),
    "reshape-channels": (lambda: Net(lambda m, x: torch.relu(x.view(-1, 9, 3, 8))), MAP, r"maps \[N, C, H, W\] and vectors"),
    "merge-batch": (lambda: Net(lambda m, x: torch.relu(x.view(-1, 3))), VECTOR, "changes the batch dimension"),
    "rank-5": (lambda: Net(lambda m, x: torch.relu(x.view(-1, 3, 3, 3, 8))), MAP, r"maps \[N, C, H, W\] and vectors"),
    "linear-on-map": (lambda: nn.Linear(8, 2), MAP, "flatten it first"),
    "conv3d": (lambda: Net(lambda m, x: m.a(x[:, None]), a=nn.Conv3d(1, 2, 3)), MAP, "use Conv2d"),
    "unsqueezed-row": (lambda: Net(lambda m, x: m.a(x[:, None]), a=nn.Conv2d(1, 2, 3)), (4, 6), "elements would have to move"),
    "mean-over-channels": (lambda: Net(lambda m, x: x.mean(1)), MAP, "only rows and columns of maps"),
    "adaptive-uneven": (lambda: nn.AdaptiveAvgPool2d(2), MAP, "does not divide into 2 x 2 equal windows"),
    "adaptive-max-uneven": (lambda: nn.AdaptiveMaxPool2d(2), MAP, "does not divide into 2 x 2 equal windows"),
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
        "flatten after",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_represented_is_refused(name: str) -> None:
    make, shape, message = REFUSED[name]
    with pytest.raises(InputError, match=message):
        import_module(make(), (torch.zeros(2, *shape),))


@pytest.mark.parametrize("part", [nn.BatchNorm2d(3), nn.Dropout()])
def test_programs_exported_in_training_mode_are_refused(part: nn.Module) -> None:
    program = torch.export.export(line(nn.Conv2d(3, 3, 1), part).train(), (torch.zeros(2, 3, 4, 4),))
    with pytest.raises(InputError, match="eval"):
        import_program(program)


def test_bad_inputs_are_refused() -> None:
    assert "only float tensors" in problems(Net(lambda m, x: x.float()), torch.zeros(2, 3, dtype=torch.int64))[0]
    assert "only maps" in problems(Net(lambda m, x: torch.relu(x)), torch.zeros(2, 3, 4, 5, 6))[0]
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
