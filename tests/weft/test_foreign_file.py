"""Files that hold networks, weights or data of another kind: each is told what it is, and what to do."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from torch import nn

from tests.weft.small import Command, Files, Trap

EXPORT = "torch.export.save(torch.export.export(model.eval(), (example_input,)), 'network.pt2')"


def state_dict() -> bytes:
    buffer = io.BytesIO()
    torch.save(nn.Linear(2, 2).state_dict(), buffer)
    return buffer.getvalue()


def arrays() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, x=np.zeros(3))
    return buffer.getvalue()


def array() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


def keras() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n")
    return buffer.getvalue()


HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(100)

#: By the file's name: its content, and two parts of the message.
FOREIGN: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "weights.pt": (state_dict, "pickled modules are refused", EXPORT),
    "weights.pth": (lambda: pickle.dumps([1]), "pickled modules are refused", EXPORT),
    "no_suffix": (state_dict, "pickled modules are refused", EXPORT),
    "weights.weft": (lambda: pickle.dumps([1]), "pickled modules are refused", EXPORT),
    "weights.npz": (arrays, "holds arrays", EXPORT),
    "weights.npy": (array, "holds one array", EXPORT),
    "network.h5": (lambda: HDF5, "is a Keras file", "tf.lite.TFLiteConverter.from_keras_model"),
    "network.hdf5": (lambda: HDF5, "is a Keras file", "tf.lite.TFLiteConverter.from_keras_model"),
    "network.keras": (keras, "is a Keras file", "tf.lite.TFLiteConverter.from_keras_model"),
    "network.pb": (lambda: b"\x08\x01", "is a TensorFlow graph", "tf.lite.TFLiteConverter.from_saved_model"),
    "network.ort": (lambda: bytes(20), "is ONNX Runtime's own format", "give the .onnx file"),
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("command_name", ["quantize", "check", "verify", "inspect"])
def test_what_it_is_and_what_to_do(command: Command, files: Files, tmp_path: Path, name: str, command_name: str) -> None:
    make, what, advice = FOREIGN[name]
    path = tmp_path / name
    path.write_bytes(make())
    options = {
        "quantize": ["--calibration", files.calibration, "-o", tmp_path / "n.weft"],
        "verify": ["--inputs", files.test],
    }.get(command_name, [])
    result = command(command_name, path, *options)
    assert (result.code, result.out) == (2, "")
    assert f"{path} " in result.err
    assert what in result.err
    assert advice in result.err
    assert {file.name for file in tmp_path.iterdir()} == {name}


def test_a_folder_of_tensorflow(command: Command, tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"")
    result = command("check", tmp_path)
    assert result.code == 2
    assert f"tf.lite.TFLiteConverter.from_saved_model('{tmp_path}')" in result.err


def test_another_folder(command: Command, tmp_path: Path) -> None:
    result = command("inspect", tmp_path)
    assert result.code == 2
    assert "is a folder; give the path of a network" in result.err


def test_weights_as_safetensors(command: Command, files: Files, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(safetensors.numpy.save({"w": np.zeros(3)}))
    for arguments in (["check", path], ["quantize", path, "--calibration", files.calibration, "-o", tmp_path / "n.weft"]):
        result = command(*arguments)
        assert result.code == 2
        assert "weights without a network" in result.err
        assert EXPORT in result.err


def test_a_network_of_weft_may_have_any_name(command: Command, files: Files, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(files.network.read_bytes())
    assert command("inspect", path).code == 0


def test_nothing_is_unpickled(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "trap.weft"
    path.write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    assert command("check", path).code == 2
    assert not (tmp_path / "sprung").exists()
