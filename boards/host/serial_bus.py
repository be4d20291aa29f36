"""A bus over a serial port: the host's side of the link of hwgen/SPEC.md section 12."""

from __future__ import annotations

import random
import time
from types import TracebackType

import numpy as np

from boards.host.errors import BusError, DeviceError
from boards.host.serial_frame import Answer, UInt32, answer, content, request
from boards.host.serial_port import DEFAULT_BAUD, SerialPort
from golden.errors import InputError
from hwgen.regmap import HOST_BYTES
from hwgen.uart_link import FLAG, MAX_WORDS, VERSION, Op, Status

_RESPONSES = {1: "EXOKAY", 2: "SLVERR", 3: "DECERR"}
_BITS_PER_BYTE = 10  #: on the line: start bit, 8 data bits, stop bit
_FRAME_BYTES = 16  #: of a request or an answer besides its words, at most and with a few escapes
_LONGEST_WAIT_S = 2.0  #: for one answer, besides the line's own time


class SerialBus:
    """An accelerator behind a serial port.

    port:     the device, such as `/dev/ttyUSB0`.
    baud:     the rate that the bitstream was made for.
    answer_s: seconds within which an answer begins, the line's own time not counted; it doubles with every attempt.
    attempts: how often a request is sent before the bus gives up.

    A frame that was lost, truncated, damaged or doubled is noticed on both sides; the request is sent again, and the accelerator carries
    out no write twice.  `repeated` counts the requests that were sent again.  `clock_hz` is the accelerator's clock, from the baud rate
    and the cycles of a bit, which it tells.  Raises InputError for a port or rate that does not exist, BusError for one that cannot be
    used or does not answer, DeviceError for a link of another version.
    """

    gaps = True

    def __init__(self, port: str, *, baud: int = DEFAULT_BAUD, answer_s: float = 0.25, attempts: int = 6) -> None:
        if not (answer_s > 0 and attempts >= 1):
            raise InputError(f"answer_s must be above 0 and attempts at least 1, not {answer_s!r} and {attempts!r}")
        self._port = SerialPort(port, baud)
        self._answer_s, self._attempts = answer_s, attempts
        self._sequence = random.randrange(256)
        self._received = b""
        self.repeated = 0
        try:
            found = self._exchange(Op.HELLO, words_back=1)
            version, cycles_per_bit = int(found.words[0]) & 0xFF, int(found.words[0]) >> 16
            self._burst = min(MAX_WORDS, int(found.words[0]) >> 8 & 0xFF)
            if version != VERSION or not self._burst:
                raise DeviceError(
                    f"the serial link on {port} has version {version}, and this driver is for {VERSION}: use the driver of the Weft that "
                    f"generated the bitstream, or generate it again"
                )
        except BaseException:
            self._port.close()
            raise
        self.clock_hz = float(baud * cycles_per_bit)

    # --- the bus ----------------------------------------------------------------------------------

    def read(self, address: int) -> int:
        """Reads a word."""
        return int(self.read_block(address, 1)[0])

    def write(self, address: int, value: int) -> None:
        """Writes a word."""
        self.write_block(address, np.array([value], np.uint32))

    def read_block(self, address: int, count: int) -> UInt32:
        """Reads consecutive words: uint32[count]."""
        parts = [np.zeros(0, np.uint32)]
        for first in range(0, count, self._burst):
            number = min(self._burst, count - first)
            found = self._exchange(Op.READ, address + HOST_BYTES * first, count=number, words_back=number)
            _check(found, "reading", address + HOST_BYTES * first, number)
            parts.append(found.words)
        return np.concatenate(parts)

    def write_block(self, address: int, words: UInt32) -> None:
        """Writes uint32[count] to consecutive words."""
        for first in range(0, len(words), self._burst):
            part = words[first : first + self._burst]
            found = self._exchange(Op.WRITE, address + HOST_BYTES * first, words=part)
            _check(found, "writing", address + HOST_BYTES * first, len(part))

    def wait_interrupt(self, timeout_s: float) -> bool | None:
        """Waits for the interrupt line, which the accelerator tells of by itself."""
        deadline = time.monotonic() + timeout_s
        self._next_request()
        message = request(self._sequence, Op.WAIT)
        patience = self._answer_s
        while (left := deadline - time.monotonic()) > 0:
            found = self._answer_to(message, min(left, patience + self._line_s(0)), words_back=0)
            if found is not None:
                return self._open(found)
            patience = min(2 * patience, _LONGEST_WAIT_S)  # the request may have been lost, or not: another one withdraws it
        # A request of another kind withdraws the last one too, and says whether there is an accelerator at all.
        return bool(self._exchange(Op.READ, 0, words_back=0).status & Status.IRQ)

    def close(self) -> None:
        """Gives the port back; the bus is of no use any more."""
        self._port.close()

    def __enter__(self) -> SerialBus:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # --- requests and answers ---------------------------------------------------------------------

    def _next_request(self) -> None:
        """Makes ready for a request: nothing that has arrived before can belong to it."""
        self._sequence = (self._sequence + 1) % 256
        self._port.discard_input()
        self._received = b""

    def _exchange(self, op: Op, address: int = 0, *, count: int = 0, words: UInt32 | None = None, words_back: int = 0) -> Answer:
        """Sends a request until it is answered.  Raises BusError when it is not, or the accelerator was reset."""
        self._next_request()
        message = request(self._sequence, op, address, count, words)
        patience = self._answer_s
        arrived = 0
        for attempt in range(self._attempts):
            self.repeated += attempt > 0
            found = self._answer_to(message, patience + self._line_s(words_back + (0 if words is None else len(words))), words_back)
            if found is not None:
                self._open(found)
                return found
            arrived += len(self._received)
            patience = min(2 * patience, _LONGEST_WAIT_S)
        raise self._port.no_answer(self._attempts, arrived, echoed=message in self._received)

    def _line_s(self, words: int) -> float:
        """Seconds that a request and its answer take on the line, every byte escaped."""
        return (2 * _FRAME_BYTES + 2 * HOST_BYTES * words) * _BITS_PER_BYTE / self._port.baud

    def _answer_to(self, message: bytes, limit_s: float, words_back: int) -> Answer | None:
        """Sends a request once; its answer, or None if none that is whole arrives in time."""
        self._port.write(message)
        deadline = time.monotonic() + limit_s
        self._received = b""
        unread = b""
        while time.monotonic() < deadline:
            data = self._port.read()
            self._received += data
            *frames, unread = (unread + data).split(bytes([FLAG]))
            for each in frames:
                body = content(each)
                found = None if body is None else answer(body)
                if found is None or found.sequence != self._sequence:
                    continue
                if len(found.words) == words_back or found.status & Status.CLOSED:
                    return found
        return None

    def _open(self, found: Answer) -> bool:
        """True; raises BusError if the accelerator does not know of the session any more."""
        if found.status & Status.CLOSED:
            raise BusError(
                f"the accelerator behind {self._port.name} was reset or configured anew since the port was opened: what its memories hold "
                f"is unknown; open it again, and check the reset button and the supply if nobody did that"
            )
        return True


def _check(found: Answer, doing: str, address: int, count: int) -> None:
    """Raises BusError for an access that the bus refused."""
    if found.response:
        number = f"{count} words" if count != 1 else "a word"
        raise BusError(f"{doing} {number} at {address:#x} was answered with {_RESPONSES[found.response]}")
