"""`weft build` for a board of Vivado's: the folder, what it says, what it refuses.  Synthesis is in `tests/boards/test_vivado.py`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import boards.vivado.project as vivado
from boards.vivado import Resource
from golden import network_file
from hwgen.design import read_design
from tests.boards.networks import branching_network, digits_size_network
from weft.cli import command_line
from weft.cli.terminal import run

FOUND = (Resource("LUT", 63, 100), Resource("DSP48E1", 24, 240))


@pytest.fixture(autouse=True)
def synthesis(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Says what it was asked for, and finds the same always."""
    asked: list[tuple[str, ...]] = []

    def found(board: object, folder: Path, verilog: list[str], top: str, compiling: object) -> tuple[Resource, ...]:
        assert all((folder / name).is_file() for name in verilog)
        assert {path.name for path in folder.glob("*.hex")} >= {"weights.hex", "program.hex"}
        asked.append((top, *verilog))
        return FOUND

    monkeypatch.setattr(vivado, "synthesized", found)
    return asked


@pytest.fixture
def network(tmp_path: Path) -> Path:
    path = tmp_path / "network.weft"
    network_file.save(digits_size_network(), path)
    return path


def weft(*arguments: object) -> int:
    small = ("--rows", 4, "--cols", 4, "--lanes", 1, "--weight-rows-per-cycle", 1)
    return run(command_line, [str(each) for each in (*arguments, *small)])


def test_a_self_test(network: Path, tmp_path: Path, synthesis: list[tuple[str, ...]]) -> None:
    output = tmp_path / "out"
    assert weft("build", network, "--board", "pynq_z2", "--top", "selftest", "-o", output) == 0
    assert synthesis == [("top", "top.v", "selftest.v", "accelerator.v")]
    assert json.loads((output / "project.json").read_text())["top"] == "selftest"
    assert (output / "vivado" / "replay.hex").read_bytes() == (output / "design" / "replay.hex").read_bytes()


@pytest.mark.parametrize(
    ("board", "top"),
    [("arty_a7_100t", ("top", "top.v", "uart.v", "accelerator.v")), ("pynq_z2", ("weft_axi", "weft_axi.v", "accelerator.v"))],
)
def test_a_project(
    board: str, top: tuple[str, ...], network: Path, tmp_path: Path, synthesis: list[tuple[str, ...]], capfd: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    assert weft("build", network, "--board", board, "-o", output) == 0
    out = capfd.readouterr().out
    assert "nothing is placed or routed" in out
    assert "63%" in out
    assert synthesis == [top]
    data = json.loads((output / "project.json").read_text())
    assert data["placed_and_routed"] is False
    assert data["synthesis"]["DSP48E1"] == {"used": 24, "available": 240}
    assert {path.name for path in output.iterdir()} == {"design", "vivado", "project.json"}
    design = read_design(output / "design")
    assert (design.config.rows, design.config.cols, design.config.family.value) == (4, 4, "xilinx7")
    assert "| LUT | 63 | 100 |" in (output / "vivado" / "README.md").read_text()
    assert weft("build", network, "--board", board, "-o", output) == 0, "the same again"


def test_what_is_refused(network: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    output, other = tmp_path / "out", tmp_path / "other.weft"
    network_file.save(branching_network(), other)
    assert weft("build", network, "--board", "pynq_z2", "-o", output) == 0
    for arguments, message in (
        ((other, "--board", "pynq_z2"), "holds a project of another network, 'digits-size', and not of 'branching'"),
        ((network, "--board", "arty_a7_100t"), "holds a project for PYNQ-Z2, and not for Arty A7-100T"),
        ((network, "--board", "pynq_z2", "--freq", 300), "makes clocks from 10 to 250 MHz, not 300"),
        ((network, "--board", "pynq_z2", "--top", "selftest", "--seeds", 4), "nothing placed: leave out --seeds"),
    ):
        capfd.readouterr()
        assert weft("build", *arguments, "-o", output) == 2
        assert message in capfd.readouterr().err
    assert weft("build", other, "--board", "pynq_z2", "-o", output, "--force") == 0
    assert read_design(output / "design").network_name == "branching"


def test_a_folder_that_cannot_be_made(network: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert weft("build", network, "--board", "pynq_z2", "-o", tmp_path / "file" / "out") == 2
    assert "cannot write" in capfd.readouterr().err


def test_multipliers_that_a_device_lacks_are_missed_before_synthesis(
    network: Path, tmp_path: Path, synthesis: list[tuple[str, ...]], capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["build", network, "--board", "pynq_z2", "--rows", 64, "--cols", 64, "-o", tmp_path / "out"]
    assert run(command_line, [str(each) for each in arguments]) == 3
    error = capfd.readouterr().err
    assert "multiplier blocks: " in error
    assert "it should fit as --config ulx3s-16x8" in error
    assert synthesis == []
