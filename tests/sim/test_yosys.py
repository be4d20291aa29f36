"""Which Yosys the netlist proof takes: it has to be new enough, and to have its models of cells."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden.errors import ToolFailedError, ToolMissingError
from hwgen import programs
from hwgen.yosys import YOSYS, run_script
from sim import yosys


def native(folder: Path, monkeypatch: pytest.MonkeyPatch, version: str, *, share: bool) -> Path:
    """A program that pretends to be an installed Yosys, named by the environment variable."""
    program = folder / "bin" / "yosys"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho 'Yosys {version} (pretended)'\n", encoding="utf-8")
    program.chmod(0o755)
    if share:
        (folder / "share" / "yosys").mkdir(parents=True)
    monkeypatch.setenv(YOSYS.variable, str(program))
    return program


def test_an_installed_one_with_its_models_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = native(tmp_path, monkeypatch, "0.63+12", share=True)
    assert yosys.find() == yosys.Yosys(program, "0.63+12", None, tmp_path / "share" / "yosys")


@pytest.mark.parametrize(("version", "share"), [("0.9", True), ("0.63", False)])
def test_one_that_is_too_old_or_has_no_models_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, share: bool) -> None:
    program = native(tmp_path, monkeypatch, version, share=share)
    found = yosys.find()
    assert (found.package, found.share.name) == (YOSYS.package, "share")
    assert (found.share / "ice40" / "cells_sim.v").is_file()
    monkeypatch.setattr(programs, "packaged", lambda program: None)
    with pytest.raises(ToolMissingError) as error:
        yosys.find()
    assert (
        f"{version} ({program}) is too old; it is needed for the netlist proof (0.50 or newer, with its cell models)" in error.value.message
    )


def test_a_script_that_fails_shows_what_yosys_said(tmp_path: Path) -> None:
    with pytest.raises(ToolFailedError, match=r"trying failed: .* ended with the exit code 1") as error:
        run_script(yosys.find(), "read_verilog missing.v\n", tmp_path, "trying", name="attempt")
    assert any("ERROR" in line and "missing.v" in line for line in error.value.problems)
    assert "missing.v" in (tmp_path / "attempt.log").read_text(encoding="utf-8")
