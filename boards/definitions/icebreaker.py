"""iCEBreaker (1BitSquared, https://docs.icebreaker-fpga.org)."""

from __future__ import annotations

from amaranth_boards.icebreaker import ICEBreakerPlatform

from boards.board import Board, Capacity, Flash, Lamps, Programmer
from hwgen.config import NAMED
from hwgen.family import Family

BOARD = Board(
    name="icebreaker",
    title="iCEBreaker",
    family=Family.ICE40,
    part="iCE40UP5K-SG48",
    platform=ICEBreakerPlatform,
    config=NAMED["icebreaker-4x2"],
    clock_mhz=21.0,
    least_mhz=20.0,
    lamps=Lamps(open=("led_g", 0), activity=None, done=("led_r", 0), passed=("led_g", 0), failed=("led_r", 0)),
    capacity=Capacity(lut=5280, ff=5280, dsp=8, block_ram=30, big_ram=4),
    programmer=Programmer("ice40_generic", sram=False),
    flash=Flash(("spi_flash_1x", 0), offset=0x20000),
    options=("--up5k", "--package", "sg48"),
)
