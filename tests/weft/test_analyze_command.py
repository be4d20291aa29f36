"""`weft analyze`."""

from __future__ import annotations

import json

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
    assert report["fits"] == dict.fromkeys(("chosen", *NAMED), True)


def test_for_people(command: Command, files: Files) -> None:
    result = command("analyze", files.network)
    assert (result.code, result.err) == (0, "")
    for word in ("limited by", "activation memory", "small-8x8", "cycles per inference"):
        assert word in result.out


def test_what_does_not_fit_is_still_analyzed(command: Command, files: Files, graph: Graph) -> None:
    result = command("analyze", files.network, "--rows", 4, "--cols", 4, "--act-depth", 16, "--weight-depth", 16, "--json")
    assert result.code == 0
    report = json.loads(result.out)
    assert report["fits"]["chosen"] is False
    assert report["fits"]["tiny-4x4"] is True
    lacks = report["lacks"]["chosen"]
    assert any("act_depth" in lack and "16 are there" in lack for lack in lacks)
    assert any("weight_depth" in lack and "16 are there" in lack for lack in lacks)
    roomy = compile_graph(graph, AcceleratorConfig(rows=4, cols=4, lanes=4))
    assert report["cycles"] == roomy.cycles


def test_python(files: Files) -> None:
    analysis = weft.analyze(files.network, config="base-16x16")
    assert analysis.cycles == sum(layer.cycles for layer in analysis.layers)
    assert all(demand.fits for demand in analysis.memory)
    assert all(0 <= layer.utilization <= 1 for layer in analysis.layers)
    assert {layer.limit for layer in analysis.layers} <= {"array", "feeder", "weights", "post-processor", "latency"}
