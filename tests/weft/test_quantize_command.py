"""`weft quantize`: what it writes, and what it refuses, each with its exit code and nothing half-written."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from golden import network_file
from tests.weft.small import Command, Files, Trap

GOOD = np.zeros((4, 2, 8, 8), np.float32)


def save(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def with_value(value: float) -> npt.NDArray[np.float64]:
    x = GOOD.astype(np.float64)
    x[1, 0, 2, 3] = value
    return x


def truncated(path: Path) -> Path:
    save(path, x=np.random.default_rng(0).normal(size=(4, 2, 8, 8)))
    path.write_bytes(path.read_bytes()[:-500])
    return path


def corrupted(path: Path) -> Path:
    """One flipped bit in the array: the archive's checksum sees it."""
    save(path, x=np.random.default_rng(0).normal(size=(4, 2, 8, 8)))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    return path


def single(path: Path) -> Path:
    with path.open("wb") as file:
        np.save(file, GOOD)
    return path


def text(path: Path) -> Path:
    path.write_text("x = 1")
    return path


#: Calibration data that cannot be used, and what is said about each.
UNUSABLE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "nan": (lambda path: save(path, x=with_value(np.nan)), "1 of 512 values are NaN or infinite, the first at index [1, 0, 2, 3]"),
    "infinite": (lambda path: save(path, x=with_value(-np.inf)), "NaN or infinite"),
    "beyond float32": (lambda path: save(path, x=with_value(1e300)), "NaN or infinite"),
    "shape": (lambda path: save(path, x=np.zeros((4, 3, 9, 9), np.float32)), "to have 2 channels"),
    "vectors": (
        lambda path: save(path, x=np.zeros((4, 128), np.float32)),
        "torch.export cannot trace Sequential with inputs of shape [[2, 128]]",
    ),
    "no channel axis": (lambda path: save(path, x=GOOD[:, 0]), "a single channel needs its own axis too"),
    "empty": (lambda path: save(path, x=GOOD[:0]), "x is empty: its shape is [0, 2, 8, 8]"),
    "int8": (lambda path: save(path, x=GOOD.astype(np.int8)), "calibration needs real values, but x holds int8"),
    "uint8": (lambda path: save(path, x=GOOD.astype(np.uint8)), "x holds uint8 elements: state that they are real"),
    "complex": (lambda path: save(path, x=GOOD.astype(np.complex64)), "x must hold float or int8 elements, not complex64"),
    "pickled": (lambda path: save(path, x=np.array([Trap(path.parent / "sprung")], dtype=object)), "not an npz file of plain arrays"),
    "no x": (lambda path: save(path, y=GOOD), "there is no array 'x' in it"),
    "labels": (
        lambda path: save(path, x=GOOD, label=np.zeros(3, np.int64)),
        "label must be [4], one for each input, but its shape is (3,)",
    ),
    "real labels": (lambda path: save(path, x=GOOD, label=np.zeros(4)), "label must hold integers, not float64"),
    "negative labels": (lambda path: save(path, x=GOOD, label=np.full(4, -1)), "label must not be negative, but one is -1"),
    "unknown layout": (lambda path: save(path, x=GOOD, layout="hwcn"), "layout must be nhwc or nchw, not 'hwcn'"),
    "unknown values": (lambda path: save(path, x=GOOD, values="fixed"), "values must be real or int8, not 'fixed'"),
    "wrong layout": (lambda path: save(path, x=GOOD, layout="nhwc"), "to have 2 channels"),
    "not int8": (lambda path: save(path, x=GOOD, values="int8"), "x is stated to be int8, but its elements are float32"),
    "truncated": (truncated, "not an npz file of plain arrays, or a damaged one"),
    "corrupted": (corrupted, "not an npz file of plain arrays, or a damaged one"),
    "single array": (single, "a single array, not an npz file"),
    "text": (text, "not an npz file"),
    "missing": (lambda path: path, "no such file"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_unusable_calibration_data(command: Command, tmp_path: Path, case: str) -> None:
    make, message = UNUSABLE[case]
    data = make(tmp_path / "data.npz")
    result = command("quantize", "factories:small", "--calibration", data, "-o", tmp_path / "n.weft")
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert "Traceback" not in result.err
    assert {path.name for path in tmp_path.iterdir()} <= {"data.npz"}


def test_an_exported_program_says_which_shape_it_takes(command: Command, program: Path, tmp_path: Path) -> None:
    data = save(tmp_path / "data.npz", x=np.zeros((4, 3, 9, 9), np.float32))
    result = command("quantize", program, "--calibration", data, "-o", tmp_path / "n.weft")
    assert result.code == 2
    assert "inputs of the shape (3, 9, 9), but the network takes (8, 8, 2) in nhwc or (2, 8, 8) in nchw" in result.err


def test_file_and_option_must_agree(command: Command, tmp_path: Path) -> None:
    data = save(tmp_path / "data.npz", x=GOOD, layout="nchw")
    result = command("quantize", "factories:small", "--calibration", data, "-o", tmp_path / "n.weft", "--layout", "nhwc")
    assert result.code == 2
    assert "says that layout is nchw, but the option says nhwc" in result.err


def test_a_factory_and_an_exported_program_give_the_same_network(command: Command, files: Files, program: Path, tmp_path: Path) -> None:
    for model, output in (("factories:small", "a.weft"), (program, "b.weft")):
        result = command("quantize", model, "--calibration", files.calibration, "-o", tmp_path / output, "--name", "small")
        assert (result.code, result.err) == (0, "")
    shapes = [
        [op.weight.tolist() for op in network_file.load(tmp_path / name).ops if hasattr(op, "weight")] for name in ("a.weft", "b.weft")
    ]
    assert shapes[0] == shapes[1]
    assert (tmp_path / "a.weft").read_bytes() == files.network.read_bytes()


def test_channels_last_data_give_the_same_network(command: Command, files: Files, tmp_path: Path) -> None:
    data = save(tmp_path / "nhwc.npz", x=np.load(files.calibration)["x"].transpose(0, 2, 3, 1))
    for options in ([], ["--layout", "nhwc"]):
        result = command("quantize", "factories:small", "--calibration", data, "-o", tmp_path / "n.weft", "--name", "small", *options)
        assert (result.code, result.err) == (0, "")
        assert (tmp_path / "n.weft").read_bytes() == files.network.read_bytes()


@pytest.mark.parametrize("rescale", ["shift", "fixed8", "fixed16", "tflite"])
def test_rescale_format(command: Command, files: Files, tmp_path: Path, rescale: str) -> None:
    output = tmp_path / "n.weft"
    result = command("quantize", "factories:small", "--calibration", files.calibration, "-o", output, "--rescale", rescale, "--json")
    assert result.code == 0
    assert json.loads(result.out)["rescale"] == rescale
    assert str(network_file.load(output).format) == rescale


@pytest.mark.parametrize("rescale", ["fixed3", "fixed33", "float", "fixed"])
def test_unknown_rescale_format(command: Command, files: Files, tmp_path: Path, rescale: str) -> None:
    result = command("quantize", "factories:small", "--calibration", files.calibration, "-o", tmp_path / "n.weft", "--rescale", rescale)
    assert result.code == 2
    assert "rescale format" in result.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[layers."nowhere"]\nweights = 4\n', "recipe 'r' does not fit network"),
        ('method = "dynamic"\n', "recipe 'r' is dynamic"),
    ],
)
def test_a_recipe_is_not_the_fault_of_the_data(command: Command, files: Files, tmp_path: Path, text: str, message: str) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text(text)
    output = tmp_path / "n.weft"
    result = command("quantize", "factories:small", "--calibration", files.calibration, "-o", output, "--recipe", recipe)
    assert result.code == 2
    assert result.err.startswith(f"weft: {message}")
    assert not output.exists()


@pytest.mark.parametrize("name", ["model.pt", "model.pth", "model.pkl", "model.PT", "weights.ckpt", "model.bin"])
def test_pickled_modules_are_refused_unopened(command: Command, files: Files, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    result = command("quantize", path, "--calibration", files.calibration, "-o", tmp_path / "n.weft")
    assert result.code == 2
    assert "pickled modules are refused" in result.err
    assert "torch.export.save" in result.err
    assert {file.name for file in tmp_path.iterdir()} == {name}


def test_all_unsupported_operators_at_once(command: Command, files: Files, tmp_path: Path) -> None:
    result = command("quantize", "factories:unsupported", "--calibration", files.calibration, "-o", tmp_path / "n.weft")
    assert result.code == 2
    assert "1 (Upsample): upsample_nearest2d: is not supported: upsampling is not supported" in result.err
    assert "3 (ConvTranspose2d): " in result.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("factories:nothing", "the module factories has no function 'nothing'"),
        ("nowhere:small", "there is no module 'nowhere'"),
        ("factories:number", "returned a int, not a torch.nn.Module"),
        ("factories:broken", "failed with RuntimeError: no weights here"),
        ("factories", "or package.module:factory, not 'factories'"),
        ("network.h5", "or package.module:factory, not 'network.h5'"),
        ("missing.pt2", "missing.pt2: no such file"),
    ],
)
def test_model_that_is_not_there(command: Command, files: Files, tmp_path: Path, model: str, message: str) -> None:
    result = command("quantize", model, "--calibration", files.calibration, "-o", tmp_path / "n.weft")
    assert (result.code, result.out) == (2, "")
    assert message in result.err


def test_output_that_cannot_be_written(command: Command, files: Files, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for output in (tmp_path / "file" / "n.weft", tmp_path / "none" / "n.weft", tmp_path):
        result = command("quantize", "factories:small", "--calibration", files.calibration, "-o", output)
        assert result.code == 2
        assert "cannot write" in result.err
    assert {path.name for path in tmp_path.iterdir()} == {"file"}
