"""Damaged, foreign and newer network files: every command that takes one refuses them with exit code 2."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from tests.golden.importers import onnx_builder, onnx_networks
from tests.golden.importers.test_tflite_float import network as tflite_float_network
from tests.golden.importers.test_tflite_fuzz import network as tflite_network
from tests.weft.small import Command, Files


def truncated(data: bytes) -> bytes:
    return data[: len(data) // 2]


def foreign(data: bytes) -> bytes:
    return safetensors.numpy.save({"weight": np.zeros(3, np.float32)})


def newer(data: bytes) -> bytes:
    return with_description(data, lambda description: description.update(version=99))


def unsound(data: bytes) -> bytes:
    return with_description(data, lambda description: description["graph"]["ops"][0].update(output="elsewhere"))


def with_description(data: bytes, change: Callable[[dict[str, dict[str, list[dict[str, object]]]]], object]) -> bytes:
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    description = json.loads(header["__metadata__"]["weft"])
    change(description)
    header["__metadata__"]["weft"] = json.dumps(description)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "truncated": (truncated, "not a network file, or a damaged one"),
    "empty": (lambda data: b"", "not a network file, or a damaged one"),
    "text": (lambda data: b"a network, honestly", "not a network file, or a damaged one"),
    "foreign": (foreign, "not one of Weft's"),
    "newer": (newer, "written by a newer Weft (file version 99"),
    "unsound": (unsound, "elsewhere"),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["inspect", "predict", "generate", "verify"])
def test_damaged_network(command: Command, files: Files, tmp_path: Path, name: str, damage: str) -> None:
    change, message = DAMAGE[damage]
    network = tmp_path / "damaged.weft"
    network.write_bytes(change(files.network.read_bytes()))
    options = {
        "inspect": [],
        "predict": ["--inputs", files.test, "-o", tmp_path / "out.npz"],
        "generate": ["-o", tmp_path / "out"],
        "verify": ["--inputs", files.test],
    }[name]
    result = command(name, network, *options)
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert "damaged.weft" in result.err
    assert {path.name for path in tmp_path.iterdir()} == {"damaged.weft"}


def test_missing_network(command: Command, tmp_path: Path) -> None:
    result = command("inspect", tmp_path / "none.weft")
    assert result.code == 2
    assert "no such file" in result.err


def float_tflite() -> bytes:
    return tflite_float_network(np.random.default_rng(0))


def float_onnx() -> bytes:
    return onnx_networks.residual()[0]


def broken_onnx() -> bytes:
    f = onnx_builder.FileBuilder()
    return f.file(f.op("LSTM", f.conv(f.input((1, 2, 5, 4)), 2, 3)))


#: Float networks; the last has an operator that is not supported, which matters only once it is to be quantized.
FLOAT: dict[str, Callable[[], bytes]] = {"net.tflite": float_tflite, "net.onnx": float_onnx, "broken.onnx": broken_onnx}


@pytest.mark.parametrize("name", FLOAT)
@pytest.mark.parametrize("command_name", ["inspect", "predict", "generate", "verify", "analyze"])
def test_a_float_network_is_to_be_quantized_first(command: Command, files: Files, tmp_path: Path, name: str, command_name: str) -> None:
    network = tmp_path / name
    network.write_bytes(FLOAT[name]())
    options = {
        "predict": ["--inputs", files.test, "-o", tmp_path / "out.npz"],
        "generate": ["-o", tmp_path / "out"],
        "verify": ["--inputs", files.test],
    }.get(command_name, [])
    result = command(command_name, network, *options)
    assert (result.code, result.out) == (2, "")
    assert f"is a float network; quantize it first: weft quantize {network} --calibration DATA.npz -o NET" in result.err
    assert f"weft check {network}" in result.err
    assert {path.name for path in tmp_path.iterdir()} == {name}


def test_a_float_program_is_to_be_quantized_first(command: Command, program: Path) -> None:
    result = command("inspect", program)
    assert result.code == 2
    assert f"weft quantize {program} --calibration DATA.npz -o NET" in result.err


def quantized_onnx() -> bytes:
    f = onnx_builder.FileBuilder()
    x = f.quantizer(f.input((1, 2, 5, 4)))
    return f.file(f.quantizer(f.op("Conv", x, f.weights(3, 2, 3, 3))))


def unsupported_quantized_onnx() -> bytes:
    f = onnx_builder.FileBuilder()
    return f.file(f.op("LSTM", f.quantizer(f.input((1, 2, 5, 4)))))


QUANTIZED: dict[str, Callable[[], bytes]] = {
    "net.tflite": tflite_network,
    "net.onnx": quantized_onnx,
    "broken.onnx": unsupported_quantized_onnx,
}


@pytest.mark.parametrize("name", [*QUANTIZED, "net.weft"])
def test_a_quantized_network_is_not_to_be_quantized(command: Command, files: Files, tmp_path: Path, name: str) -> None:
    network = tmp_path / name
    network.write_bytes(QUANTIZED[name]() if name in QUANTIZED else files.network.read_bytes())
    result = command("quantize", network, "--calibration", files.calibration, "-o", tmp_path / "out.weft")
    assert (result.code, result.out) == (2, "")
    assert "is quantized already" in result.err
    assert f"weft verify {network} --inputs DATA.npz" in result.err
    assert "damaged" not in result.err


def test_a_file_with_integer_operators_is_told_the_format(command: Command, tmp_path: Path) -> None:
    """ONNX Runtime's operator-oriented format."""
    f = onnx_builder.FileBuilder()
    parameters = f.constant(0.05), f.constant(3, "int8")
    x = f.op("QuantizeLinear", f.input((1, 2, 5, 4)), *parameters)
    weights = f.constant(np.ones((3, 2, 1, 1)), "int8")
    x = f.op("QLinearConv", x, *parameters, weights, *parameters, *parameters)
    x = f.op("QGemm", x, *parameters, weights, *parameters)
    (tmp_path / "net.onnx").write_bytes(f.file(f.op("DequantizeLinear", x, *parameters)))
    result = command("inspect", tmp_path / "net.onnx")
    assert result.code == 2
    assert "2 problem(s)" in result.err
    assert result.err.count("onnxruntime.quantization.quantize_static(..., quant_format=QuantFormat.QDQ)") == 2
