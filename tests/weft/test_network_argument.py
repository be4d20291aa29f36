"""Damaged, foreign and newer network files: every command that takes one refuses them with exit code 2."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

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
