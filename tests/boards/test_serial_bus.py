"""The serial bus against a small board of Python's behind a pseudo-terminal: lost, damaged and doubled frames, and what it says when nobody
answers.  The gateware is not here: `test_simulated_board` has it."""

from __future__ import annotations

import fcntl
import os
import select
import threading
import tty
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boards.host import BusError, DeviceError, SerialBus
from boards.host.serial_frame import answer, content, frame, request
from golden.errors import InputError
from hwgen.uart_link import MAX_WORDS, Op, Status, identification

PATIENCE_S = 0.1

Fault = Callable[[bytes], bytes]


class Board:
    """Answers requests as hwgen/SPEC.md section 12 says, from a memory of words.

    to_host: what becomes of an answer; to_board: of what arrives.  accesses: (address, words) of the writes.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.to_host: Fault = lambda data: data
        self.to_board: Fault = lambda data: data
        self.hello = identification(12)
        self.memory: dict[int, int] = {}
        self.accesses: list[tuple[int, tuple[int, ...]]] = []
        self.open, self.irq, self.last, self.response = False, False, -1, 0
        self._unread = b""

    def arrived(self, data: bytes) -> None:
        *frames, self._unread = (self._unread + self.to_board(data)).split(b"\x7e")
        for each in frames:
            body = content(each)
            if body is not None and len(body) >= 6 and (made := self.answer(body)):
                os.write(self.descriptor, self.to_host(frame(made)))

    def answer(self, body: bytes) -> bytes:
        sequence, word, count = body[0], int.from_bytes(body[1:5], "little"), body[5]
        op, address = Op(word >> 30), (word & 0x3FFFFFF) << 2
        status, words = Status.ANSWER, []
        if op is not Op.HELLO and not self.open:
            status |= Status.CLOSED
        elif op is Op.WRITE and sequence == self.last:
            status |= Status.REPEATED
        else:
            self.last, self.response = sequence, 0
            if op is Op.HELLO:
                self.open, words = True, [self.hello]
            elif op is Op.WRITE:
                given = tuple(np.frombuffer(body[6:], "<u4").tolist())
                assert len(given) == count
                self.accesses.append((address, given))
                self.memory |= {address + 4 * i: each for i, each in enumerate(given)}
                self.response = 2 if address >= 0xC000000 else 0
            elif op is Op.READ:
                words = [self.memory.get(address + 4 * i, 0) for i in range(count)]
                self.response = 3 if address >= 0xC000000 else 0
            elif not self.irq:
                return b""
        if self.irq:
            status |= Status.IRQ
        return bytes([sequence]) + np.array(words, "<u4").tobytes() + bytes([status | self.response])


@contextmanager
def plugged_in(behave: Callable[[int], Callable[[bytes], None]]) -> Iterator[str]:
    """A port; what arrives goes to the function that `behave` makes of the other end's descriptor."""
    ours, theirs = os.openpty()
    tty.setraw(ours)
    tty.setraw(theirs)
    stop, stopped = os.pipe()
    take = behave(ours)

    def carry() -> None:
        while stop not in (ready := select.select([ours, stop], [], [])[0]):
            assert ours in ready
            take(os.read(ours, 4096))

    thread = threading.Thread(target=carry, daemon=True)
    thread.start()
    try:
        yield os.ttyname(theirs)
    finally:
        os.write(stopped, b"x")
        thread.join()
        for each in (ours, theirs, stop, stopped):
            os.close(each)


@pytest.fixture
def port() -> Iterator[tuple[str, Board]]:
    boards: list[Board] = []

    def behave(descriptor: int) -> Callable[[bytes], None]:
        boards.append(Board(descriptor))
        return boards[0].arrived

    with plugged_in(behave) as name:
        yield name, boards[0]


def opened(name: str, attempts: int = 6) -> SerialBus:
    return SerialBus(name, answer_s=PATIENCE_S, attempts=attempts)


# --- frames ---------------------------------------------------------------------------------------


@given(st.binary(max_size=40))
def test_a_frame_there_and_back(data: bytes) -> None:
    made = frame(data)
    assert made[0] == made[-1] == 0x7E
    assert 0x7E not in made[1:-1]
    assert content(made[1:-1]) == (data or None), "a frame of nothing is none"


@given(st.binary(min_size=1, max_size=20), st.data())
def test_a_changed_frame_is_none(data: bytes, choose: st.DataObject) -> None:
    inside = frame(data)[1:-1]
    place = choose.draw(st.integers(0, len(inside) - 1))
    changed = inside[:place] + bytes([inside[place] ^ choose.draw(st.integers(1, 255))]) + inside[place + 1 :]
    assert all(content(piece) != data for piece in (changed, inside[:place], inside[:place] + inside[place + 1 :]))


def test_frames_to_the_byte() -> None:
    """The layout of the specification; CRC-32's published check value for what all codes are checked with."""
    assert frame(b"123456789") == b"\x7e123456789" + bytes.fromhex("2639f4cb") + b"\x7e"
    body = bytes.fromhex("7d 45230182 01".replace("82", "80"))
    assert request(0x7D, Op.READ, 0x012345 << 2, 1) == b"\x7e\x7d\x5d" + body[1:] + zlib.crc32(body).to_bytes(4, "little") + b"\x7e"
    found = answer(bytes.fromhex("07 78563412 96"))
    assert found is not None
    assert (found.sequence, found.words.tolist(), found.response, found.status) == (
        7,
        [0x12345678],
        2,
        Status.ANSWER | Status.CLOSED | Status.IRQ,
    )
    assert [answer(bytes.fromhex(text)) for text in ("80", "01 02 80", "01 02030405 06")] == [None] * 3


# --- accesses -------------------------------------------------------------------------------------


def test_words_in_bursts(port: tuple[str, Board]) -> None:
    name, board = port
    with opened(name) as bus:
        assert bus.clock_hz == 12e6
        words = np.arange(300, dtype=np.uint32) * 0x7E7D01
        bus.write_block(0x2000000, words)
        assert [(address, len(given)) for address, given in board.accesses] == [
            (0x2000000, MAX_WORDS),
            (0x2000000 + 4 * MAX_WORDS, MAX_WORDS),
            (0x2000000 + 8 * MAX_WORDS, 300 - 2 * MAX_WORDS),
        ]
        found = bus.read_block(0x2000000, 300)
        assert found.dtype == np.uint32
        assert np.array_equal(found, words)
        bus.write(0x18, 5)
        assert bus.read(0x18) == 5
        assert bus.read_block(0, 0).shape == (0,)
        assert bus.repeated == 0


def test_what_the_bus_refuses(port: tuple[str, Board]) -> None:
    with opened(port[0]) as bus:
        with pytest.raises(BusError, match="writing a word at 0xc000000 was answered with SLVERR"):
            bus.write(0xC000000, 1)
        with pytest.raises(BusError, match="reading 3 words at 0xc000000 was answered with DECERR"):
            bus.read_block(0xC000000, 3)


def test_the_interrupt(port: tuple[str, Board]) -> None:
    name, board = port
    with opened(name) as bus:
        assert bus.wait_interrupt(0.0) is False
        assert bus.wait_interrupt(0.15) is False
        board.irq = True
        assert bus.wait_interrupt(0.0) is True
        assert bus.wait_interrupt(5.0) is True


# --- what goes wrong on the way -------------------------------------------------------------------


def spoiling(*changes: Fault) -> Fault:
    """Changes what passes in turn, then nothing."""
    left = list(changes)
    return lambda data: left.pop(0)(data) if left else data


FAULTS: dict[str, Fault] = {
    "lost": lambda data: b"",
    "truncated": lambda data: data[:-3],
    "without its beginning": lambda data: data[4:],
    "a bit": lambda data: data[:5] + bytes([data[5] ^ 0x10]) + data[6:],
    "a byte too many": lambda data: data[:5] + b"\x00" + data[5:],
    "doubled": lambda data: data + data,
    "noise before": lambda data: b"\x00\xff\x7d" + data,
    "another's answer": lambda data: frame(b"\xee\x80") + data,
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("direction", ["to_board", "to_host"])
def test_a_spoiled_frame_is_sent_again_and_written_once(port: tuple[str, Board], direction: str, fault: str) -> None:
    name, board = port
    with opened(name) as bus:
        setattr(board, direction, spoiling(FAULTS[fault]))
        bus.write_block(0x40, np.array([1, 2, 3], np.uint32))
        setattr(board, direction, spoiling(FAULTS[fault]))
        assert bus.read_block(0x40, 3).tolist() == [1, 2, 3]
        assert board.accesses == [(0x40, (1, 2, 3))]
        assert bus.repeated == (0 if fault in ("doubled", "noise before", "another's answer") else 2)
        bus.write(0x44, 9)
        assert [bus.read_block(0x40, 3).tolist(), board.accesses[1:]] == [[1, 9, 3], [(0x44, (9,))]]


def test_it_gives_up_after_so_many_attempts(port: tuple[str, Board]) -> None:
    name, board = port
    with opened(name, attempts=3) as bus:
        board.to_host = spoiling(*[FAULTS["lost"]] * 2)
        bus.write(0x40, 1)
        assert bus.repeated == 2
        board.to_host = lambda data: b"\x55" * 7
        with pytest.raises(BusError, match=r"nothing answers on /dev/.* at 1000000 baud; the request was sent 3 times") as caught:
            bus.write(0x40, 2)
        assert "21 bytes arrived that are no answer: check the baud rate first" in caught.value.problems[0]
        assert board.accesses == [(0x40, (1,)), (0x40, (2,))]


def test_a_reset_in_mid_session_is_noticed(port: tuple[str, Board]) -> None:
    name, board = port
    with opened(name) as bus:
        board.open = False
        with pytest.raises(BusError, match="was reset or configured anew since the port was opened"):
            bus.read_block(0x40, 3)
        with pytest.raises(BusError, match="what its memories hold is unknown"):
            bus.wait_interrupt(1.0)


def test_a_link_of_another_version(port: tuple[str, Board]) -> None:
    name, board = port
    board.hello += 1
    with pytest.raises(DeviceError, match=r"the serial link on .* has version 2, and this driver is for 1"):
        opened(name)


# --- ports ----------------------------------------------------------------------------------------


def test_no_such_port() -> None:
    with pytest.raises(InputError, match="there is no port /dev/ttyNONE; there "):
        SerialBus("/dev/ttyNONE")


def test_no_serial_port(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path):
        with pytest.raises(InputError, match="is no serial port"):
            SerialBus(str(path))


def test_rates_and_limits_that_cannot_be(port: tuple[str, Board]) -> None:
    with pytest.raises(InputError, match=r"cannot have -5 baud"):
        SerialBus(port[0], baud=-5)
    with pytest.raises(InputError, match="answer_s must be above 0 and attempts at least 1, not 0 and 6"):
        SerialBus(port[0], answer_s=0)


def test_a_port_that_another_program_holds(port: tuple[str, Board]) -> None:
    with Path(port[0]).open("rb+", buffering=0) as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(BusError, match="is held by another program"):
            opened(port[0])
    with opened(port[0]):
        pass


def test_a_silent_port_says_what_to_check() -> None:
    with plugged_in(lambda descriptor: lambda data: None) as name, pytest.raises(BusError) as caught:
        SerialBus(name, baud=115200, answer_s=0.01, attempts=2)
    assert caught.value.message.endswith("at 115200 baud; the request was sent 2 times")
    assert caught.value.problems[0] == "not a byte arrived"
    text = " ".join(caught.value.problems)
    assert all(word in text for word in ("UART", "powered", "bitstream", "baud rate", "cable", "other program"))


def test_an_echo_is_no_answer() -> None:
    with plugged_in(lambda descriptor: lambda data: os.write(descriptor, data) and None) as name:
        with pytest.raises(BusError) as caught:
            SerialBus(name, answer_s=0.05, attempts=2)
        assert "all that arrives is what was sent" in caught.value.problems[0]


def test_the_board_is_unplugged() -> None:
    with ExitStack() as plug:
        bus = opened(plug.enter_context(plugged_in(lambda descriptor: Board(descriptor).arrived)))
    with bus, pytest.raises(BusError, match="does not work any more") as caught:
        bus.read(0)
    assert "plugged in" in caught.value.problems[0]
