"""`weft predict`: the golden model on a file of inputs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from golden import interpreter
from golden.graph import Graph
from golden.input_data import dequantize_output, quantize_input
from tests.weft.small import Command, Files


def test_writes_what_the_interpreter_gives(command: Command, files: Files, graph: Graph, tmp_path: Path) -> None:
    output = tmp_path / "out.npz"
    result = command("predict", files.network, "--inputs", files.test, "-o", output, "--json")
    assert (result.code, result.err) == (0, "")
    with np.load(files.test) as data, np.load(output) as written:
        y = interpreter.run(graph, quantize_input(graph, data["x"]))
        assert set(written.files) == {"y", "real", "prediction"}
        assert written["y"].dtype == np.int8
        assert np.array_equal(written["y"], y)
        assert np.array_equal(written["real"], dequantize_output(graph, y))
        assert np.array_equal(written["prediction"], y.argmax(axis=1))
        assert json.loads(result.out) == {
            "output": str(output),
            "images": 16,
            "accuracy": float((y.argmax(axis=1) == data["label"]).mean()),
            "outputs": [{"name": graph.outputs[0], "shape": [4]}],
        }


def test_int8_and_channels_first_inputs_give_the_same(command: Command, files: Files, graph: Graph, tmp_path: Path) -> None:
    with np.load(files.test) as data:
        x = data["x"]
    quantized = quantize_input(graph, x)
    for number, array in enumerate((x, x.transpose(0, 3, 1, 2), quantized, quantized.transpose(0, 3, 1, 2), x.astype(np.float64))):
        np.savez(tmp_path / f"in{number}.npz", x=array)
        assert command("predict", files.network, "--inputs", tmp_path / f"in{number}.npz", "-o", tmp_path / f"out{number}.npz").code == 0
    outputs = [np.load(tmp_path / f"out{number}.npz")["y"] for number in range(5)]
    assert all(np.array_equal(output, outputs[0]) for output in outputs)


def test_first_images(command: Command, files: Files, tmp_path: Path) -> None:
    assert command("predict", files.network, "--inputs", files.test, "-o", tmp_path / "out.npz", "--images", 3).code == 0
    with np.load(tmp_path / "out.npz") as written:
        assert written["y"].shape == (3, 4)


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({"x": np.full((2, 8, 8, 2), np.nan, np.float32)}, [], "NaN or infinite"),
        ({"x": np.zeros((2, 8, 8, 3), np.float32)}, [], "the network takes (8, 8, 2) in nhwc or (2, 8, 8) in nchw"),
        ({"x": np.zeros((2, 8, 8, 2), np.float32)}, ["--layout", "nchw"], "it has that shape in nhwc, so state that layout"),
        ({"x": np.zeros((2, 8, 8, 2), np.float32)}, ["--values", "int8"], "x is stated to be int8, but its elements are float32"),
        ({"x": np.zeros((2, 8, 8, 2), np.float32)}, ["--images", "3"], "3 inputs are asked for, but there are 2"),
        ({"x": np.zeros((2, 16), np.int8)}, [], "the network takes"),
        ({"x": np.zeros((0, 8, 8, 2), np.int8)}, [], "x is empty"),
    ],
)
def test_unusable_inputs(
    command: Command, files: Files, tmp_path: Path, arrays: dict[str, np.ndarray], options: list[str], message: str
) -> None:
    np.savez(tmp_path / "in.npz", **arrays)
    result = command("predict", files.network, "--inputs", tmp_path / "in.npz", "-o", tmp_path / "out.npz", *options)
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert not (tmp_path / "out.npz").exists()


def test_output_that_cannot_be_written(command: Command, files: Files, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for output in (tmp_path / "file" / "out.npz", tmp_path / "none" / "out.npz", tmp_path):
        result = command("predict", files.network, "--inputs", files.test, "-o", output)
        assert result.code == 2
        assert "cannot write" in result.err
    assert {path.name for path in tmp_path.iterdir()} == {"file"}
