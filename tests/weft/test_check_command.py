"""`weft check`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from golden import network_file
from golden.graph import Graph, Pad, Padding, Tensor
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
    first = graph.tensors[graph.inputs[0]]
    wide = Tensor("wide", (*first.shape[:2], first.shape[2] + 2), first.affine)
    pad = Pad("widen", graph.inputs, "wide", padding=Padding(), channels=(1, 1))
    padded = Graph("padded", graph.format, {first.name: first, "wide": wide}, graph.inputs, ("wide",), (pad,))
    network_file.save(padded, tmp_path / "padded.weft")
    result = command("check", tmp_path / "padded.weft")
    assert result.code == 2
    assert "widen" in result.out
    assert "padding of channels" in result.out
    assert "1 not supported" in result.out


def test_weights_with_zero_points_run(command: Command, graph: Graph, tmp_path: Path) -> None:
    ops = tuple(
        replace(op, weight_zero_point=np.full(len(op.bias), 3, np.int32)) if op.kind == "fully_connected" else op for op in graph.ops
    )
    network_file.save(replace(graph, ops=ops), tmp_path / "shifted.weft")
    result = command("check", tmp_path / "shifted.weft", "--json")
    assert result.code == 0
    assert json.loads(result.out)["supported"] is True


def test_a_float_program_is_to_be_quantized_first(command: Command, program: Path) -> None:
    result = command("check", program)
    assert result.code == 2
    assert "weft quantize" in result.err
