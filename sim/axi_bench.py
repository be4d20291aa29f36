"""The AXI bench from outside: an emitted accelerator, alone, under the AXI4-Lite master of cocotbext-axi."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from golden import interpreter
from golden.errors import InputError
from golden.graph import Graph, Int8
from sim import runner
from sim.build_folder import TOP, read_build
from sim.cell_models import cell_models
from sim.results import RunResult
from sim.runner import Design
from sim.tools import Simulator


def run_axi(
    graph: Graph, inputs: Int8, build: Path, simulator: Simulator, directory: Path, *, seed: int, test_filter: str | None = None
) -> RunResult:
    """Runs the module `sim.benches.axi` on the accelerator of a folder that was emitted for the graph.

    inputs: int8[N, *input shape], three images or more.
    Errors as those of `runner.build`, `runner.run` and `read_build`.
    """
    if len(inputs) < 3:
        raise InputError(f"the AXI bench takes three images or more, not {len(inputs)}")
    folder = read_build(build, graph)
    directory.mkdir(parents=True, exist_ok=True)
    for name in folder.images:
        shutil.copyfile(folder.path / name, directory / name)
    vectors = directory / "vectors.npz"
    np.savez(vectors, input=inputs, output=interpreter.run(graph, inputs))
    built = runner.build(Design(TOP, (folder.verilog, *cell_models(folder.config.family))), simulator)
    environment = {"WEFT_BUILD": str(folder.path.resolve()), "WEFT_VECTORS": str(vectors.resolve())}
    return runner.run(built, "sim.benches.axi", directory, seed=seed, environment=environment, test_filter=test_filter)
