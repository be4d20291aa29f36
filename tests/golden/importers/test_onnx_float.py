"""ONNX files without quantizers: the float graph computes what ONNX Runtime computes, to float accuracy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from golden import float_interpreter
from golden.float_graph import FloatBatchNorm, FloatGraph
from golden.importers import onnx as importer
from golden.interpreter import run
from golden.quantize import quantize
from tests.golden.importers.onnx_builder import FileBuilder, Float32, session
from tests.golden.importers.onnx_networks import NETWORKS


def images(shape: tuple[int, ...], count: int = 6) -> Float32:
    return np.random.default_rng(9).standard_normal((count, *shape)).astype(np.float32)


def imported(data: bytes) -> FloatGraph:
    graph = importer.import_bytes(data)
    assert isinstance(graph, FloatGraph)
    return graph


def same(data: bytes, shape: tuple[int, ...]) -> FloatGraph:
    """Imports a file with one input and one output and compares it with ONNX Runtime."""
    graph, x = imported(data), images(shape)
    runtime = session(data)
    theirs = np.concatenate([runtime.run(None, {runtime.get_inputs()[0].name: x[i : i + 1]})[0] for i in range(len(x))])
    first = graph.tensors[graph.inputs[0]].shape
    ours = float_interpreter.run(graph, {graph.inputs[0]: x if first == shape else x.transpose(0, 2, 3, 1)})[graph.outputs[0]]
    ordered = ours.transpose(0, 3, 1, 2) if ours.ndim == 4 and ours.shape != theirs.shape else ours
    assert ordered.shape == theirs.shape
    np.testing.assert_allclose(ordered, theirs, rtol=1e-4, atol=1e-5)
    return graph


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str) -> None:
    same(*NETWORKS[name]())


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_automatic_padding(mode: str, stride: int) -> None:
    for kind in ("Conv", "MaxPool", "AveragePool"):
        f = FileBuilder()
        x = f.input((1, 2, 11, 8))
        attributes = {"auto_pad": mode, "strides": [stride, stride]}
        y = f.conv(x, 2, 4, (4, 3), **attributes) if kind == "Conv" else f.op(kind, x, kernel_shape=[4, 3], **attributes)
        same(f.file(y), (2, 11, 8))


@pytest.mark.parametrize("size", range(7, 13))
def test_ceil_mode(size: int) -> None:
    for kind in ("MaxPool", "AveragePool"):
        f = FileBuilder(opset=22)
        x = f.op(kind, f.input((1, 2, size, size)), kernel_shape=[3, 2], strides=[2, 3], pads=[1, 0, 1, 1], ceil_mode=1)
        same(f.file(x), (2, size, size))


def test_mean_that_counts_padding() -> None:
    f = FileBuilder()
    x = f.op("AveragePool", f.input((1, 3, 6, 7)), kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
    assert same(f.file(x), (3, 6, 7)).ops[0].kind == "depthwise_conv2d"


def test_depthwise_with_multiplier_and_groups() -> None:
    for group, outputs in ((4, 8), (2, 6), (1, 3), (4, 4)):
        f = FileBuilder()
        kind = same(f.file(f.conv(f.input((1, 4, 5, 7)), 4, outputs, group=group)), (4, 5, 7)).ops[0].kind
        assert kind == ("depthwise_conv2d" if group == 4 else "conv2d")


def test_gemm_in_every_form() -> None:
    for transposed, alpha, beta in ((0, 1.0, 1.0), (1, 0.5, 2.0), (1, 1.0, 0.0)):
        f = FileBuilder()
        weight = f.random(5, 7) if transposed else f.random(7, 5)
        same(f.file(f.op("Gemm", f.input((1, 7)), weight, f.random(1, 5), transB=transposed, alpha=alpha, beta=beta)), (7,))


def test_constants_per_channel() -> None:
    f = FileBuilder()
    x = f.input((1, 3, 4, 4))
    y = f.op("Mul", f.op("Add", x, f.random(3, 1, 1)), f.random(1, 3, 1, 1))
    y = f.op("Div", f.op("Sub", f.constant(2.0), y), f.constant([[[2.0]], [[3.0]], [[-4.0]]]))
    graph = same(f.file(f.op("Sub", y, f.random(3, 1, 1))), (3, 4, 4))
    assert all(isinstance(op, FloatBatchNorm) for op in graph.ops)


#: Functions of one value, and networks that spell them out.
FUNCTIONS: dict[str, Callable[[FileBuilder, str], str]] = {
    "abs": lambda f, x: f.op("Abs", x),
    "elu": lambda f, x: f.op("Elu", x, alpha=0.7),
    "gelu": lambda f, x: f.op("Gelu", x),
    "gelu_tanh": lambda f, x: f.op("Gelu", x, approximate="tanh"),
    "hard_sigmoid": lambda f, x: f.op("HardSigmoid", x, alpha=0.3),
    "hard_swish": lambda f, x: f.op("HardSwish", x),
    "leaky_relu": lambda f, x: f.op("LeakyRelu", x, alpha=0.2),
    "mish": lambda f, x: f.op("Mish", x),
    "prelu": lambda f, x: f.op("PRelu", x, f.constant([[[0.3]]])),
    "selu": lambda f, x: f.op("Selu", x),
    "softplus": lambda f, x: f.op("Softplus", x),
    "swish": lambda f, x: f.op("Mul", x, f.op("Sigmoid", x)),
    "hard_swish_spelled_out": lambda f, x: f.op(
        "Div", f.op("Mul", x, f.op("Clip", f.op("Add", x, f.constant(3.0)), f.constant(0.0), f.constant(6.0))), f.constant(6.0)
    ),
    "difference": lambda f, x: f.op("Sub", f.op("Tanh", x), x),
    "softsign": lambda f, x: f.op("Div", x, f.op("Add", f.op("Abs", x), f.constant(1.0))),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_one_value(name: str) -> None:
    f = FileBuilder(opset=20)
    graph = same(f.file(FUNCTIONS[name](f, f.input((1, 3, 5, 4)))), (3, 5, 4))
    assert [op.kind for op in graph.ops] == ["function"]


def test_transposed_back_and_forth() -> None:
    f = FileBuilder()
    x = f.op("Transpose", f.input((1, 3, 5, 4)), perm=[0, 2, 3, 1])
    x = f.op("Relu", f.op("Reshape", x, f.constant([0, -1, 3], "int64")))
    x = f.op("Transpose", f.op("Reshape", x, f.constant([1, 5, 4, 3], "int64")), perm=[0, 3, 1, 2])
    same(f.file(f.conv(x, 3, 2)), (3, 5, 4))


def test_half_precision_weights() -> None:
    f = FileBuilder()
    weight = f.op("Cast", f.constant(f.rng.standard_normal((4, 3, 3, 3)), np.float16), to=1)
    same(f.file(f.op("Conv", f.input((1, 3, 6, 7)), weight)), (3, 6, 7))


def test_weights_that_are_quantized_alone() -> None:
    f = FileBuilder()
    same(f.file(f.op("Conv", f.input((1, 3, 6, 7)), f.weights(4, 3, 3, 3, axis=0))), (3, 6, 7))


def test_a_file_goes_through_quantization(tmp_path: Path) -> None:
    data, shape = NETWORKS["residual"]()
    (tmp_path / "network.onnx").write_bytes(data)
    graph = importer.import_file(tmp_path / "network.onnx")
    assert isinstance(graph, FloatGraph)
    assert graph.name == "network"
    x = images(shape, 16).transpose(0, 2, 3, 1)
    integers = quantize(graph, x)
    source = integers.tensors[integers.inputs[0]]
    steps = np.clip(np.rint(x / source.affine.scale) + source.affine.zero_point, -128, 127).astype(np.int8)
    assert run(integers, steps).shape == (16, 5)
