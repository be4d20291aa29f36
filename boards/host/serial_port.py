"""A serial port, through pyserial: bytes in and out, and what to check where that does not work."""

from __future__ import annotations

import contextlib
import errno
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from boards.host.errors import BusError
from golden.errors import InputError, ToolMissingError

if TYPE_CHECKING:
    import serial

DEFAULT_BAUD = 1_000_000
_POLL_S = 0.02
_WRITE_S = 5.0  #: until the adapter takes what is sent; one that was unplugged may never do


class SerialPort:
    """An open port: 8 data bits, no parity, 1 stop bit, no flow control, for this program alone.

    Raises ToolMissingError without pyserial, InputError for a port that does not exist or a rate that it cannot have, BusError for one
    that cannot be opened; later, from every method, BusError when the port goes away.
    """

    def __init__(self, name: str, baud: int) -> None:
        import termios

        try:
            import serial
        except ImportError as error:
            raise ToolMissingError("serial ports need the package pyserial: pip install 'weft[boards]', or pyserial") from error
        self.name, self.baud = name, baud
        self._errors = (serial.SerialException, OSError, termios.error)
        try:
            self._port: serial.Serial = serial.Serial(name, baud, timeout=_POLL_S, write_timeout=_WRITE_S, exclusive=True)
        except ValueError as error:
            raise InputError(f"the port {name} cannot have {baud} baud ({error})") from error
        except serial.SerialException as error:
            raise _cannot_open(name, error) from error
        with contextlib.suppress(OSError, ValueError, AttributeError, NotImplementedError):
            # USB adapters hold short answers back for 16 ms; where the driver can, it passes them on at once.
            self._port.set_low_latency_mode(True)

    def read(self) -> bytes:
        """What has arrived; waits a little for it if nothing has."""
        try:
            return self._port.read(1) + self._port.read(self._port.in_waiting)
        except (*self._errors, TypeError) as error:
            raise self._gone(error) from error

    def write(self, data: bytes) -> None:
        """Sends bytes."""
        try:
            self._port.write(data)
        except self._errors as error:
            raise self._gone(error) from error

    def discard_input(self) -> None:
        """Throws away what has arrived."""
        try:
            self._port.reset_input_buffer()
        except self._errors as error:
            raise self._gone(error) from error

    def close(self) -> None:
        """Closes the port."""
        with contextlib.suppress(*self._errors):
            self._port.close()

    def _gone(self, error: Exception) -> BusError:
        return BusError(
            f"the port {self.name} does not work any more ({error})",
            ["check that the board is still plugged in and powered", "check that no other program uses the port"],
        )

    def no_answer(self, attempts: int, arrived: int, *, echoed: bool) -> BusError:
        """The error for a request that nobody answered, though it was sent `attempts` times; `arrived` bytes were no answer to it."""
        if echoed:
            found = "all that arrives is what was sent: the line's two wires are connected with each other, or the far end echoes"
        elif arrived:
            found = f"{arrived} bytes arrived that are no answer: check the baud rate first, the bitstream's is another one perhaps"
        else:
            found = "not a byte arrived"
        return BusError(
            f"nothing answers on {self.name} at {self.baud} baud; the request was sent {attempts} times",
            [
                found,
                "check that it is the board's UART: boards with a two-channel USB chip have two ports, one of them for programming",
                "check that the board is powered, and configured with a bitstream of Weft's with a UART in it",
                f"check the baud rate: it must be the one that the bitstream was made for, and not {self.baud} because that is the default",
                "check the cable, and where it is wired by hand that RX goes to TX",
                "check that no other program, such as a terminal, holds the port",
            ],
        )


def _cannot_open(name: str, error: serial.SerialException) -> InputError | BusError:
    """What to say of a port that cannot be opened."""
    number = error.errno
    if number == errno.ENOENT or (number is None and not Path(name).exists()):
        from serial.tools import list_ports

        there = sorted(port.device for port in list_ports.comports())
        others = f"there are {', '.join(there)}" if there else "there is no serial port at all: plug the board in"
        return InputError(f"there is no port {name}; {others}")
    if not stat.S_ISCHR(Path(name).stat().st_mode):
        return InputError(f"{name} is no serial port")
    if number == errno.EACCES:
        return BusError(f"the port {name} may not be opened: join the group that owns it (often dialout or uucp), and log in again")
    if number in (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK) or "lock" in str(error):
        return BusError(f"the port {name} is held by another program, such as a terminal: close that one")
    return BusError(f"the port {name} cannot be opened: {error}")
