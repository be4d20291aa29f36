"""The boards: what they name is on their platforms, and their clocks, baud rates and accelerators are possible."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import boards.definitions
from boards.board import Board
from boards.definitions import BOARDS, find_board
from boards.pll import solve
from boards.top import Top, top_sources
from golden.errors import InputError
from hwgen.uart_link import divisor

MEGA = 1e6
ROOT = Path(__file__).resolve().parents[2]
each_board = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)


def test_every_file_defines_a_board_of_its_name() -> None:
    files = {path.stem for path in Path(boards.definitions.__path__[0]).glob("*.py")} - {"__init__"}
    assert files == set(BOARDS)
    assert all(name == board.name for name, board in BOARDS.items())


@each_board
def test_what_a_board_names_is_on_its_platform(board: Board) -> None:
    platform = board.platform()
    lamps = board.lamps
    resources = [lamps.open, lamps.activity, lamps.done, lamps.passed, lamps.failed, board.uart, *(where for where, _ in board.held)]
    for resource in resources:
        if resource is not None:
            platform.lookup(*resource)
    assert lamps.passed != lamps.failed
    if board.uart is not None:
        assert {each.name for each in platform.lookup(*board.uart).ios} >= {"rx", "tx"}
    for (resource, subsignal), level in board.held.items():
        assert subsignal in {each.name for each in platform.lookup(*resource).ios}
        assert level in (0, 1)


@each_board
def test_the_clock_and_the_baud_rate_are_possible(board: Board) -> None:
    assert board.least_mhz <= board.clock_mhz
    if board.buildable:
        clock = solve(board.family, board.platform().default_clk_frequency / MEGA, board.clock_mhz)
        assert float(clock.mhz) >= board.least_mhz
        assert divisor(float(clock.mhz) * MEGA, board.baud) >= 8


@each_board
def test_the_accelerator_is_of_the_boards_family(board: Board) -> None:
    assert board.config.family is board.family
    assert board.config.rows * board.config.cols <= 8 * board.capacity.dsp


def test_boards_that_the_open_tools_build() -> None:
    assert [board.name for board in BOARDS.values() if board.buildable] == ["ulx3s_85f", "icebreaker", "tang_nano_20k"]
    assert all((board.programmer is not None) == board.buildable for board in BOARDS.values())


@pytest.mark.parametrize(
    ("name", "near"), [("ulx3s", "ulx3s_85f"), ("ULX3S-85F", "ulx3s_85f"), ("ice-breaker", "icebreaker"), ("pynq z2", "pynq_z2")]
)
def test_an_unknown_board_lists_them_and_suggests_one(name: str, near: str) -> None:
    with pytest.raises(InputError, match=f"there is no board '{name}'; did you mean {near}") as error:
        find_board(name)
    assert len(error.value.problems) == len(BOARDS)
    assert "icebreaker: iCEBreaker, iCE40UP5K-SG48" in error.value.problems


def test_nothing_is_suggested_for_a_name_like_none() -> None:
    with pytest.raises(InputError, match="there is no board 'zzz'") as error:
        find_board("zzz")
    assert "did you mean" not in error.value.message


def test_the_board_that_the_document_adds() -> None:
    text = (ROOT / "docs" / "adding_a_board.md").read_text(encoding="utf-8")
    namespace: dict[str, Any] = {}
    exec("\n".join(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)), namespace)
    board = namespace["BOARD"]
    test_what_a_board_names_is_on_its_platform(board)
    test_the_clock_and_the_baud_rate_are_possible(board)
    test_the_accelerator_is_of_the_boards_family(board)
    clock = solve(board.family, board.platform().default_clk_frequency / MEGA, board.clock_mhz)
    made = top_sources(board, clock, Top.UART)
    assert 'LOCATE COMP "uart_0__rx__io" SITE "N17";' in made.constraints


def test_the_table_of_the_document_has_every_board() -> None:
    text = (ROOT / "docs" / "boards.md").read_text(encoding="utf-8")
    for board in BOARDS.values():
        (row,) = (line for line in text.splitlines() if f"`{board.name}`" in line and line.count("|") == 7)
        config = board.config
        assert f"{config.rows} x {config.cols}" in row
        assert f"| {board.clock_mhz:g} |" in row
