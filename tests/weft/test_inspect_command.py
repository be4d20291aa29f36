"""`weft inspect`."""

from __future__ import annotations

import json

from golden import network_file
from golden.graph import Graph
from tests.weft.small import Command, Files


def test_table(command: Command, files: Files) -> None:
    result = command("inspect", files.network)
    assert (result.code, result.err) == (0, "")
    for word in ("conv2d", "max_pool2d", "average_pool2d", "fully_connected", "4x4x5", "input", "output"):
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
