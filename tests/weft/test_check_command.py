"""`weft check`."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from golden import network_file
from golden.checker import SOFTMAX_OUTPUT
from golden.graph import FullyConnected, Graph, Softmax, Tensor
from golden.rescale import Rescale
from tests.golden.importers import onnx_builder
from tests.golden.importers.tflite_builder import FileBuilder
from tests.weft.small import Command, Files


def test_every_operator_has_a_place(command: Command, files: Files, graph: Graph) -> None:
    result = command("check", files.network, "--json")
    assert (result.code, result.err) == (0, "")
    report = json.loads(result.out)
    assert report["supported"] is True
    assert [(op["name"], op["kind"]) for op in report["operators"]] == [(op.name, op.kind) for op in graph.ops]
    places = {op["kind"]: op["where"] for op in report["operators"]}
    assert places["conv2d"] == places["fully_connected"] == "array"
    assert places["max_pool2d"] == places["average_pool2d"] == "past the array"
    assert places["reshape"] == "nothing to do"


def test_for_people(command: Command, files: Files) -> None:
    result = command("check", files.network)
    assert (result.code, result.err) == (0, "")
    assert "everything runs" in result.out


def test_what_is_unsupported_is_named_with_the_reason(command: Command, graph: Graph, tmp_path: Path) -> None:
    """A softmax that is not at the end."""
    last = graph.tensors[graph.outputs[0]]
    middle, end = Tensor("share", last.shape, SOFTMAX_OUTPUT), Tensor("end", (3,), last.affine)
    softmax = Softmax("softmax", graph.outputs, "share", multiplier=1 << 30, left_shift=5)
    head = next(op for op in graph.ops if isinstance(op, FullyConnected))
    small = {name: getattr(head, name)[:3] for name in ("bias", "weight_zero_point", "weight_scale")}
    factor = Rescale(graph.format, head.rescale.multiplier[:3], head.rescale.shift[:3])
    weight = head.weight[:3, : last.shape[0]]
    again = FullyConnected("again", ("share",), "end", weight=weight, rescale=factor, **small)
    tensors = {**graph.tensors, "share": middle, "end": end}
    network_file.save(Graph("mid", graph.format, tensors, graph.inputs, ("end",), (*graph.ops, softmax, again)), tmp_path / "mid.weft")
    result = command("check", tmp_path / "mid.weft")
    assert result.code == 2
    assert "softmax" in result.out
    assert "golden model only" in result.out
    assert "1 not supported" in result.out


def test_weights_with_zero_points_run(command: Command, graph: Graph, tmp_path: Path) -> None:
    ops = tuple(
        replace(op, weight_zero_point=np.full(len(op.bias), 3, np.int32)) if op.kind == "fully_connected" else op for op in graph.ops
    )
    network_file.save(replace(graph, ops=ops), tmp_path / "shifted.weft")
    result = command("check", tmp_path / "shifted.weft", "--json")
    assert result.code == 0
    assert json.loads(result.out)["supported"] is True


def test_a_float_network_before_its_quantization(command: Command, program: Path, graph: Graph) -> None:
    result = command("check", program, "--json")
    assert (result.code, result.err) == (0, "")
    report = json.loads(result.out)
    assert (report["supported"], report["quantized"]) == (True, False)
    rows = {row["name"]: (row["kind"], row["where"], row["why"]) for row in report["operators"]}
    assert rows["0"] == ("conv2d", "array", "")
    assert rows["1"] == ("clamp", "folded", "into 0")
    assert rows["2"] == ("max_pool2d", "past the array", "")
    # What runs is what there is after quantization, each where it runs then.
    after = {row["name"]: row["where"] for row in json.loads(command("check", "small.weft", "--json").out)["operators"]}
    assert {name: where for name, (_, where, _) in rows.items() if where != "folded"} == after


def test_a_float_network_for_people(command: Command, program: Path) -> None:
    result = command("check", program)
    assert (result.code, result.err) == (0, "")
    assert "before quantization" in result.out
    assert f"everything will run; quantize it: weft quantize {program} --calibration DATA.npz -o NET" in result.out.replace("\n", "")
    assert all(name in result.out for name in ("operator", "kind", "where", "remark"))


def names_of(report: str, where: str) -> list[str]:
    return [row["name"] for row in json.loads(report)["operators"] if row["where"] == where]


def test_a_float_tflite_file_with_unsupported_operators(command: Command, tmp_path: Path) -> None:
    """All at once, those behind others too; what cannot be judged is not claimed to run."""
    file = FileBuilder()

    def activation(*shape: int) -> int:
        return file.tensor(shape, kind="FLOAT32")

    rng = np.random.default_rng(0)
    x, a, b, c, d, e, f, y = (activation(1, 4, 4, n) for n in (4, 4, 4, 4, 4, 4, 2, 2))
    file.op("RELU", [x], [a])
    file.op("ELU", [a], [b])
    weights = [file.constant(rng.normal(size=shape).astype(np.float32)) for shape in ((4, 1, 1, 4), (4,))]
    file.op("CONV_2D", [b, *weights], [c], "Conv2DOptions", padding=1, strideH=1, strideW=1, fusedActivationFunction=1)
    file.op("MUL", [c, a], [d], "MulOptions")
    file.op("SOFTMAX", [d], [e], "SoftmaxOptions", beta=1.0)
    file.op("CUMSUM", [e], [f])
    file.op("RELU", [f], [y])
    path = tmp_path / "bad.tflite"
    path.write_bytes(file.file([x], [y]))
    result = command("check", path, "--json")
    assert (result.code, result.err) == (2, "")
    rows = [(row["name"], row["where"]) for row in json.loads(result.out)["operators"]]
    assert rows == [
        ("relu_0", "past the array"),
        ("elu_1", "unsupported"),
        ("conv_2d_2", "array"),
        ("mul_3", "unsupported"),
        ("softmax_4", "unsupported"),  # it would run at the end of the network, but something follows it
        ("cumsum_5", "unsupported"),
        ("relu_6", "past the array"),
    ]
    reasons = {row["name"]: row["why"] for row in json.loads(result.out)["operators"]}
    assert "train again" in reasons["elu_1"]
    assert "only the sum" in reasons["mul_3"]
    assert "4 not supported" in command("check", path).out


def test_an_onnx_file_with_unsupported_operators(command: Command, tmp_path: Path) -> None:
    f = onnx_builder.FileBuilder()
    x = f.op("LRN", f.conv(f.input((1, 3, 6, 6)), 3, 4), size=3)
    x = f.op("Resize", f.op("Relu", f.conv(x, 4, 4)), "", f.constant([1.0, 1.0, 2.0, 2.0]))
    (tmp_path / "bad.onnx").write_bytes(f.file(f.op("Relu", f.conv(x, 4, 2))))
    result = command("check", tmp_path / "bad.onnx", "--json")
    assert result.code == 2
    assert names_of(result.out, "unsupported") == ["lrn1", "resize4"]
    assert names_of(result.out, "array") == ["conv0", "conv2"]
    assert names_of(result.out, "not judged") == ["conv5", "relu6"]


def test_a_program_with_unsupported_operators(command: Command, tmp_path: Path) -> None:
    layers = [
        nn.Conv2d(2, 4, 3),
        nn.ConvTranspose2d(4, 4, 3),
        nn.Conv2d(4, 6, 3),
        nn.ReLU(),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(6, 2, 1),
    ]
    program = torch.export.export(nn.Sequential(*layers).eval(), (torch.zeros(2, 2, 8, 8),))
    torch.export.save(program, str(tmp_path / "bad.pt2"))
    result = command("check", tmp_path / "bad.pt2", "--json")
    assert (result.code, result.err) == (2, "")
    assert [name.split(".")[0] for name in names_of(result.out, "unsupported")] == ["1", "4"]
    assert names_of(result.out, "array") == ["0", "2", "5"]
    assert names_of(result.out, "folded") == ["3"]


def test_what_takes_over_folded_operators(command: Command, tmp_path: Path) -> None:
    layers = [
        nn.ZeroPad2d(1),
        nn.Conv2d(2, 4, 3),
        nn.BatchNorm2d(4),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.BatchNorm1d(64),
        nn.Linear(64, 3),
    ]
    torch.export.save(torch.export.export(nn.Sequential(*layers).eval(), (torch.zeros(2, 2, 8, 8),)), str(tmp_path / "norm.pt2"))
    result = command("check", tmp_path / "norm.pt2", "--json")
    assert result.code == 0
    remarks = {row["name"]: row["why"] for row in json.loads(result.out)["operators"] if row["where"] == "folded"}
    assert remarks == {"0": "into 1", "2": "into 1", "4": "into 1", "6": "into 7"}


def test_a_factory_alone_does_not_say_its_shapes(command: Command) -> None:
    result = command("check", "factories:small")
    assert result.code == 2
    assert "which shape its inputs have" in result.err
    assert "torch.export.save" in result.err


@pytest.mark.reference
@pytest.mark.parametrize("name", ["ic_resnet8", "kws_dscnn", "vww_mobilenet", "ad_autoencoder"])
def test_float_and_int8_reference_networks_run_alike(command: Command, name: str) -> None:
    """Operator by operator, but for those that only the conversion to int8 adds."""
    models = Path(os.environ["WEFT_REFERENCE"]) / "models"
    rows = []
    for kind in ("float", "int8"):
        result = command("check", models / f"{name}_{kind}.tflite", "--json")
        assert result.code == 0
        rows.append([(row["kind"], row["where"]) for row in json.loads(result.out)["operators"]])
    assert rows[0] == rows[1]
