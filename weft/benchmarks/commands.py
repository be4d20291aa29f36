"""Whole commands, from the shell's prompt and back: `weft verify` and `weft analyze`."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from golden.errors import ToolFailedError
from sim import tools
from sim.tools import Simulator
from weft import api
from weft.benchmarks.reference_networks import CONFIG, NETWORKS, RESNET, with_inputs
from weft.benchmarks.registry import Progress, Row, at_most, benchmark

REPEATS = 3
_VERIFY_SECONDS = 3.0


@dataclass(frozen=True)
class Run:
    """One run of a command: wall clock, CPU seconds of it and of what it started, and its JSON."""

    seconds: float
    cpu_seconds: float
    result: dict[str, Any]


def run_command(*arguments: str) -> Run:
    """Runs `weft` in a process of its own.  Raises ToolFailedError when it fails."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.run([sys.executable, "-m", "weft", *arguments, "--json"], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise ToolFailedError(f"weft {' '.join(arguments)} ended with exit code {process.returncode}: {process.stdout}{process.stderr}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(seconds, cpu, json.loads(process.stdout))


@benchmark("verify", f"weft verify: one {RESNET.name} inference in Verilator, every layer compared, built before")
def verify(progress: Progress) -> list[Row]:
    """Seconds of the whole command, the median of several runs, for a model file and for a folder of `weft generate`."""
    graph, x = with_inputs(RESNET, 1)
    tools.require(Simulator.VERILATOR)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as name:
        inputs, build = Path(name) / "inputs.npz", Path(name) / "accelerator"
        np.savez(inputs, x=x)
        api.generate(graph, build, config=CONFIG, progress=progress)
        for what, options in (("a model file", ["--config", CONFIG]), ("a generated folder", ["--build", str(build)])):
            command = ["verify", str(RESNET.path), "--inputs", str(inputs), *options]
            run_command(*command)  # builds, where that was not done before
            runs = []
            for done in range(REPEATS):
                runs.append(run_command(*command))
                progress(f"verifying {what}", done + 1, REPEATS)
            seconds = statistics.median(run.seconds for run in runs)
            rows.append(
                {
                    "verified": what,
                    "seconds": seconds,
                    "cpu_seconds": statistics.median(run.cpu_seconds for run in runs),
                    **at_most(seconds, _VERIFY_SECONDS),
                    "cycles": runs[0].result["cycles"],
                    "equal": runs[0].result["equal"],
                }
            )
    return rows


@benchmark("analyze", f"weft analyze: seconds of the whole command, and cycles of one inference on {CONFIG}")
def analyze(progress: Progress) -> list[Row]:
    """Seconds, the median of several runs, and the cycles, which are exactly those that the hardware takes."""
    rows: list[Row] = []
    for network in NETWORKS:
        runs = []
        for done in range(REPEATS):
            runs.append(run_command("analyze", str(network.path), "--config", CONFIG))
            progress(f"analyzing {network.name}", done + 1, REPEATS)
        cycles = runs[0].result["cycles"]
        rows.append(
            {
                "network": network.name,
                "seconds": statistics.median(run.seconds for run in runs),
                "cpu_seconds": statistics.median(run.cpu_seconds for run in runs),
                "cycles": cycles,
                **at_most(cycles, network.cycles_at_most),
            }
        )
    return rows
