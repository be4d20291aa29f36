"""AXI4-Stream and Wishbone around the accelerator, driven by masters that are not ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from golden.errors import InputError
from golden.graph import Graph, Int8
from hwgen.compiler import compile_graph
from hwgen.config import NAMED, AcceleratorConfig
from hwgen.design import read_design
from hwgen.emit import emit
from hwgen.stream_layout import stream_cycles, stream_tensor
from sim import tools
from sim.bus_bench import run_bus
from sim.lint import lint
from sim.tools import Simulator
from sim.verilog import accelerator_verilog, bus_files
from tests.boards.networks import branching_network, vectors_network
from tests.sim.small import SMALL, small_network

STREAM_TESTS = [
    "one_after_the_other",
    "stalls_everywhere",
    "runs_that_wait_for_go",
    "packets_that_end_too_early_or_too_late",
    "the_processor_cannot_spoil_an_inference",
    "registers_of_the_streams",
    "reset_at_any_time",
    "how_long_it_takes",
]
WISHBONE_TESTS = ["inferences", "registers", "strobes_that_stay", "cycles_that_are_given_up", "reset_in_a_cycle"]

LEAN = replace(NAMED["tiny-4x4"], overlap=False)

#: 3 channels in words of 6 bytes, which take 2 words of the bus; and two inputs and two outputs, of 6 and 7, and of 5 and 6 bytes; inputs
#: of one step and of several, in any order.
CASES: dict[str, tuple[Graph, AcceleratorConfig]] = {
    "dense": (small_network(), SMALL),
    "6 bytes a word": (small_network(), replace(SMALL, rows=6, cols=6, dense_input=False)),
    "branching": (branching_network(), NAMED["tiny-4x4"]),
    "branching, lean": (branching_network(), LEAN),
    "vectors": (vectors_network(4, 9, 3, 8), NAMED["tiny-4x4"]),
    "vectors, lean": (vectors_network(4, 9, 3, 8), LEAN),
    "longer vectors, lean": (vectors_network(9, 4), LEAN),
}


def folder(case: str, directory: Path) -> Path:
    graph, config = CASES[case]
    program = compile_graph(graph, config)
    emit(program, directory, verilog=accelerator_verilog, buses=bus_files(program))
    return directory


def inputs(graph: Graph, count: int = 3) -> dict[str, Int8]:
    rng = np.random.default_rng(1)
    return {name: rng.integers(-128, 128, (count, *graph.tensors[name].shape)).astype(np.int8) for name in graph.inputs}


def stream_time(path: Path) -> int:
    """Cycles of an inference over the streams, as they are predicted."""
    design = read_design(path)
    given, made = [tensor.name for tensor in design.inputs], design.device_outputs
    layouts = ([stream_tensor(design.stored[name]) for name in names] for names in (given, made))
    return stream_cycles(*layouts, design.config, design.cycles).total


@pytest.mark.parametrize(
    ("case", "simulator", "chosen"),
    [
        ("dense", Simulator.VERILATOR, STREAM_TESTS),
        ("6 bytes a word", Simulator.ICARUS, [STREAM_TESTS[0], STREAM_TESTS[1], STREAM_TESTS[-1]]),
        ("branching", Simulator.ICARUS, STREAM_TESTS),
        ("branching, lean", Simulator.ICARUS, STREAM_TESTS),
        ("vectors", Simulator.ICARUS, STREAM_TESTS[-1:]),
        ("vectors, lean", Simulator.ICARUS, STREAM_TESTS[-1:]),
        ("longer vectors, lean", Simulator.ICARUS, STREAM_TESTS[-1:]),
    ],
)
def test_streams(case: str, simulator: Simulator, chosen: list[str], tmp_path: Path) -> None:
    if tools.missing(simulator):
        pytest.skip(f"{simulator.value} is not installed: {tools.missing(simulator)[0].problem()}")
    graph, _ = CASES[case]
    path = folder(case, tmp_path / "build")
    environment = {"WEFT_STREAM_CYCLES": str(stream_time(path))}
    result = run_bus(
        "weft_axi_stream",
        graph,
        inputs(graph),
        path,
        simulator,
        tmp_path / "run",
        seed=3,
        environment=environment,
        test_filter=rf"\.({'|'.join(chosen)})$",
    )
    assert result.passed, [(test.name, test.message) for test in result.failures]
    assert [test.name for test in result.tests] == chosen


@pytest.mark.parametrize("simulator", [Simulator.ICARUS, pytest.param(Simulator.VERILATOR, marks=pytest.mark.slow)])
def test_wishbone(simulator: Simulator, tmp_path: Path) -> None:
    if tools.missing(simulator):
        pytest.skip(f"{simulator.value} is not installed: {tools.missing(simulator)[0].problem()}")
    graph, _ = CASES["dense"]
    path = folder("dense", tmp_path / "build")
    result = run_bus("weft_wishbone", graph, inputs(graph), path, simulator, tmp_path / "run", seed=4)
    assert result.passed, [(test.name, test.message) for test in result.failures]
    assert [test.name for test in result.tests] == WISHBONE_TESTS


def test_wishbone_of_a_lean_accelerator(tmp_path: Path) -> None:
    """Its bus answers sooner."""
    graph, _ = CASES["branching, lean"]
    path = folder("branching, lean", tmp_path / "build")
    chosen = [WISHBONE_TESTS[0], WISHBONE_TESTS[2]]
    result = run_bus(
        "weft_wishbone", graph, inputs(graph), path, Simulator.ICARUS, tmp_path / "run", seed=4, test_filter=rf"\.({'|'.join(chosen)})$"
    )
    assert result.passed, [(test.name, test.message) for test in result.failures]
    assert [test.name for test in result.tests] == chosen


def test_a_difference_is_found(tmp_path: Path) -> None:
    """A line of the stream that is stuck: the bench must see it."""
    graph, _ = CASES["dense"]
    path = folder("dense", tmp_path / "build")
    text = (path / "axi_stream.v").read_text()
    assert text.count(".s_axis_tdata(s_axis_tdata)") == 1
    (path / "axi_stream.v").write_text(text.replace(".s_axis_tdata(s_axis_tdata)", ".s_axis_tdata(s_axis_tdata | 32'h800000)"))
    result = run_bus(
        "weft_axi_stream", graph, inputs(graph), path, Simulator.ICARUS, tmp_path / "run", seed=3, test_filter=r"\.one_after_the_other$"
    )
    assert [test.name for test in result.failures] == ["one_after_the_other"]


@pytest.mark.parametrize("top", ["weft_axi_stream", "weft_wishbone"])
def test_lint(top: str, tmp_path: Path) -> None:
    path = folder("branching", tmp_path / "build")
    file = path / f"{top.removeprefix('weft_')}.v"
    assert not [finding for finding in lint([file, path / "accelerator.v"], top) if file.name in finding]


def test_too_few_images(tmp_path: Path) -> None:
    graph, _ = CASES["dense"]
    with pytest.raises(InputError, match="three images or more"):
        run_bus("weft_wishbone", graph, inputs(graph, 2), tmp_path, Simulator.ICARUS, tmp_path, seed=1)
