"""The program as a whole: its help, its exit codes, and JSON that nothing else is mixed into."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import weft
from tests.weft.small import Command, Files
from weft.cli import command_line

COMMANDS = [
    "analyze", "bench", "boards", "build", "check", "compare", "compress", "demo", "doctor", "flash", "formats", "generate", "inspect",
    "mix", "operators", "predict", "quantize", "recipe", "report", "run", "train", "units", "verify",
]  # fmt: skip
#: For who changes the hardware; `--help` does not list it.
HIDDEN = ["calibrate"]


def program(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`python -m weft` as a process of its own."""
    root = Path(weft.__file__).parent.parent
    environment = {**os.environ, "PYTHONPATH": str(root), "COLUMNS": "200"}
    return subprocess.run([sys.executable, "-m", "weft", *arguments], capture_output=True, text=True, cwd=cwd, env=environment, check=False)


def test_commands() -> None:
    assert sorted(command_line.commands) == sorted([*COMMANDS, *HIDDEN])
    assert [name for name, each in command_line.commands.items() if each.hidden] == HIDDEN


def test_help_is_quick_because_it_loads_no_torch() -> None:
    code = "import sys, weft.cli, weft; sys.exit(any(name in sys.modules for name in ('torch', 'amaranth', 'cocotb', 'sklearn')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    result = program("--help")
    assert result.returncode == 0
    assert all(name in result.stdout for name in COMMANDS)


def test_version() -> None:
    assert program("--version").stdout == f"weft, version {weft.__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(command: Command, name: str) -> None:
    result = command(name, "--help")
    assert (result.code, result.err) == (0, "")
    assert "--json" in result.out


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["inspect"],
        ["inspect", "none.weft", "--json"],
        ["inspect", "--json"],
        ["inspect", "none.weft", "--nonsense", "--json"],
        ["verify", "none.weft", "--inputs", "none.npz", "--json"],
        ["generate", "none.weft", "-o", "out", "--rows", "x", "--json"],
        ["nonsense", "--json"],
    ],
)
def test_bad_usage_is_2_without_a_traceback(arguments: list[str], tmp_path: Path) -> None:
    result = program(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert "Traceback" not in result.stdout + result.stderr
    if "--json" in arguments:
        error = json.loads(result.stdout)["error"]
        assert error["exit_code"] == 2
        assert error["message"]
        assert result.stderr == ""
    else:
        assert result.stdout == ""
        assert "weft: " in result.stderr
    assert not list(tmp_path.iterdir())


def test_json_is_one_object_and_nothing_else(files: Files, tmp_path: Path) -> None:
    """As processes of their own: neither a library nor a child process may add to standard output."""
    runs = [
        ["quantize", "factories:small", "--calibration", str(files.calibration), "-o", str(tmp_path / "n.weft"), "--json"],
        ["inspect", str(tmp_path / "n.weft"), "--json"],
        ["predict", str(tmp_path / "n.weft"), "--inputs", str(files.test), "-o", str(tmp_path / "out.npz"), "--json"],
        ["generate", str(tmp_path / "n.weft"), "--rows", "4", "--cols", "4", "-o", str(tmp_path / "build"), "--json"],
        ["generate", str(tmp_path / "n.weft"), "--rows", "4", "--cols", "4", "--weight-depth", "16", "-o", str(tmp_path / "b"), "--json"],
    ]
    codes = []
    for arguments in runs:
        result = program(*arguments, cwd=files.folder)
        assert isinstance(json.loads(result.stdout), dict)
        assert result.stderr == ""
        codes.append(result.returncode)
    assert codes == [0, 0, 0, 0, 3]


def test_an_unexpected_failure_is_not_hidden(command: Command, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(graph: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("weft.api.summarize", fail)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        command("inspect", files.network)


def test_the_api_is_there_by_name() -> None:
    assert {"quantize", "inspect", "predict", "generate", "verify", "doctor"} <= set(weft.__all__)
    assert all(callable(getattr(weft, name)) for name in weft.__all__ if name != "__version__")
    with pytest.raises(AttributeError, match="no attribute 'simulate'"):
        weft.simulate  # noqa: B018
