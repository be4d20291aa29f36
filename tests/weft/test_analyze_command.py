"""`weft analyze`."""

from __future__ import annotations

import json
from pathlib import Path

import weft
from golden.graph import Graph
from hwgen.compiler import compile_graph
from hwgen.config import NAMED, AcceleratorConfig
from tests.weft.small import Command, Files


def test_numbers_are_the_compilers(command: Command, files: Files, graph: Graph) -> None:
    result = command("analyze", files.network, "--config", "small-8x8", "--json")
    assert (result.code, result.err) == (0, "")
    report = json.loads(result.out)
    program = compile_graph(graph, NAMED["small-8x8"])
    assert report["cycles"] == program.cycles
    assert {layer["name"]: layer["cycles"] for layer in report["layers"]} == {layer.name: layer.cycles for layer in program.layers}
    assert report["weight_bytes"] == program.weights.size == sum(layer["weight_bytes"] for layer in report["layers"])
    assert report["peak_activation_bytes"] == program.act_words * 8
    assert report["fits"] == dict.fromkeys(NAMED, True)
    assert report["configuration"] == "small-8x8"
    for name, config in NAMED.items():
        assert report["configurations"][name]["cycles"] == compile_graph(graph, config).cycles


def test_for_people(command: Command, files: Files) -> None:
    result = command("analyze", files.network)
    assert (result.code, result.err) == (0, "")
    for word in ("limited by", "activation memory", "--act-depth", "small-8x8", "cycles per inference", "on base-16x16: 16 x 16, 4 lanes"):
        assert word in result.out
    assert result.out.count("base-16x16") == 3, "the title, its memories, and once among the configurations"
    assert "would do" not in result.out


def test_what_would_help_is_said_and_helps(command: Command, files: Files, tmp_path: Path) -> None:
    """The options that the report names, taken as they are, make an accelerator that holds the network."""
    result = command("analyze", files.network, "--rows", 4, "--cols", 8, "--weight-depth", 16)
    assert result.code == 0
    assert f"The network fits {', '.join(NAMED)}." in result.out
    (line,) = [line for line in result.out.splitlines() if "would do: " in line]
    assert line.startswith("4 x 8 with ")
    assert command("generate", files.network, *line.split("would do: ")[1].split(), "-o", tmp_path / "out").code == 0


def test_what_does_not_fit_is_still_analyzed(command: Command, files: Files, graph: Graph) -> None:
    result = command("analyze", files.network, "--rows", 4, "--cols", 4, "--act-depth", 16, "--weight-depth", 16, "--json")
    assert result.code == 0
    report = json.loads(result.out)
    assert report["configuration"] == "4 x 4"
    assert report["fits"]["4 x 4"] is False
    assert report["fits"]["tiny-4x4"] is True
    lacks = report["lacks"]["4 x 4"]
    assert any("act_depth" in lack and "16 are there" in lack for lack in lacks)
    assert any("weight_depth" in lack and "16 are there" in lack for lack in lacks)
    roomy = compile_graph(graph, AcceleratorConfig(rows=4, cols=4, lanes=4))
    assert report["cycles"] == roomy.cycles


def test_python(files: Files) -> None:
    analysis = weft.analyze(files.network, config="base-16x16")
    assert analysis.cycles == sum(layer.cycles for layer in analysis.layers)
    assert all(demand.fits for demand in analysis.memory)
    assert analysis.fit.fits
    assert set(analysis.lacks) == set(NAMED)
    assert all(0 <= layer.utilization <= 1 for layer in analysis.layers)
    assert {layer.limit for layer in analysis.layers} <= {"array", "feeder", "weights", "post-processor", "latency"}


def test_on_a_board_the_device_decides(command: Command, files: Files) -> None:
    """Of the memories that named configurations have as they are nothing is said: a build's follow the network."""
    result = command("analyze", files.network, "--board", "icebreaker", "--rows", 16, "--cols", 16)
    assert (result.code, result.err) == (0, "")
    assert "iCEBreaker has NO room for it: " in result.out
    assert "multiplier blocks: " in result.out
    assert "icebreaker-4x2 would fit" in result.out
    assert "The network fits" not in result.out
    assert "configurations, with the network's rescale format" not in result.out
