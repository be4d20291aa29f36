"""A board to plug in: the Verilated `weft_uart` behind a pseudo-terminal, over a line that can spoil what passes.

`Line` carries bytes between the pseudo-terminal that the host opens and the simulator, and asks `to_board` and `to_host` what
becomes of each piece.
"""

from __future__ import annotations

import os
import select
import shutil
import socket
import subprocess
import threading
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hwgen import cache
from hwgen.emit import UART_MODULE
from sim import tools

DIVISOR = 8
_MAIN = Path(__file__).with_suffix(".cpp")
_OPTIONS = ("-O3", "--x-assign", "fast", "--x-initial", "unique", "--noassert", "-Wno-fatal", "-Wno-lint", "-Wno-style")
_MAKE = ("OPT_FAST=-O1", "OPT_GLOBAL=-O1", "OPT_SLOW=-O0")

#: Bytes that went in, and those that come out.
Fault = Callable[[bytes], bytes]


def build(accelerator: str, uart: str) -> Path:
    """The program of a board with these two Verilog files, from the cache where it was built before."""
    verilator = tools.verilator()
    key = cache.digest(verilator.version, str(verilator.executable), *_OPTIONS, *_MAKE, accelerator, uart, _MAIN.read_text())

    def make(part: Path) -> None:
        work = part / "work"
        work.mkdir()
        for name, text in (("accelerator.v", accelerator), ("uart.v", uart)):
            (work / name).write_text(text)
        environment = verilator.environment(dict(os.environ))
        command = [str(verilator.executable), "--cc", "--exe", *_OPTIONS, "--top-module", UART_MODULE, "-Mdir", ".", "-o", "board"]
        variables = [f"{name}={value}" for name, value in verilator.make_variables.items()]
        for arguments in (
            [*command, "accelerator.v", "uart.v", str(_MAIN)],
            ["make", "-s", "-f", f"V{UART_MODULE}.mk", *variables, *_MAKE],
        ):
            done = subprocess.run(arguments, cwd=work, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
        (work / "board").rename(part / "board")
        shutil.rmtree(work)

    return cache.entry(f"uart-board-{key}", make) / "board"


class Line:
    """What lies between a port and the board.  to_board, to_host: what becomes of the bytes in either direction."""

    def __init__(self, host: int, board: socket.socket) -> None:
        self.to_board: Fault = lambda data: data
        self.to_host: Fault = lambda data: data
        self._host, self._board = host, board
        self._stop, self._stopped = os.pipe()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def _carry(self) -> None:
        while True:
            ready = select.select([self._host, self._board, self._stop], [], [])[0]
            if self._stop in ready:
                return
            if self._host in ready:
                self._board.sendall(self.to_board(os.read(self._host, 4096)))
            if self._board in ready and (data := self._board.recv(4096)):
                os.write(self._host, self.to_host(data))

    def close(self) -> None:
        os.write(self._stopped, b"x")
        self._thread.join()
        os.close(self._stop)
        os.close(self._stopped)


@contextmanager
def plugged_in(
    program: Path, folder: Path, *, bit_cycles: float = DIVISOR, seed: int = 1, plusargs: Sequence[str] = ()
) -> Iterator[tuple[str, Line]]:
    """A board, configured with the design of a folder, whose memory images are in it: the name of its port, and the line.

    bit_cycles: clock cycles of a bit that the host's adapter sends; plusargs: of the simulation.
    """
    host, port = os.openpty()
    tty.setraw(host)
    tty.setraw(port)
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [program, str(theirs.fileno()), str(bit_cycles), str(seed), *plusargs], cwd=folder, pass_fds=[theirs.fileno()]
    )
    theirs.close()
    line = Line(host, ours)
    try:
        yield os.ttyname(port), line
    finally:
        line.close()
        ours.close()
        assert process.wait(30) == 0
        os.close(host)
        os.close(port)
