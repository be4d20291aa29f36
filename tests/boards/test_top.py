"""The tops: pins, clock and reset around the emitted modules, as the platforms prepare them."""

from __future__ import annotations

import re

import pytest

from boards.definitions import BOARDS
from boards.pll import solve
from boards.top import Top, TopSources, top_sources
from golden.errors import InputError

BUILDABLE = [board.name for board in BOARDS.values() if board.buildable]


def sources(name: str, top: Top, mhz: float | None = None, *, flash: bool = False) -> TopSources:
    board = BOARDS[name]
    pll = solve(board.family, board.platform().default_clk_frequency / 1e6, mhz or board.clock_mhz)
    return top_sources(board, pll, top, flash=flash)


def cells(rtlil: str) -> list[str]:
    return re.findall(r"^\s*cell \\(\S+) ", rtlil, re.MULTILINE)


#: Every top, and those of boards with a flash that designs read with it.
TOPS = [
    *((name, top, False) for name in BUILDABLE for top in (Top.UART, Top.SELFTEST)),
    *((name, top, True) for name in BUILDABLE if BOARDS[name].flash for top in (Top.FLASH, Top.SELFTEST)),
]


@pytest.mark.parametrize(("name", "top", "flash"), TOPS)
def test_a_top_has_the_emitted_module_the_pll_and_the_pins(name: str, top: Top, flash: bool) -> None:
    made = sources(name, top, flash=flash)
    found = cells(made.rtlil)
    assert ("weft_uart" if top.serial else "weft_selftest") in found
    assert {"ulx3s_85f": "EHXPLLL", "icebreaker": "SB_PLL40_PAD", "tang_nano_20k": "rPLL"}[name] in found
    pins = set(re.findall(r'(?:COMP "|set_io |IO_LOC ")(\w+?)_0?__?io|(led_\w*\d)__io', made.constraints))
    assert ("uart" in made.constraints) == top.serial
    assert ("flash" in made.constraints) == flash
    assert pins
    assert "/" not in made.rtlil.replace("//", "")  # no path of this machine


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("ulx3s_85f", ['LOCATE COMP "uart_0__rx__io" SITE "M1";', 'LOCATE COMP "esp32_0__gpio0__io" SITE "L2";', "25000000.0 HZ"]),
        ("icebreaker", ["set_io uart_0__rx__io 6", "set_io uart_0__tx__io 9", "set_io led_g_0__io 37", "set_frequency clk12_0__io 12.0"]),
        ("tang_nano_20k", ['IO_LOC "uart_0__rx__io" 70;', 'IO_LOC "uart_0__tx__io" 69;', 'IO_LOC "clk27_0__io" 4;']),
    ],
)
def test_pins_of_the_uart_top(name: str, lines: list[str]) -> None:
    constraints = sources(name, Top.UART).constraints
    assert [line for line in lines if line not in constraints] == []


def test_a_clock_that_is_the_boards_needs_no_pll() -> None:
    assert not {"SB_PLL40_PAD", "SB_PLL40_CORE"} & set(cells(sources("icebreaker", Top.UART, 12.0).rtlil))


def test_a_board_without_a_serial_line_has_no_uart_top() -> None:
    board = BOARDS["pynq_z2"]
    with pytest.raises(InputError, match="PYNQ-Z2 has no serial line of its own"):
        top_sources(board, solve(board.family, 125.0, 125.0), Top.UART)


def test_pins_of_the_flash_top() -> None:
    """As on the board's schematic; its write protection and hold are driven, to be inactive."""
    constraints = sources("icebreaker", Top.FLASH, flash=True).constraints
    pins = {"cs": 16, "clk": 15, "copi": 14, "cipo": 17, "wp": 12, "hold": 13}
    for signal, pin in pins.items():
        assert f"set_io spi_flash_1x_0__{signal}__io {pin}\n" in constraints, signal
