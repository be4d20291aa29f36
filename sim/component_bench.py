"""Benches of single components: a component's emitted Verilog, and a cocotb module that drives it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from amaranth.lib import wiring

from hwgen.config import AcceleratorConfig
from hwgen.emit import component_verilog, templates
from sim import runner
from sim.results import RunResult
from sim.runner import Design
from sim.tools import Simulator

CONFIG_VARIABLE = "WEFT_CONFIG"


def component_design(component: wiring.Component, folder: Path) -> Design:
    """Emits a component as module `dut` into a folder."""
    source = folder / "dut.v"
    source.write_text(f"{component_verilog(component, 'dut')}\n{templates()}", encoding="utf-8")
    return Design("dut", (source,))


def run_bench(
    design: Design,
    bench: str,
    config: AcceleratorConfig,
    simulator: Simulator,
    directory: Path,
    *,
    seed: int,
    environment: Mapping[str, str] | None = None,
    waves: Path | None = None,
) -> RunResult:
    """Builds a design and runs the module `sim.benches.<bench>` on it in `directory`.

    The module finds the configuration as JSON in the environment variable WEFT_CONFIG.  Errors as those of `runner.build` and `runner.run`.
    """
    built = runner.build(design, simulator, trace=runner.wave_format(waves) if waves is not None else None)
    variables = {CONFIG_VARIABLE: json.dumps(config.to_json()), **(environment or {})}
    return runner.run(built, f"sim.benches.{bench}", directory, seed=seed, environment=variables, waves=waves)
