"""Reading the tap."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from golden.errors import ToolFailedError
from sim.tap import TapLog, last_run, parse_tap, read_tap


def line(run: int, layer: int, address: int, offset: int, data: list[int]) -> str:
    """A line as the hardware writes it: lane 0 last."""
    return f"{run:08x} {layer:02x} {address:06x} {offset:02x} {''.join(f'{byte & 0xFF:02x}' for byte in reversed(data))}\n"


def parse(text: str, lanes: int) -> TapLog:
    return parse_tap(np.frombuffer(text.encode(), np.uint8), lanes)


def test_fields_and_lane_order() -> None:
    log = parse(line(0, 1, 0x2A, 4, [1, -1, -128, 127]) + line(0xDEADBEEF, 255, 0xFFFFFF, 252, [0, 16, -16, 5]), 4)
    assert log.run.tolist() == [0, 0xDEADBEEF]
    assert log.layer.tolist() == [1, 255]
    assert log.address.tolist() == [0x2A, 0xFFFFFF]
    assert log.offset.tolist() == [4, 252]
    assert log.data.dtype == np.int8
    assert log.data.tolist() == [[1, -1, -128, 127], [0, 16, -16, 5]]
    assert not log.unknown.any()
    assert len(log) == 2


def test_upper_case_digits() -> None:
    assert parse("0000000A 0B 00000C 0D FE\n", 1).data.tolist() == [[-2]]


def test_empty() -> None:
    log = parse("", 3)
    assert len(log) == 0
    assert log.data.shape == (0, 3)


def test_unknown_digits_are_seen_digit_by_digit() -> None:
    log = parse("00000000 01 000002 04 xx7fX1z00a\n" + "0000000x 0x xxxxxx 0z 0102030405\n", 5)
    assert log.unknown.tolist() == [[False, True, True, False, True], [False] * 5]
    assert log.data[0].tolist() == [10, 0, 0, 127, 0]
    assert (log.run[1], log.layer[1], log.address[1], log.offset[1]) == (-1, -1, -1, -1)
    assert log.run[0] == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (line(0, 0, 0, 0, [1, 2]) + "0000", "line 2: cut off"),
        (line(0, 0, 0, 0, [1, 2, 3]), "cut off"),
        (line(0, 0, 0, 0, [1, 2]).replace(" ", "_"), "not a line of the tap"),
        (line(0, 0, 0, 0, [1, 2]) + line(0, 0, 0, 0, [1, 2]).replace("0", "g", 1), "line 2: not a line of the tap: 'g"),
        (line(0, 0, 0, 0, [1, 2]).replace("\n", "0"), "not a line of the tap"),
        ("0" * 8 + "1" + line(0, 0, 0, 0, [1, 2])[9:], "not a line of the tap"),
    ],
)
def test_damaged(text: str, message: str) -> None:
    with pytest.raises(ToolFailedError, match=message):
        parse(text, 2)


def test_a_log_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ToolFailedError, match="no log of its activation writes"):
        read_tap(tmp_path / "tap.txt", 2)


def test_last_run(tmp_path: Path) -> None:
    path = tmp_path / "tap.txt"
    assert last_run(path, 2) == -1
    path.write_text("")
    assert last_run(path, 2) == -1
    path.write_text(line(3, 0, 0, 0, [1, 2]) + line(7, 0, 0, 0, [1, 2]) + "000000")
    assert last_run(path, 2) == 7


def test_fast_enough() -> None:
    """The writes of 360 images of the digits network: a quarter of a million lines in well under a second."""
    count, lanes = 360 * 700, 4
    rng = np.random.default_rng(1)
    data = rng.integers(0, 256, (count, lanes), dtype=np.uint8)
    digits = np.frombuffer(data[:, ::-1].tobytes().hex().encode(), np.uint8).reshape(count, 2 * lanes)
    head = np.frombuffer(b"00000000 00 000000 00 ", np.uint8)
    text = np.hstack([np.tile(head, (count, 1)), digits, np.full((count, 1), ord("\n"), np.uint8)]).reshape(-1)
    started = time.process_time()
    log = parse_tap(text, lanes)
    assert time.process_time() - started < 0.8
    assert np.array_equal(log.data.view(np.uint8), data)
