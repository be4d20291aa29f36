"""Cycles a second of the simulators."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from golden.graph import Graph, Int8
from sim import tools
from sim.tools import Simulator
from weft import api
from weft.benchmarks.digits_network import digits_network
from weft.benchmarks.registry import Progress, Row, benchmark

#: Inputs for each simulator: enough that starting it does not count.
IMAGES = {Simulator.VERILATOR: 360, Simulator.ICARUS: 3}


@benchmark("simulation", "Simulators: the digits network on base-16x16")
def simulation(progress: Progress) -> list[Row]:
    """Cycles a second while the simulator runs, and overall: of the whole verification, without the build."""
    available = tools.simulators()
    if not available:
        tools.require(Simulator.VERILATOR)
    graph, x = digits_network(progress)
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder:
        build = Path(folder) / "accelerator"
        api.generate(graph, build, progress=progress)
        return [_simulate(graph, x, build, simulator, compare, progress) for simulator in available for compare in (True, False)]


def _simulate(graph: Graph, x: Int8, build: Path, simulator: Simulator, compare: bool, progress: Progress) -> Row:
    started = time.perf_counter()
    report = api.verify(
        graph, x, build=build, images=IMAGES[simulator], simulator=simulator.value, compare_layers=compare, progress=progress
    )
    seconds = time.perf_counter() - started
    found = report.simulators[0]
    return {
        "simulator": f"{simulator.value} {found.version}",
        "compared": "every layer" if compare else "outputs",
        "inputs": found.images,
        "cycles": found.cycles,
        "cycles_per_second": found.cycles_per_second,
        "cycles_per_second_overall": found.cycles / (seconds - found.build_seconds),
        "build_seconds": found.build_seconds,
    }
