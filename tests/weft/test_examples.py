"""The programs in examples/ do what they say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from sim import tools
from sim.tools import Simulator

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_own_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tools.require(Simulator.VERILATOR)
    assert load("own_network").main(tmp_path / "own")
    assert capsys.readouterr().out.splitlines()[-1] == "equal"
    assert (tmp_path / "own" / "own.weft").is_file()
    assert (tmp_path / "own" / "accelerator" / "accelerator.v").is_file()
