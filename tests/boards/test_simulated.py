"""The real driver over the simulated accelerator's AXI4-Lite port: every output is the golden model's, the host's part included."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from golden import interpreter
from golden.graph import Graph, Int8
from hwgen.compiler import compile_graph
from hwgen.config import NAMED
from hwgen.emit import emit
from sim import runner, tools
from sim.build_folder import TOP
from sim.runner import Design
from sim.tools import Simulator
from sim.verilog import accelerator_verilog
from tests.boards.networks import branching_network, digits_size_network

CONFIG = NAMED["tiny-4x4"]
TESTS = ["images_of_the_bitstream", "another_network_is_loaded", "a_run_that_takes_too_long"]


def inputs(graph: Graph, count: int) -> dict[str, Int8]:
    rng = np.random.default_rng(7)
    return {name: rng.integers(-128, 128, (count, *graph.tensors[name].shape)).astype(np.int8) for name in graph.inputs}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Graph, Path]]:
    found = {}
    for graph in (digits_size_network(), branching_network()):
        path = tmp_path_factory.mktemp("emitted") / graph.name
        emit(compile_graph(graph, CONFIG), path, verilog=accelerator_verilog)
        found[graph.name] = (graph, path)
    return found


@pytest.mark.parametrize(
    ("simulator", "first", "second", "images"),
    [(Simulator.VERILATOR, "digits-size", "branching", 2), (Simulator.ICARUS, "branching", "branching", 1)],
    ids=["verilator", "icarus"],
)
def test_driver(folders: dict[str, tuple[Graph, Path]], simulator: Simulator, first: str, second: str, images: int, tmp_path: Path) -> None:
    if tools.missing(simulator):
        pytest.skip(f"{simulator.value} is not installed: {tools.missing(simulator)[0].problem()}")
    arrays: dict[str, Int8] = {}
    for prefix, name in (("", first), ("other.", second)):
        graph, _ = folders[name]
        given = inputs(graph, images)
        made = interpreter.run(graph, given, tensors=True)
        arrays |= {f"{prefix}in.{key}": value for key, value in given.items()}
        arrays |= {f"{prefix}out.{key}": made[key] for key in graph.outputs}
    np.savez(tmp_path / "vectors.npz", **arrays)
    build = folders[first][1]
    for image in build.glob("*.hex"):
        shutil.copyfile(image, tmp_path / image.name)
    built = runner.build(Design(TOP, (build / "accelerator.v",)), simulator)
    environment = {"WEFT_BUILD": str(build), "WEFT_OTHER": str(folders[second][1]), "WEFT_VECTORS": str(tmp_path / "vectors.npz")}
    chosen = None if simulator is Simulator.VERILATOR else r"\.images_of_the_bitstream$"
    result = runner.run(built, "tests.boards.driver_bench", tmp_path, seed=1, environment=environment, test_filter=chosen, limit_s=300)
    assert result.passed, [(test.name, test.message) for test in result.failures]
    assert [test.name for test in result.tests] == (TESTS if chosen is None else TESTS[:1])
