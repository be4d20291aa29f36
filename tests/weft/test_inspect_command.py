"""`weft inspect`."""

from __future__ import annotations

import json

import pytest

from golden import network_file
from golden.graph import Graph
from tests.weft.small import Command, Files


def test_table(command: Command, files: Files) -> None:
    result = command("inspect", files.network)
    assert (result.code, result.err) == (0, "")
    for word in ("conv2d", "max_pool2d", "average_pool2d", "fully_connected", "4x4x5", "input", "output", "BOPS", "FP32", "Horowitz"):
        assert word in result.out


def test_json(command: Command, files: Files, graph: Graph) -> None:
    result = command("inspect", files.network, "--json")
    assert (result.code, result.err) == (0, "")
    summary = json.loads(result.out)
    assert summary["name"] == "small"
    assert summary["sha256"] == network_file.sha256(graph)
    assert summary["rescale"] == "tflite"
    assert summary["weights"] == 2 * 5 * 9 + 5 * 8 * 9 + 8 * 4
    assert summary["macs"] == 64 * 2 * 5 * 9 + 4 * 5 * 8 * 9 + 8 * 4
    assert [layer["kind"] for layer in summary["layers"]] == [op.kind for op in graph.ops]
    parameters = summary["weights"] + 5 + 8 + 4
    assert summary["parameters"] == parameters
    assert summary["bops"] == 64 * summary["macs"]
    assert [(cost["bits"], cost["parameter_bytes"]) for cost in summary["formats"]] == [
        (bits, parameters * bits / 8) for bits in (64, 32, 16, 8, 4)
    ]  # fmt: skip
    by_name = {cost["format"]: cost for cost in summary["formats"]}
    assert by_name["INT8"]["mac_energy"] == pytest.approx(0.3 * summary["macs"])
    assert by_name["FP32"]["mac_energy"] == pytest.approx(4.6 * summary["macs"])
    assert by_name["INT8"]["dram"][0] * 4 == by_name["FP32"]["dram"][0]
    assert by_name["INT8"]["moved_bytes"] == sum(layer["moved"] for layer in summary["layers"])
