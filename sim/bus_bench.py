"""The benches of the other buses from outside: a folder's `weft_axi_stream` or `weft_wishbone` under masters of public packages."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from golden import interpreter
from golden.errors import InputError
from golden.graph import Graph, Int8
from sim import runner
from sim.build_folder import read_build
from sim.cell_models import cell_models
from sim.results import RunResult
from sim.runner import Design
from sim.tools import Simulator

#: By the top: the file that has it, and the bench.
BENCHES = {"weft_axi_stream": ("axi_stream.v", "sim.benches.streams"), "weft_wishbone": ("wishbone.v", "sim.benches.wishbone")}


def run_bus(
    top: str,
    graph: Graph,
    inputs: Mapping[str, Int8],
    build: Path,
    simulator: Simulator,
    directory: Path,
    *,
    seed: int,
    environment: Mapping[str, str] | None = None,
    test_filter: str | None = None,
) -> RunResult:
    """Runs the bench of a top on a folder that was emitted for the graph, all of which the accelerator runs.

    inputs: int8[N, *shape] by name, three images or more.
    Errors as those of `runner.build`, `runner.run` and `read_build`.
    """
    if any(len(values) < 3 for values in inputs.values()):
        raise InputError("the bench takes three images or more")
    folder = read_build(build, graph)
    directory.mkdir(parents=True, exist_ok=True)
    for name in folder.images:
        shutil.copyfile(folder.path / name, directory / name)
    vectors = directory / "vectors.npz"
    found = interpreter.run(graph, dict(inputs), tensors=True)
    arrays = {f"in.{name}": values for name, values in inputs.items()} | {f"out.{name}": found[name] for name in folder.outputs}
    np.savez(vectors, **arrays)  # type: ignore[arg-type]
    file, bench = BENCHES[top]
    built = runner.build(Design(top, (folder.path / file, folder.verilog, *cell_models(folder.config.family))), simulator)
    variables = {"WEFT_BUILD": str(folder.path.resolve()), "WEFT_VECTORS": str(vectors.resolve()), **(environment or {})}
    return runner.run(built, bench, directory, seed=seed, environment=variables, test_filter=test_filter, limit_s=600)
