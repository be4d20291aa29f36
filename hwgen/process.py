"""Running a tool: what it prints goes to a log, an interrupt ends it, and its failure becomes an error that shows the log's end."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from golden.errors import ToolFailedError

#: What YoWASP prints before it compiles a program, which it does once.
_COMPILING = "Preparing to run "
_SHOWN_LINES = 15
_POLL_SECONDS = 0.2


class CancelledError(Exception):
    """A tool was ended because its result is no longer wanted."""


def run(
    command: Sequence[str | Path],
    folder: Path,
    log: Path,
    what: str,
    *,
    cancel: threading.Event | None = None,
    compiling: Callable[[], None] | None = None,
) -> None:
    """Runs a tool in a folder; what it prints becomes the file `log`.

    what:      what the tool does, for the message of a failure.
    cancel:    ends the tool when it is set, with CancelledError.
    compiling: called when the tool is a YoWASP one that has to be compiled first.
    Raises ToolFailedError where the tool fails or cannot be started.  An interrupt ends the tool before it goes on.
    """
    words = [str(word) for word in command]
    try:
        process = subprocess.Popen(
            words, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
    except OSError as error:
        raise ToolFailedError(f"{what}: {words[0]} cannot be started ({error.strerror or error})") from error
    stopped = threading.Event()
    watcher = threading.Thread(target=_end_when, args=(process, cancel, stopped), daemon=True) if cancel is not None else None
    if watcher is not None:
        watcher.start()
    try:
        with log.open("w", encoding="utf-8") as file:
            assert process.stdout is not None
            for line in process.stdout:
                file.write(line)
                if compiling is not None and line.startswith(_COMPILING):
                    compiling()
        code = process.wait()
    finally:
        stopped.set()
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
        if watcher is not None:
            watcher.join()
    if cancel is not None and cancel.is_set():
        raise CancelledError
    if code:
        raise ToolFailedError(f"{what} failed: {Path(words[0]).name} ended with {_ending(code)}; the end of its output:", log_end(log))


def _end_when(process: subprocess.Popen[str], cancel: threading.Event, stopped: threading.Event) -> None:
    while not stopped.is_set():
        if cancel.wait(_POLL_SECONDS):
            process.kill()
            return


def _ending(code: int) -> str:
    return f"the exit code {code}" if code > 0 else f"the signal {-code}"


def log_end(log: Path, lines: int = _SHOWN_LINES) -> list[str]:
    """The last lines of a log that say something."""
    text = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line.rstrip() for line in text if line.strip()][-lines:] or ["it printed nothing"]
