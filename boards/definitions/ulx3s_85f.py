"""ULX3S with the largest ECP5 (Radiona, https://github.com/emard/ulx3s)."""

from __future__ import annotations

from amaranth_boards.ulx3s import ULX3S_85F_Platform

from boards.board import Board, Capacity, Lamps, Programmer
from hwgen.config import AcceleratorConfig
from hwgen.family import Family

BOARD = Board(
    name="ulx3s_85f",
    title="ULX3S 85F",
    family=Family.ECP5,
    part="LFE5U-85F-6BG381C",
    platform=ULX3S_85F_Platform,
    config=AcceleratorConfig(
        rows=16,
        cols=8,
        lanes=4,
        weight_rows_per_cycle=4,
        acc_depth=512,
        act_depth=512,
        weight_depth=512,
        param_depth=512,
        program_depth=512,
        max_layers=64,
        family=Family.ECP5,
    ),
    clock_mhz=80.0,
    least_mhz=80.0,
    lamps=Lamps(open=("led", 0), activity=("led", 1), done=("led", 2), passed=("led", 6), failed=("led", 7)),
    # The 85k device as nextpnr counts it: 4 look-up tables, half of them also LUT RAM, and flip-flops for each of 20,910 slices' pairs.
    capacity=Capacity(lut=83640, ff=83640, dsp=156, block_ram=208),
    programmer=Programmer("ulx3s"),
    # The ESP32 beside the FPGA starts its boot loader, and may reset the board, while its GPIO0 is low.
    held={(("esp32", 0), "gpio0"): 1},
    options=("--85k", "--package", "CABGA381", "--speed", "6"),
)
