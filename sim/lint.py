"""Verilator's lint, with the waivers that are named in `waivers.vlt` and nowhere else."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sim import tools

WAIVERS = Path(__file__).with_name("waivers.vlt")


def lint(sources: Sequence[Path], top: str) -> tuple[str, ...]:
    """Every warning and error of `verilator --lint-only -Wall` that is not waived, one line each; empty for clean Verilog.

    Raises ToolMissingError without Verilator.
    """
    verilator = tools.verilator()
    command = [str(verilator.executable), "--lint-only", "-Wall", "--top-module", top, str(WAIVERS), *map(str, sources)]
    environment = verilator.environment(os.environ)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, stdin=subprocess.DEVNULL)
    findings = tuple(line for line in done.stderr.splitlines() if line.startswith(("%Warning", "%Error")))
    return findings if findings or done.returncode == 0 else (f"%Error: verilator ended with exit code {done.returncode}: {done.stderr}",)
