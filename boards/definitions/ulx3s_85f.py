"""ULX3S with the largest ECP5 (Radiona, https://github.com/emard/ulx3s)."""

from __future__ import annotations

from dataclasses import replace

from amaranth_boards.ulx3s import ULX3S_85F_Platform

from boards.board import Board, Capacity, Lamps, Programmer
from boards.macro_sites import LFE5U_85F
from hwgen.config import NAMED
from hwgen.family import Family

BOARD = Board(
    name="ulx3s_85f",
    title="ULX3S 85F",
    family=Family.ECP5,
    part="LFE5U-85F-6BG381C",
    platform=ULX3S_85F_Platform,
    config=replace(NAMED["ulx3s-16x8"], family=Family.ECP5),
    clock_mhz=80.0,
    least_mhz=80.0,
    lamps=Lamps(open=("led", 0), activity=("led", 1), done=("led", 2), passed=("led", 6), failed=("led", 7)),
    # As nextpnr counts them: TRELLIS_COMB, TRELLIS_FF, MULT18X18D, DP16KD.
    capacity=Capacity(lut=83640, ff=83640, dsp=156, block_ram=208),
    programmer=Programmer("ulx3s"),
    # The ESP32 beside the FPGA starts its boot loader, and may reset the board, while its GPIO0 is low.
    held={(("esp32", 0), "gpio0"): 1},
    options=("--85k", "--package", "CABGA381", "--speed", "6"),
    sites=LFE5U_85F,
)
