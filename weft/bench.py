"""How fast things are: the simulators on the demonstration's network, Verilog emission by array size, the golden model."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from golden import interpreter
from golden.graph import Graph, Int8
from sim import tools
from sim.tools import Simulator
from weft import api
from weft.arrays import make_samples
from weft.demo.data import digits
from weft.demo.train import train

#: Inputs for each simulator: enough that starting it does not count.
IMAGES = {Simulator.VERILATOR: 360, Simulator.ICARUS: 3}
SIZES = (8, 16, 32, 64)
#: The golden model runs the held-out images this many times.
GOLDEN_REPEATS = 10


@dataclass(frozen=True)
class SimulationSpeed:
    """A simulator on the digits network at the default configuration.

    layers_compared:      every layer's tensor is recorded and compared, or the outputs alone.
    simulated_per_second: cycles per second while the simulator runs.
    overall_per_second:   cycles per second of the whole verification, reading the log and comparing included, without the build.
    """

    simulator: str
    version: str
    layers_compared: bool
    images: int
    cycles: int
    simulated_per_second: float
    overall_per_second: float
    build_seconds: float


@dataclass(frozen=True)
class EmissionTime:
    """Generating the accelerator of rows x cols for the digits network: seconds, and lines of accelerator.v."""

    rows: int
    cols: int
    seconds: float
    verilog_lines: int


@dataclass(frozen=True)
class BenchResult:
    """All measurements, and where they were made."""

    simulation: tuple[SimulationSpeed, ...]
    emission: tuple[EmissionTime, ...]
    golden_images_per_second: float
    machine: str

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return asdict(self)


def measure(progress: api.Progress) -> BenchResult:
    """Runs all measurements, in the simulators that there are.  Raises ToolMissingError where there is none."""
    available = tools.simulators()
    if not available:
        tools.require(Simulator.VERILATOR)
    split = digits()
    network = train(split, lambda done, total: progress("training", done, total))
    graph = api.quantize(network, split.train_x, layout="nhwc", name="digits", progress=progress)
    x = make_samples("held-out images", split.test_x).as_int8(graph)
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder:
        build = Path(folder) / "accelerator"
        api.generate(graph, build, progress=progress)
        simulation = tuple(_simulate(graph, x, build, simulator, compare, progress) for simulator in available for compare in (True, False))
        emission = tuple(_emit(graph, size, Path(folder) / str(size), progress) for size in SIZES)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return BenchResult(simulation, emission, _golden(graph, x, progress), machine)


def _simulate(graph: Graph, x: Int8, build: Path, simulator: Simulator, compare: bool, progress: api.Progress) -> SimulationSpeed:
    started = time.perf_counter()
    report = api.verify(
        graph, x, build=build, images=IMAGES[simulator], simulator=simulator.value, compare_layers=compare, progress=progress
    )
    seconds = time.perf_counter() - started
    found = report.simulators[0]
    overall = found.cycles / (seconds - found.build_seconds)
    return SimulationSpeed(
        simulator.value, found.version, compare, found.images, found.cycles, found.cycles_per_second, overall, found.build_seconds
    )


def _emit(graph: Graph, size: int, folder: Path, progress: api.Progress) -> EmissionTime:
    started = time.perf_counter()
    api.generate(graph, folder, rows=size, cols=size, weight_depth=1 << 14, progress=progress)
    seconds = time.perf_counter() - started
    return EmissionTime(size, size, seconds, (folder / "accelerator.v").read_bytes().count(b"\n"))


def _golden(graph: Graph, x: Int8, progress: api.Progress) -> float:
    interpreter.run(graph, x)  # the first run checks the graph and warms BLAS up
    started = time.perf_counter()
    for done in range(GOLDEN_REPEATS):
        interpreter.run(graph, x)
        progress("golden model", done + 1, GOLDEN_REPEATS)
    return GOLDEN_REPEATS * len(x) / (time.perf_counter() - started)
