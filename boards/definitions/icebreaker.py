"""iCEBreaker (1BitSquared, https://docs.icebreaker-fpga.org)."""

from __future__ import annotations

from amaranth_boards.icebreaker import ICEBreakerPlatform

from boards.board import Board, Capacity, Lamps, Programmer
from hwgen.config import AcceleratorConfig
from hwgen.family import Family

BOARD = Board(
    name="icebreaker",
    title="iCEBreaker",
    family=Family.ICE40,
    part="iCE40UP5K-SG48",
    platform=ICEBreakerPlatform,
    config=AcceleratorConfig(
        rows=4,
        cols=2,
        lanes=1,
        acc_depth=64,
        act_depth=512,
        weight_depth=512,
        param_depth=64,
        program_depth=256,
        max_layers=8,
        depthwise_rows=0,
        dense_input=False,
        family=Family.ICE40,
    ),
    clock_mhz=24.0,
    least_mhz=20.0,
    lamps=Lamps(open=("led_g", 0), activity=None, done=("led_r", 0), passed=("led_g", 0), failed=("led_r", 0)),
    capacity=Capacity(lut=5280, ff=5280, dsp=8, block_ram=30, big_ram=4),
    programmer=Programmer("ice40_generic", sram=False),
    options=("--up5k", "--package", "sg48"),
)
