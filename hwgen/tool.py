"""A program or package that Weft uses: whether it is there, in which version, and whether that is good enough."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Tool:
    """One program or library.

    tool:       its name.
    version:    as the tool gives it; None where it is missing or says none.
    path:       the program, or None where it is missing.
    ok:         whether it is there and new enough.
    needed_for: what does not work without it.
    remedy:     what to run when it is not ok.
    optional:   whether only some commands need it.
    fault:      why it is not ok, where it is neither missing nor too old.
    """

    tool: str
    version: str | None
    path: Path | None
    ok: bool
    needed_for: str
    remedy: str
    optional: bool = False
    fault: str = ""

    def problem(self) -> str:
        """What is wrong with a tool that is not ok, and what to do; empty for one that is."""
        if self.ok:
            return ""
        if self.fault:
            return f"{self.tool} {self.fault}; it is needed for {self.needed_for}: {self.remedy}"
        state = "is not installed" if self.path is None else f"{self.version or 'of an unknown version'} ({self.path}) is too old"
        return f"{self.tool} {state}; it is needed for {self.needed_for}: {self.remedy}"


def at_least(version: str | None, minimum: tuple[int, int]) -> bool:
    """Whether a version such as "5.036" or "5.48.0" is at least (major, minor)."""
    match = re.match(r"(\d+)\.(\d+)", version or "")
    return match is not None and (int(match[1]), int(match[2])) >= minimum


def first_match(command: Sequence[str], pattern: str) -> str | None:
    """The first group of `pattern` in what a command prints, or None."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(pattern, done.stdout + done.stderr)
    return match[1] if match else None
