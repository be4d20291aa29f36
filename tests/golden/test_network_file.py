"""The network file: the same graph back, the same bytes always, and clear errors for files that are not one."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from golden import network_file
from golden.affine import Affine
from golden.errors import InputError
from golden.graph import (
    OPS,
    Add,
    AveragePool2d,
    Concatenation,
    Conv2d,
    DepthwiseConv2d,
    FullyConnected,
    Graph,
    Lookup,
    MaxPool2d,
    Mean,
    Op,
    Pad,
    Padding,
    Requantize,
    Reshape,
    Softmax,
    Tensor,
    Window,
)
from golden.interpreter import run
from golden.rescale import SHIFT, TFLITE, Rescale, RescaleFormat, RescaleKind

FORMATS = [SHIFT, TFLITE, RescaleFormat(RescaleKind.FIXED, 16)]


def network(format: RescaleFormat = TFLITE) -> Graph:
    """One operator of every kind, with constants of every sort."""
    rng = np.random.default_rng(7)
    shapes = {"x": (6, 5, 2), "c": (6, 5, 4), "d": (6, 5, 4), "s": (6, 5, 4), "p": (3, 2, 4), "m": (1, 1, 4), "f": (4,), "y": (3,)}
    shapes |= {"q": (3,), "j": (6,), "l": (6,), "o": (6,), "e": (3, 6, 5), "n": (1, 1, 5)}
    affine = Affine(1 / 3, -7)
    tensors = {name: Tensor(name, shape, affine) for name, shape in shapes.items()}
    tensors["o"] = Tensor("o", (6,), Affine(1 / 256, -128))

    def constants(shape: tuple[int, ...], channels: int) -> dict[str, Any]:
        return {
            "weight": rng.integers(-128, 128, shape).astype(np.int8),
            "weight_zero_point": rng.integers(-3, 3, channels),
            "weight_scale": rng.uniform(0.1, 1, channels),
            "bias": rng.integers(-1000, 1000, channels),
            "rescale": Rescale.from_real(format, rng.uniform(0.001, 0.01, channels)),
        }

    half = Rescale.from_real(format, 0.5)
    ops: tuple[Op, ...] = (
        Conv2d("conv", ("x",), "c", window=Window((3, 2), padding=Padding(1, 1, 0, 1)), act_min=-7, **constants((4, 3, 2, 2), 4)),
        DepthwiseConv2d("depthwise", ("c",), "d", window=Window((3, 3), (1, 1), Padding(2, 2, 2, 2), (2, 2)), **constants((3, 3, 4), 4)),
        Add("add", ("c", "d"), "s", left_shift=20, rescale_a=half, rescale_b=half, rescale_out=Rescale.from_real(format, 2.0**-19)),
        MaxPool2d("pool", ("s",), "p", act_max=100, window=Window((2, 2), (2, 2))),
        AveragePool2d("mean", ("p",), "m", window=Window((3, 2))),
        Reshape("flat", ("m",), "f"),
        FullyConnected("fc", ("f",), "y", **constants((3, 4), 3)),
        Requantize("again", ("y",), "q", rescale=half),
        Concatenation("join", ("y", "q"), "j", axis=0),
        Lookup("table", ("j",), "l", table=rng.integers(-128, 128, 256)),
        Softmax("last", ("l",), "o", multiplier=2**30 + 7, left_shift=22),
        Pad("around", ("p",), "e", padding=Padding(0, 0, 3, 1), channels=(1, 0)),
        Mean("over", ("e",), "n", axes=(0, 1), rescale=half, act_min=-100),
    )
    return Graph("a name, with «text»", format, tensors, ("x",), ("o", "n"), ops)


@pytest.mark.parametrize("format", FORMATS, ids=str)
def test_round_trip(tmp_path: Path, format: RescaleFormat) -> None:
    graph = network(format)
    assert {type(op) for op in graph.ops} == set(OPS)
    network_file.save(graph, tmp_path / "net")
    back = network_file.load(tmp_path / "net")
    assert network_file.sha256(back) == network_file.sha256(graph)
    assert (back.name, back.format, back.tensors, back.inputs, back.outputs) == (graph.name, format, graph.tensors, ("x",), ("o", "n"))
    x = np.random.default_rng(0).integers(-128, 128, (3, 6, 5, 2)).astype(np.int8)
    left, right = run(graph, x, tensors=True), run(back, x, tensors=True)
    assert all((left[name] == right[name]).all() for name in graph.tensors)
    network_file.save(back, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "net").read_bytes()


def test_bytes_do_not_depend_on_the_process(tmp_path: Path) -> None:
    """Hash seeds differ between the two processes."""
    network_file.save(network(), tmp_path / "a")
    program = "import sys; from golden import network_file; network_file.save(network_file.load(sys.argv[1]), sys.argv[2])"
    for seed in ("1", "2"):
        path = tmp_path / seed
        subprocess.run([sys.executable, "-c", program, tmp_path / "a", path], check=True, env={"PYTHONHASHSEED": seed}, cwd=Path.cwd())
        assert path.read_bytes() == (tmp_path / "a").read_bytes()


def test_no_pickle_and_nothing_else_left_behind(tmp_path: Path) -> None:
    network_file.save(network(), tmp_path / "net")
    assert [path.name for path in tmp_path.iterdir()] == ["net"]
    data = (tmp_path / "net").read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    description = json.loads(header["__metadata__"]["weft"])
    assert (description["format"], description["version"]) == ("weft-network", 2)
    assert header["0.weight"]["dtype"] == "I8"


def narrow() -> Graph:
    """The network with 3-bit weights in its convolution and 4-bit integers in its output."""
    graph = network()
    conv = graph.ops[0]
    assert isinstance(conv, Conv2d)
    few = replace(conv, weight=np.clip(conv.weight, -4, 3), weight_bits=3, act_min=-8, act_max=7)
    tensors = graph.tensors | {conv.output: replace(graph.tensors[conv.output], bits=4)}
    return replace(graph, tensors=tensors, ops=(few, *graph.ops[1:]))


def test_few_bits_are_stored_packed_and_come_back(tmp_path: Path) -> None:
    graph = narrow()
    network_file.save(graph, tmp_path / "net")
    with safetensors.safe_open(tmp_path / "net", framework="numpy") as file:
        assert file.get_tensor("0.weight").shape == (-(-graph.ops[0].weight.size * 3 // 8),)  # type: ignore[attr-defined]
    assert network_file.sha256(network_file.load(tmp_path / "net")) == network_file.sha256(graph)
    assert network_file.load(tmp_path / "net").tensors[graph.ops[0].output].bits == 4


def test_files_of_the_version_without_bits_are_read(tmp_path: Path) -> None:
    def older(description: dict[str, Any], arrays: dict[str, Any]) -> None:
        description["version"] = 1
        for item in (*description["graph"]["tensors"], *description["graph"]["ops"]):
            item.pop("bits", None)
            item.pop("weight_bits", None)

    network_file.save(network(), tmp_path / "net")
    assert network_file.sha256(network_file.load(rewritten(tmp_path / "net", older))) == network_file.sha256(network())


def test_the_digest_sees_every_constant() -> None:
    graph = network()
    digests = {network_file.sha256(graph)}
    conv = graph.ops[0]
    assert isinstance(conv, Conv2d)
    weight = conv.weight.copy()
    weight[0, 0, 0, 0] ^= 1
    for field, value in (("weight", weight), ("bias", conv.bias + 1), ("act_max", 126), ("weight_scale", conv.weight_scale * 2)):
        changed = Conv2d(**{**vars(conv), field: value})
        digests.add(
            network_file.sha256(Graph(graph.name, graph.format, graph.tensors, graph.inputs, graph.outputs, (changed, *graph.ops[1:])))
        )
    assert len(digests) == 5


# --- files that are not one -----------------------------------------------------------------------


def rewritten(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> Path:
    """The file with its description and arrays changed."""
    with safetensors.safe_open(path, framework="numpy") as file:
        description = json.loads(file.metadata()["weft"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (the file is no mapping)
    change(description, arrays)
    safetensors.numpy.save_file(arrays, path, metadata={"weft": json.dumps(description)})
    return path


def set_in(*keys: Any, value: Any) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    def change(description: dict[str, Any], arrays: dict[str, Any]) -> None:
        target: Any = description
        for key in keys[:-1]:
            target = target[key]
        target[keys[-1]] = value

    return change


CHANGES: list[tuple[str, Callable[[dict[str, Any], dict[str, Any]], Any]]] = [
    ("newer Weft .file version 3", set_in("version", value=3)),
    ("newer Weft", set_in("version", value="1")),
    ("the format is 'other'", set_in("format", value="other")),
    ("description of the network is damaged", lambda description, arrays: description.clear()),
    ("inconsistent", set_in("graph", value=[])),
    ("inconsistent", set_in("graph", "ops", 0, "act_min", value="low")),
    ("inconsistent", set_in("graph", "ops", 0, "act_min", value=True)),
    ("inconsistent", set_in("graph", "ops", 0, "window", value={})),
    ("inconsistent", set_in("graph", "ops", 0, "window", "kernel", value=[3, 2, 1])),
    ("inconsistent", set_in("graph", "tensors", 0, "shape", value=[6.0, 5, 2])),
    ("inconsistent", set_in("graph", "inputs", value=[3])),
    ("inconsistent", set_in("graph", "ops", 8, "axis", value="0")),
    ("inconsistent", set_in("graph", "ops", 11, "channels", value=[0.5, 1])),
    ("inconsistent", set_in("graph", "ops", 11, "padding", value=[1, 2])),
    ("not sound after loading", set_in("graph", "ops", 11, "channels", value=[])),
    ("unknown kind of operator 'einsum'", set_in("graph", "ops", 0, "kind", value="einsum")),
    ("zero point must be from -128 to 127, not 300", set_in("graph", "tensors", 0, "zero_point", value=300)),
    ("scale must be finite", set_in("graph", "tensors", 0, "scale", value=0)),
    ("rescale format must be", set_in("graph", "rescale", value="float")),
    ("two tensors share a name", set_in("graph", "tensors", 1, "name", value="x")),
    ("not sound after loading", set_in("graph", "outputs", value=["nowhere"])),
    ("not sound after loading", set_in("graph", "ops", 0, "act_max", value=128)),
    ("'0.weight' is missing", lambda description, arrays: arrays.pop("0.weight")),
    ("'0.rescale.shift' is missing", lambda description, arrays: arrays.pop("0.rescale.shift")),
    ("must be int8, not int16", lambda description, arrays: arrays.update({"0.weight": arrays["0.weight"].astype(np.int16)})),
    ("arrays that no operator uses", lambda description, arrays: arrays.update({"9.weight": np.zeros(1)})),
    ("weight must be", lambda description, arrays: arrays.update({"0.weight": np.zeros((4, 2, 2, 2), np.int8)})),
]


@pytest.mark.parametrize(("message", "change"), CHANGES, ids=[f"{index}" for index in range(len(CHANGES))])
def test_inconsistent_files_are_refused(tmp_path: Path, message: str, change: Callable[[dict[str, Any], dict[str, Any]], Any]) -> None:
    network_file.save(network(), tmp_path / "net")
    with pytest.raises(InputError, match=message) as caught:
        network_file.load(rewritten(tmp_path / "net", change))
    assert str(tmp_path / "net") in caught.value.message


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    network_file.save(network(), tmp_path / "net")
    data = (tmp_path / "net").read_bytes()
    for size in [0, 1, 7, 8, 100, len(data) // 2, len(data) - 1]:
        (tmp_path / "cut").write_bytes(data[:size])
        with pytest.raises(InputError, match="not a network file, or a damaged one"):
            network_file.load(tmp_path / "cut")


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "zip").write_bytes(b"PK\x03\x04" + bytes(1000))
    with pytest.raises(InputError, match="not a network file"):
        network_file.load(tmp_path / "zip")
    safetensors.numpy.save_file({"weight": np.zeros(3)}, tmp_path / "weights")
    with pytest.raises(InputError, match="a safetensors file, but not one of Weft's"):
        network_file.load(tmp_path / "weights")
    safetensors.numpy.save_file({"weight": np.zeros(3)}, tmp_path / "text", metadata={"weft": "{"})
    with pytest.raises(InputError, match="description of the network is damaged"):
        network_file.load(tmp_path / "text")


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        network_file.load(tmp_path / "nothing")
    with pytest.raises(InputError, match="no such file"):
        network_file.load(tmp_path)
    with pytest.raises(InputError, match="cannot write the network"):
        network_file.save(network(), tmp_path / "nowhere" / "net")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "net"
    target.mkdir()
    with pytest.raises(InputError, match="cannot write the network"):
        network_file.save(network(), target)
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def test_an_unsound_graph_is_not_written(tmp_path: Path) -> None:
    graph = network()
    with pytest.raises(InputError, match="not sound"):
        network_file.save(Graph(graph.name, graph.format, graph.tensors, graph.inputs, (), graph.ops), tmp_path / "net")
    assert list(tmp_path.iterdir()) == []
