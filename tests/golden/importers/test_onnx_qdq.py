"""ONNX files in the QDQ format against ONNX Runtime.

ONNX Runtime rescales in floating point and rounds halves to even, the graph in its own integer format: what is compared here is a
measurement with a bound that follows from the number of rescales, one step (LSB) each; it is no test of bit-exactness.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from golden.errors import InputError
from golden.formats import INT8, quantize_array
from golden.graph import Add, Conv2d, FullyConnected, Graph, Lookup, Mean, Requantize, Softmax, WeightedOp
from golden.importers import onnx as importer
from golden.importers.agreement import Agreement, compare, to_integers
from golden.importers.onnx_agreement import measure
from golden.interpreter import run
from golden.network_file import load, save
from golden.rescale import SHIFT, TFLITE, RescaleFormat
from tests.golden.importers.onnx_builder import FileBuilder, Float32, quantized
from tests.golden.importers.onnx_networks import NETWORKS

Record = Callable[[str, object], None]


def images(shape: tuple[int, ...], count: int, seed: int = 9) -> Float32:
    return np.random.default_rng(seed).standard_normal((count, *shape)).astype(np.float32)


def imported(data: bytes, format: RescaleFormat = TFLITE) -> Graph:
    graph = importer.import_bytes(data, format=format)
    assert isinstance(graph, Graph)
    assert graph.format == format
    return graph


def agreement(
    path: Path, shape: tuple[int, ...], count: int, format: RescaleFormat = TFLITE, layout: str = "NCHW"
) -> tuple[Graph, Agreement]:
    graph = importer.import_file(path, format=format)
    assert isinstance(graph, Graph)
    name = onnx.load(path).graph.input[0].name
    (result,) = measure(path, graph, {name: images(shape, count)}, layout=layout).values()
    return graph, result


def rescales(graph: Graph) -> int:
    """The most operators with a rounding on a way from the input to the output."""
    depth = dict.fromkeys(graph.inputs, 0)
    for op in graph.ops:
        exact = op.kind in ("max_pool2d", "reshape", "pad", "concatenation")
        depth[op.output] = max(depth[name] for name in op.inputs) + (0 if exact else 1)
    return max(depth[name] for name in graph.outputs)


@pytest.mark.parametrize("unsigned", [False, True], ids=["int8", "uint8"])
@pytest.mark.parametrize("per_channel", [False, True], ids=["per_tensor", "per_channel"])
@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str, per_channel: bool, unsigned: bool, tmp_path: Path, record_property: Record) -> None:
    data, shape = NETWORKS[name]()
    path = quantized(data, tmp_path, images(shape, 20, seed=1), per_channel=per_channel, unsigned=unsigned)
    graph, result = agreement(path, shape, 50, layout="NHWC" if name == "channels_last" else "NCHW")
    record_property("agreement", str(result))
    assert result.difference <= rescales(graph)
    assert result.equal > 0.4
    assert result.argmax > 0.9
    save(graph, tmp_path / "network.weft")
    assert load(tmp_path / "network.weft").outputs == graph.outputs


def test_unsigned_weights_with_zero_points(tmp_path: Path) -> None:
    data, shape = NETWORKS["perceptron"]()
    path = quantized(data, tmp_path, images(shape, 20, seed=1), per_channel=False, unsigned=True, unsigned_weights=True)
    graph, result = agreement(path, shape, 50)
    assert any(op.weight_zero_point.any() for op in graph.ops if isinstance(op, WeightedOp))
    assert result.difference <= rescales(graph)
    assert result.equal > 0.9


@pytest.mark.parametrize("format", ["fixed16", "fixed32"])
def test_other_formats(format: str, tmp_path: Path) -> None:
    data, shape = NETWORKS["residual"]()
    path = quantized(data, tmp_path, images(shape, 20, seed=1), per_channel=True, unsigned=False)
    graph, result = agreement(path, shape, 50, RescaleFormat.parse(format))
    assert result.difference <= rescales(graph)
    assert result.argmax > 0.9


def test_the_shift_format_takes_powers_of_two_alone(tmp_path: Path) -> None:
    data, shape = NETWORKS["perceptron"]()
    path = quantized(data, tmp_path, images(shape, 20, seed=1), per_channel=False, unsigned=False)
    with pytest.raises(InputError, match="factors that are no powers of two"):
        importer.import_file(path, format=SHIFT)
    f = FileBuilder()
    integers, parameters = f.constant(f.rng.integers(-9, 9, (4, 3, 3, 3)), "int8"), (f.constant(2.0**-6), f.constant(0, "int8"))
    x = f.quantizer(f.input((1, 3, 6, 6)), 2.0**-4)
    x = f.quantizer(f.op("Conv", x, f.op("DequantizeLinear", integers, *parameters)), 2.0**-3)
    (tmp_path / "shift.onnx").write_bytes(f.file(x))
    _, result = agreement(tmp_path / "shift.onnx", (3, 6, 6), 50, SHIFT)
    assert result.difference <= 1


#: One operator between quantizers, by name: what makes it, the shape of its input, how many roundings the graph has for it.
SINGLE: dict[str, tuple[Callable[[FileBuilder, str], str], tuple[int, ...], int]] = {
    "conv": (lambda f, x: f.op("Conv", x, f.weights(5, 4, 3, 3, axis=0), f.random(5), pads=[1, 1, 1, 1]), (4, 7, 6), 1),
    "conv_groups": (lambda f, x: f.op("Conv", x, f.weights(6, 2, 3, 3, dtype="uint8", zero_point=120), group=2), (4, 7, 6), 1),
    "depthwise": (lambda f, x: f.op("Conv", x, f.weights(8, 1, 3, 3, zero_point=-7), group=4, strides=[2, 1]), (4, 7, 6), 1),
    "conv_relu": (lambda f, x: f.op("Relu", f.op("Conv", x, f.weights(5, 4, 3, 3))), (4, 7, 6), 1),
    "conv_clip": (lambda f, x: f.op("Clip", f.op("Conv", x, f.weights(5, 4, 1, 1)), f.constant(-1.0), f.constant(1.3)), (4, 7, 6), 1),
    "conv_norm": (lambda f, x: f.batch_norm(f.op("Conv", x, f.weights(5, 4, 3, 3)), 5), (4, 7, 6), 1),
    "gemm": (lambda f, x: f.op("Gemm", x, f.weights(20, 6, axis=1), f.random(6), alpha=0.5), (20,), 1),
    "gemm_transposed": (lambda f, x: f.op("Gemm", x, f.op("Transpose", f.weights(6, 20, axis=0), perm=[1, 0])), (20,), 1),
    "matmul_add": (lambda f, x: f.op("Add", f.op("MatMul", x, f.weights(20, 6)), f.random(6)), (20,), 1),
    "flatten_gemm": (lambda f, x: f.op("Gemm", f.op("Flatten", x), f.weights(5, 24), transB=1), (4, 3, 2), 1),
    "add": (lambda f, x: f.op("Add", x, f.quantizer(f.op("Relu", x), 0.03, -20)), (4, 5, 5), 2),
    "add_relu": (lambda f, x: f.op("Relu", f.op("Add", x, x)), (4, 5, 5), 1),
    "add_constant": (lambda f, x: f.op("Add", x, f.random(4, 1, 1)), (4, 5, 5), 1),
    "batch_norm": (lambda f, x: f.batch_norm(x, 4), (4, 5, 5), 1),
    "multiply_vector": (lambda f, x: f.op("Mul", x, f.random(9)), (9,), 1),
    "relu": (lambda f, x: f.op("Relu", x), (4, 5, 5), 1),
    "clip_vector": (lambda f, x: f.op("Clip", x, f.constant(-0.5), f.constant(2.0)), (9,), 1),
    "max_pool": (lambda f, x: f.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]), (4, 7, 7), 1),
    "average_pool": (lambda f, x: f.op("AveragePool", x, kernel_shape=[3, 2], strides=[2, 2]), (4, 7, 7), 1),
    "average_pool_padded": (lambda f, x: f.op("AveragePool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1]), (4, 7, 7), 2),
    "average_pool_counted": (
        lambda f, x: f.op("AveragePool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
        (4, 7, 7),
        1,
    ),
    "global_average_pool": (lambda f, x: f.op("GlobalAveragePool", x), (4, 7, 7), 1),
    "pad": (lambda f, x: f.op("Pad", x, f.constant([0, 0, 1, 2, 0, 0, 0, 1], "int64")), (4, 5, 5), 1),
    "concat": (lambda f, x: f.op("Concat", x, f.quantizer(f.op("Relu", x), 0.03, -20), axis=1), (4, 5, 5), 2),
    "softmax": (lambda f, x: f.op("Softmax", x, axis=1), (9,), 2),
    "sigmoid": (lambda f, x: f.op("Sigmoid", x), (9,), 1),
    "tanh": (lambda f, x: f.op("Tanh", x), (4, 3, 3), 1),
    "leaky_relu": (lambda f, x: f.op("LeakyRelu", x, alpha=0.2), (4, 3, 3), 1),
    "swish": (lambda f, x: f.op("Mul", x, f.op("Sigmoid", x)), (4, 3, 3), 1),
    "transposed": (lambda f, x: f.op("Transpose", f.op("Relu", f.op("Transpose", x, perm=[0, 2, 3, 1])), perm=[0, 3, 1, 2]), (4, 3, 3), 1),
}


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("name", SINGLE)
def test_single_operators(name: str, dtype: str, tmp_path: Path) -> None:
    make, shape, roundings = SINGLE[name]
    moved = 128 if dtype == "uint8" else 0
    f = FileBuilder(7)
    x = f.quantizer(f.input((1, *shape)), 0.02, 5 + moved, dtype)
    scale, zero_point = (1 / 255, -120) if name in ("softmax", "sigmoid", "tanh") else (0.017, -31)
    path = tmp_path / "single.onnx"
    path.write_bytes(f.file(f.quantizer(make(f, x), scale, zero_point + moved, dtype)))
    _, result = agreement(path, shape, 200)
    assert result.difference <= roundings
    assert result.equal > (0.9 if roundings == 1 else 0.5)


def test_operators_that_only_move_integers_agree_exactly(tmp_path: Path) -> None:
    """Clamps, maxima, padding and copies in the same steps: nothing is rounded but the input."""
    f = FileBuilder()
    x = f.quantizer(f.input((1, 4, 6, 6)))
    y = f.quantizer(f.op("MaxPool", f.op("Relu", x), kernel_shape=[2, 2], strides=[2, 2]))
    y = f.quantizer(f.op("Concat", y, f.quantizer(f.op("Clip", y, f.constant(-1.0), f.constant(1.0))), axis=1))
    y = f.quantizer(f.op("Pad", y, f.constant([0, 0, 1, 0, 0, 0, 0, 1], "int64")))
    path = tmp_path / "moves.onnx"
    path.write_bytes(f.file(y))
    _, result = agreement(path, (4, 6, 6), 100)
    assert result == Agreement(1.0, 0, 1.0)


def test_integer_biases_are_taken_as_they_are() -> None:
    f = FileBuilder()
    x = f.quantizer(f.input((1, 8)), 0.05)
    weight = f.op("DequantizeLinear", f.constant(np.full((3, 8), 5), "int8"), f.constant(0.003), f.constant(0, "int8"))
    steps = f.constant(np.float32(0.05) * np.float32(0.003)), f.constant(0, "int32")
    bias = f.op("DequantizeLinear", f.constant([2**30 + 1, -(2**30) - 3, 7], "int32"), *steps)
    (op,) = imported(f.file(f.quantizer(f.op("Gemm", x, weight, bias, transB=1), 99.0))).ops
    assert isinstance(op, FullyConnected)
    assert op.bias.tolist() == [2**30 + 1, -(2**30) - 3, 7]
    assert op.weight_scale.tolist() == [float(np.float32(0.003))] * 3


def test_unsigned_tensors_move_by_128() -> None:
    f = FileBuilder()
    x = f.input((1, 2, 3, 3), kind=TensorProto.UINT8)
    x = f.op("DequantizeLinear", x, f.constant(0.5), f.constant(130, "uint8"))
    graph = imported(f.file(f.op("QuantizeLinear", f.op("Relu", x), f.constant(0.5), f.constant(130, "uint8"))))
    source = graph.tensors[graph.inputs[0]]
    assert (source.affine.scale, source.affine.zero_point, source.shape) == (0.5, 2, (3, 3, 2))
    (op,) = graph.ops
    assert isinstance(op, Requantize)
    assert (op.act_min, op.act_max) == (2, 127)
    assert run(graph, np.full((1, 3, 3, 2), -5, np.int8)).ravel().tolist() == [2] * 18


def test_clipped_integers_as_brevitas_writes_them() -> None:
    """Four bits in an int8 tensor: Clip between QuantizeLinear and DequantizeLinear, of weights and of activations."""
    f = FileBuilder()
    parameters = f.constant(0.1), f.constant(0, "int8")
    ends = f.constant(-8, "int8"), f.constant(7, "int8")

    def four_bits(x: str) -> str:
        return f.op("DequantizeLinear", f.op("Clip", f.op("QuantizeLinear", x, *parameters), *ends), *parameters)

    x = f.quantizer(f.input((1, 3, 4, 4)))
    weight = four_bits(f.random(2, 3, 3, 3))
    graph = imported(f.file(four_bits(f.op("Relu", f.op("Conv", x, weight)))))
    (op,) = graph.ops
    assert isinstance(op, Conv2d)
    assert (int(op.weight.min()), int(op.weight.max())) == (-8, 7)
    assert (op.act_min, op.act_max) == (0, 7)


def test_what_is_made_of_each_operator(tmp_path: Path) -> None:
    data, shape = NETWORKS["joined"]()
    path = quantized(data, tmp_path, images(shape, 20, seed=1), per_channel=False, unsigned=False)
    graph = importer.import_file(path)
    assert isinstance(graph, Graph)
    assert {Lookup, Mean} <= {type(op) for op in graph.ops}
    assert graph.tensors[graph.inputs[0]].shape == (8, 8, 4)


def test_a_softmax_that_nothing_quantizes_has_its_own_steps() -> None:
    f = FileBuilder()
    graph = imported(f.file(f.op("Softmax", f.quantizer(f.input((1, 5))), axis=1)))
    (op,) = graph.ops
    assert isinstance(op, Softmax)
    assert graph.tensors[op.output].affine.scale == 1 / 256


def test_a_softmax_at_the_end_keeps_its_own_steps_where_the_output_is_real() -> None:
    f = FileBuilder()
    x = f.op("Softmax", f.quantizer(f.input((1, 5))), axis=1)
    graph = imported(f.file(f.quantizer(x, 1 / 255, -128)))
    assert [op.kind for op in graph.ops] == ["softmax"]
    parameters = f.constant(1 / 255), f.constant(-128, "int8")
    graph = imported(f.file(f.op("QuantizeLinear", x, *parameters)))
    assert [op.kind for op in graph.ops] == ["softmax", "requantize"]
    assert graph.tensors[graph.outputs[0]].affine.scale == float(np.float32(1 / 255))


def test_factors_of_an_add() -> None:
    f = FileBuilder()
    x = f.quantizer(f.input((1, 5)), 0.25)
    (op,) = imported(f.file(f.quantizer(f.op("Add", x, x), 0.5))).ops
    assert isinstance(op, Add)
    assert (op.rescale_a.real().item(), op.rescale_out.real().item()) == (0.5, 2.0**-20)


PROBLEMS: list[tuple[str, Callable[[FileBuilder, str], str]]] = [
    (
        "put a quantizer and a dequantizer between them",
        lambda f, x: f.op("Conv", f.op("Conv", x, f.weights(3, 3, 1, 1)), f.weights(2, 3, 1, 1)),
    ),
    ("its weights are not quantized", lambda f, x: f.conv(x, 3, 2)),
    ("its weights have 3 scales along axis 1", lambda f, x: f.op("Conv", x, f.weights(2, 3, 1, 1, axis=1))),
    (
        "its input 0 is int8; it must go through DequantizeLinear",
        lambda f, x: f.op("Relu", f.op("QuantizeLinear", x, f.constant(0.1), f.constant(0, "int8"))),
    ),
    (
        "in real values; put a quantizer and a dequantizer after it",
        lambda f, x: f.op("Identity", f.op("Conv", x, f.weights(3, 3, 1, 1))),
    ),
    (
        "it dequantizes by",
        lambda f, x: f.op(
            "DequantizeLinear", f.op("QuantizeLinear", x, f.constant(0.1), f.constant(0, "int8")), f.constant(0.2), f.constant(0, "int8")
        ),
    ),
    ("its type is INT16", lambda f, x: f.op("QuantizeLinear", x, f.constant(0.1), f.constant(0, "int16"))),
]


@pytest.mark.parametrize(("message", "make"), PROBLEMS, ids=[message for message, _ in PROBLEMS])
def test_problems(message: str, make: Callable[[FileBuilder, str], str]) -> None:
    f = FileBuilder()
    with pytest.raises(InputError) as caught:
        imported(f.file(make(f, f.quantizer(f.input((1, 3, 4, 4))))))
    assert message in str(caught.value)


def test_agreement_of_known_integers() -> None:
    ours, theirs = np.array([[1, 5, 3], [9, 2, 2]]), np.array([[1, 5, 5], [1, 2, 3]])
    assert compare(ours, theirs) == Agreement(0.5, 8, 0.5)
    assert str(Agreement(0.5, 8, 0.5)) == "50.00 % equal, largest difference 8 LSB, argmax 50.00 % equal"


def test_measured_integers_are_those_of_the_file(tmp_path: Path) -> None:
    """`to_integers` undoes DequantizeLinear and the unsigned offset, in the graph's order."""
    f = FileBuilder()
    graph = imported(f.file(f.quantizer(f.op("Relu", f.quantizer(f.input((1, 2, 2, 3)))))))
    tensor = graph.tensors[graph.outputs[0]]
    real: Any = images((2, 2, 3), 4)
    expected = quantize_array(real.transpose(0, 2, 3, 1), tensor.affine.scale, tensor.affine.zero_point, INT8)
    assert np.array_equal(to_integers(real, tensor), expected)
    assert np.array_equal(to_integers((expected + 128).astype(np.uint8), tensor, "NHWC"), expected)
