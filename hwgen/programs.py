"""Programs that Weft runs and does not come with: installed ones where they are new enough, else YoWASP's, which are Python packages."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import shutil
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hwgen.tool import at_least, first_match


@dataclass(frozen=True)
class Program:
    """A program, and where it can come from.

    name:         of the installed program; a path in the environment variable that Amaranth reads too, such as NEXTPNR_ECP5, goes first.
    needed_for:   what does not work without it.
    package:      the Python package that has it, and `script` its name there.
    minimum:      the oldest installed version that works; None where it does not say its version.
    version_args: what makes it say its version.
    pattern:      what the version looks like in that.
    """

    name: str
    needed_for: str
    package: str
    script: str
    minimum: tuple[int, int] | None
    version_args: tuple[str, ...] = ("--version",)
    pattern: str = r"(\d+\.\d+[\w.+-]*)"

    @property
    def variable(self) -> str:
        """The environment variable that may name another program."""
        return self.name.upper().replace("-", "_")


@dataclass(frozen=True)
class FoundProgram:
    """A program that is there.

    path:    what to run.
    version: as it is recorded.
    package: the Python package that it comes from; None for an installed program.
    """

    path: Path
    version: str
    package: str | None

    @property
    def label(self) -> str:
        """Version and origin, for records."""
        return self.version if self.package is None else f"{self.version} ({self.package})"


def candidates(program: Program) -> Iterator[FoundProgram]:
    """The programs to choose from, the preferred one first: an installed one that is new enough, the package's."""
    native = installed(program)
    if native is not None and (program.minimum is None or at_least(native.version, program.minimum)):
        yield native
    own = packaged(program)
    if own is not None:
        yield own


def installed(program: Program) -> FoundProgram | None:
    """The program that the environment variable names or that is on the PATH, of whatever version; None without one."""
    named = os.environ.get(program.variable)
    found = shutil.which(named or program.name)
    if found is None or (named is None and _in_environment(Path(found), program)):
        return None
    return FoundProgram(Path(found), version(found, program), None)


def packaged(program: Program) -> FoundProgram | None:
    """The package's program in this Python environment; None without one."""
    script = _script(program)
    try:
        version = importlib.metadata.version(program.package)
    except importlib.metadata.PackageNotFoundError:
        return None
    return None if script is None else FoundProgram(script, version, program.package)


@functools.lru_cache(maxsize=64)
def version(path: str, program: Program) -> str:
    """What an installed program says its version is; "unknown" where it says none."""
    return first_match([path, *program.version_args], program.pattern) or "unknown"


def _in_environment(path: Path, program: Program) -> bool:
    """Whether a program on the PATH is the package's own."""
    own = _script(program)
    return own is not None and own.resolve() == path.resolve()


def _script(program: Program) -> Path | None:
    found = shutil.which(program.script, path=sysconfig.get_path("scripts"))
    return None if found is None else Path(found)
