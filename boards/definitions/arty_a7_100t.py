"""Arty A7-100T (Digilent, https://digilent.com/reference/programmable-logic/arty-a7)."""

from __future__ import annotations

from amaranth_boards.arty_a7 import ArtyA7_100Platform

from boards.board import Board, Capacity, Lamps
from boards.seven_series import ACCELERATOR
from hwgen.family import Family

BOARD = Board(
    name="arty_a7_100t",
    title="Arty A7-100T",
    family=Family.XILINX7,
    part="xc7a100tcsg324-1",  # the 35T has the -1L of the industrial range, which amaranth-boards says of both
    platform=ArtyA7_100Platform,
    config=ACCELERATOR,
    clock_mhz=100.0,
    least_mhz=100.0,
    lamps=Lamps(open=("led", 0), activity=("led", 1), done=("led", 2), passed=("led", 2), failed=("led", 3)),
    capacity=Capacity(lut=63400, ff=126800, dsp=240, block_ram=135),
    programmer=None,
)
