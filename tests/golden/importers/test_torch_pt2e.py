"""Programs that torchao's PT2E flow has quantized: what they become, and how often PyTorch and the integer graph agree."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.export import ExportedProgram
from torch.nn import functional

from golden import network_file
from golden.errors import InputError
from golden.float_graph import FloatFullyConnected
from golden.graph import FullyConnected, Graph, WeightedOp
from golden.importers.agreement import Agreement
from golden.importers.torch_agreement import measure
from golden.importers.torch_export import import_float, import_program
from golden.rescale import SHIFT, TFLITE, RescaleFormat
from tests.golden.importers.pt2e_quantizer import StaticQuantizer, quantized
from tests.golden.importers.torch_modules import MAP, ROW, VECTOR, Net, line, randomize


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch and torchao warn about each other
        yield


def agreement(module: nn.Module, shape: tuple[int, ...], quantizer: StaticQuantizer | None = None) -> tuple[Graph, Agreement]:
    torch.manual_seed(3)
    program = quantized(randomize(module), torch.randn(32, *shape), quantizer)
    graph = import_program(program, "network")
    assert isinstance(graph, Graph)
    (result,) = measure(program, graph, [torch.randn(40, *shape).numpy()]).values()
    return graph, result


def roundings(graph: Graph) -> int:
    """The most operators with a rounding on a way from the input to the output."""
    depth = dict.fromkeys(graph.inputs, 0)
    for op in graph.ops:
        exact = op.kind in ("max_pool2d", "reshape", "pad", "concatenation", "lookup")
        depth[op.output] = max(depth[name] for name in op.inputs) + (0 if exact else 1)
    return max(depth[name] for name in graph.outputs)


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], list[str]]] = {
    "conv-relu": (lambda: line(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU()), MAP, ["conv2d"]),
    "groups-norm": (lambda: line(nn.Conv2d(4, 6, 3, groups=2, bias=False), nn.BatchNorm2d(6), nn.ReLU6()), (4, 7, 6), ["conv2d"]),
    "depthwise": (lambda: nn.Conv2d(3, 6, 3, 2, groups=3), MAP, ["depthwise_conv2d"]),
    "perceptron": (lambda: line(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 4)), VECTOR, ["fully_connected", "fully_connected"]),
    "residual": (
        lambda: Net(lambda m, x: torch.relu(m.a(x) + m.b(x)), a=nn.Conv2d(3, 4, 1), b=nn.Conv2d(3, 4, 1)),
        MAP,
        ["conv2d", "conv2d", "add"],
    ),
    "concatenation": (
        lambda: Net(lambda m, x: torch.cat([m.a(x), m.b(x)], 1), a=nn.Conv2d(3, 4, 1), b=nn.Conv2d(3, 2, 1)),
        MAP,
        ["conv2d", "conv2d", "concatenation"],
    ),
    "classifier": (
        lambda: Net(
            lambda m, x: m.c(functional.max_pool2d(m.b(torch.relu(m.a(x))), 2).mean([2, 3])),
            a=nn.Conv2d(3, 6, 3),
            b=nn.Conv2d(6, 6, 1),
            c=nn.Linear(6, 4),
        ),
        MAP,
        ["conv2d", "conv2d", "max_pool2d", "average_pool2d", "reshape", "fully_connected"],
    ),
    "flatten": (
        lambda: line(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(168, 3)),
        MAP,
        ["conv2d", "reshape", "fully_connected"],
    ),
    "silu": (lambda: line(nn.Conv2d(3, 4, 1), nn.SiLU(), nn.Conv2d(4, 2, 1)), MAP, ["conv2d", "lookup", "conv2d"]),
    "silu-spelled-out": (
        lambda: Net(lambda m, x: (lambda y: m.b(y * torch.sigmoid(y)))(m.a(x)), a=nn.Conv2d(3, 4, 1), b=nn.Conv2d(4, 2, 1)),
        MAP,
        ["conv2d", "lookup", "conv2d"],
    ),
    "rows": (
        lambda: line(nn.Conv1d(3, 4, 3), nn.BatchNorm1d(4), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 2)),
        ROW,
        ["conv2d", "average_pool2d", "reshape", "fully_connected"],
    ),
    "softmax": (lambda: line(nn.Linear(12, 5), nn.Softmax(1)), VECTOR, ["fully_connected", "softmax"]),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str, record_property: Callable[[str, object], None]) -> None:
    make, shape, kinds = NETWORKS[name]
    graph, result = agreement(make(), shape)
    record_property("agreement", str(result))
    assert [op.kind for op in graph.ops if op.kind != "requantize"] == kinds
    assert result.difference <= roundings(graph)
    assert result.equal > 0.6
    assert result.argmax > 0.9


@pytest.mark.parametrize(("activations", "per_channel"), [(torch.int8, False), (torch.uint8, True)])
def test_types_of_quantizers(activations: torch.dtype, per_channel: bool) -> None:
    make, shape, _ = NETWORKS["classifier"]
    graph, result = agreement(make(), shape, StaticQuantizer(activations, per_channel=per_channel))
    assert result.difference <= roundings(graph)
    assert {len(set(op.weight_scale.tolist())) > 1 for op in graph.ops if isinstance(op, WeightedOp)} == {per_channel}


def test_a_program_in_a_file_is_the_same(tmp_path: Path) -> None:
    program = quantized(randomize(line(nn.Conv2d(3, 4, 3), nn.ReLU())), torch.randn(4, *MAP))
    torch.export.save(program, tmp_path / "int8.pt2")
    before, after = import_program(program, "n"), import_program(torch.export.load(tmp_path / "int8.pt2"), "n")
    assert isinstance(before, Graph)
    assert isinstance(after, Graph)
    assert network_file.sha256(before) == network_file.sha256(after)


# --- programs written out with PyTorch's own quantizers -------------------------------------------

decomposed = torch.ops.quantized_decomposed
INT8 = (-128, 127, torch.int8)


def program(function: Callable[[torch.Tensor], torch.Tensor], *shape: int, dtype: torch.dtype = torch.float32) -> ExportedProgram:
    return torch.export.export(Net(lambda m, x: function(x)), (torch.zeros(1, *shape, dtype=dtype),))


def steps(x: torch.Tensor, scale: float = 0.1, zero_point: int = 3) -> torch.Tensor:
    """Quantized and dequantized."""
    integers = decomposed.quantize_per_tensor.default(x, scale, zero_point, *INT8)
    return decomposed.dequantize_per_tensor.default(integers, scale, zero_point, *INT8)  # type: ignore[no-any-return]


def imported(made: ExportedProgram, format: RescaleFormat = TFLITE) -> Graph:
    graph = import_program(made, "network", format=format)
    assert isinstance(graph, Graph)
    return graph


TABLES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "product": lambda x: x * torch.sigmoid(x),
    "quantized-product": lambda x: x * steps(torch.sigmoid(x), 1 / 128, -128),
    "hard-swish": lambda x: x * functional.relu6(x + 3) / 6,
    "gelu": lambda x: 0.5 * x * (1 + torch.tanh(0.7978845608 * (x + 0.044715 * x**3))),
    "mish-quantized": lambda x: x * steps(torch.tanh(steps(functional.softplus(x), 0.05, -128)), 1 / 127, 0),
    "softsign": lambda x: x / (1 + x.abs()),
    "difference": lambda x: torch.tanh(x) - x,
    "leaky": lambda x: functional.leaky_relu(functional.elu(x), 0.3),
    "sigmoid-relu": lambda x: torch.relu(torch.sigmoid(x) - 0.5),
}


@pytest.mark.parametrize("name", TABLES)
def test_functions_of_one_tensor_are_one_exact_table(name: str) -> None:
    """Every int8 input, one rounding: only where PyTorch's float32 meets a tie may it differ."""
    made = program(lambda x: steps(TABLES[name](steps(x)), 0.07, -60), 2, 16, 8)
    graph = imported(made)
    assert [op.kind for op in graph.ops] == ["lookup"]
    every = ((np.arange(256) - 128 - 3) * 0.1).astype(np.float32).reshape(1, 2, 16, 8)
    (result,) = measure(made, graph, [every]).values()
    assert result.difference <= 1
    assert result.equal > 0.99


def test_integer_inputs_and_narrow_ranges() -> None:
    def network(x: torch.Tensor) -> torch.Tensor:
        real = decomposed.dequantize_per_tensor.default(x, 0.5, 130, 0, 255, torch.uint8)
        four_bits = decomposed.quantize_per_tensor.default(torch.relu(real), 0.5, 0, -8, 7, torch.int8)
        return decomposed.dequantize_per_tensor.default(four_bits, 0.5, 0, -8, 7, torch.int8)  # type: ignore[no-any-return]

    made = program(network, 1, 16, 16, dtype=torch.uint8)
    graph = imported(made)
    source = graph.tensors[graph.inputs[0]]
    assert (source.affine.scale, source.affine.zero_point) == (0.5, 2)
    (result,) = measure(made, graph, [np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)]).values()
    assert result == Agreement(1.0, 0, 1.0)


def test_integer_biases_are_taken_as_they_are() -> None:
    weight = torch.full((3, 8), 5, dtype=torch.int8)
    bias = torch.tensor([2**24 + 1, -(2**24) - 3, 7], dtype=torch.int32)

    def network(x: torch.Tensor) -> torch.Tensor:
        real = decomposed.dequantize_per_tensor.default(weight, 0.003, 0, -127, 127, torch.int8)
        offset = decomposed.dequantize_per_tensor.default(bias, 0.1 * 0.003, 0, -(2**31), 2**31 - 1, torch.int32)
        return steps(functional.linear(steps(x), real, offset), 99.0)

    (op,) = imported(program(network, 8)).ops
    assert isinstance(op, FullyConnected)
    assert op.bias.tolist() == bias.tolist()


PROBLEMS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], tuple[int, ...], str]] = {
    "not-quantized": (
        lambda x: steps(steps(x).mean((2, 3)) + torch.relu(x.mean((2, 3)))),
        MAP,
        "put a quantizer and a dequantizer between",
    ),
    "output": (lambda x: functional.avg_pool2d(steps(x), 2), MAP, "in real values; put a quantizer and a dequantizer after it"),
    "weights": (lambda x: steps(functional.conv2d(steps(x), torch.ones(2, 3, 1, 1))), MAP, "its weights are not quantized"),
    "other-steps": (
        lambda x: decomposed.dequantize_per_tensor.default(decomposed.quantize_per_tensor.default(x, 0.1, 0, *INT8), 0.2, 0, *INT8),
        VECTOR,
        "it dequantizes by",
    ),
    "type": (lambda x: decomposed.quantize_per_tensor.default(x, 0.1, 0, -32768, 32767, torch.int16), VECTOR, "only int8 and uint8"),
    "integers": (lambda x: torch.relu(decomposed.quantize_per_tensor.default(x, 0.1, 0, *INT8)), VECTOR, "must be dequantized first"),
    "zero-point": (lambda x: steps(x, 0.1, 127 + 30), VECTOR, "its scale is 0.1 and its zero point 157"),
    "product": (lambda x: steps(steps(x) * steps(torch.relu(steps(x[:, :1].expand(-1, 3, -1, -1))))), MAP, "make two layers"),
    "unread": (lambda x: torch.relu(steps(torch.zeros_like(x))) + 0 * torch.relu(x), VECTOR, "put a quantizer|nothing quantizes"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_problems(name: str) -> None:
    function, shape, message = PROBLEMS[name]
    with pytest.raises(InputError, match=message):
        imported(program(function, *shape))


def test_dynamic_quantization_is_refused() -> None:
    def network(x: torch.Tensor) -> torch.Tensor:
        scale, zero_point = decomposed.choose_qparams.tensor(x, -128, 127, 1e-6, torch.int8)
        integers = decomposed.quantize_per_tensor.tensor(x, scale, zero_point, *INT8)
        return decomposed.dequantize_per_tensor.tensor(integers, scale, zero_point, *INT8)  # type: ignore[no-any-return]

    with pytest.raises(InputError, match="static int8"):
        imported(program(network, 8))


def test_the_shift_format_takes_powers_of_two_alone() -> None:
    with pytest.raises(InputError, match="factors that are no powers of two"):
        imported(program(lambda x: steps(torch.relu(steps(x)), 0.3), 8), SHIFT)
    assert imported(program(lambda x: steps(torch.relu(steps(x)), 0.4), 8), SHIFT).format == SHIFT


def test_a_quantized_program_is_not_quantized_again() -> None:
    with pytest.raises(InputError, match="is quantized already"):
        import_float(program(lambda x: steps(torch.relu(steps(x))), 8))


def test_weights_alone_may_be_quantized_in_a_float_network() -> None:
    integers, scales = torch.tensor([[10], [20]], dtype=torch.int8), torch.tensor([0.5, 0.25])

    def network(x: torch.Tensor) -> torch.Tensor:
        zeros = torch.zeros(2, dtype=torch.int64)
        return functional.linear(x, decomposed.dequantize_per_channel.default(integers, scales, zeros, 0, -127, 127, torch.int8))

    graph = import_float(program(network, 1))
    (op,) = graph.ops
    assert isinstance(op, FloatFullyConnected)
    assert op.weight.tolist() == [[5.0], [5.0]]
