"""How a command ends that is told to end."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

_PROGRAM = """
import sys
from pathlib import Path
import click
from hwgen.process import run as run_tool
from weft.cli import terminal

@click.group()
def weft(): pass

@weft.command()
def work():
    folder = Path(sys.argv[1])
    run_tool([sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(600)"], folder, folder / "log", "a tool")

sys.exit(terminal.run(weft, ["work"]))
"""


def _interruptible() -> None:
    """Tests that run in the background of a shell have interrupts ignored, and hand that on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _alive(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_its_tool_ends_with_it(number: signal.Signals, tmp_path: Path) -> None:
    """An interrupt, and a request to terminate, which schedulers send."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(tmp_path)], stderr=subprocess.PIPE, text=True, preexec_fn=_interruptible
    ) as command:
        try:
            children = Path(f"/proc/{command.pid}/task/{command.pid}/children")
            for _ in range(600):
                if tool := children.read_text().split():
                    break
                time.sleep(0.05)
            assert len(tool) == 1
            command.send_signal(number)
            _, said = command.communicate(timeout=60)
            assert (command.returncode, said) == (130, "\nweft: interrupted\n")
            assert not _alive(int(tool[0]))
        finally:
            command.kill()
