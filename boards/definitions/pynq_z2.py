"""PYNQ-Z2 (TUL, https://www.tulembedded.com/FPGA/ProductsPYNQ-Z2.html)."""

from __future__ import annotations

from typing import Any

from amaranth.build import Attrs, Clock, Connector, Pins, Resource
from amaranth.vendor import XilinxPlatform
from amaranth_boards.resources import ButtonResources, LEDResources, RGBLEDResource, SwitchResources

from boards.board import Board, Capacity, Lamps
from boards.seven_series import ACCELERATOR
from hwgen.family import Family


class PynqZ2Platform(XilinxPlatform):  # type: ignore[misc]
    """The programmable logic's pins as in the board's master constraints; LiteX-Boards has the same in `tul_pynq_z2.py`."""

    device = "xc7z020"
    package = "clg400"
    speed = "1"
    default_clk = "clk125"
    resources: Any = [  # noqa: RUF012 (the form that Amaranth reads)
        Resource("clk125", 0, Pins("H16", dir="i"), Clock(125e6), Attrs(IOSTANDARD="LVCMOS33")),
        *LEDResources(pins="R14 P14 N16 M14", attrs=Attrs(IOSTANDARD="LVCMOS33")),
        RGBLEDResource(0, r="N15", g="G17", b="L15", attrs=Attrs(IOSTANDARD="LVCMOS33")),
        RGBLEDResource(1, r="M15", g="L14", b="G14", attrs=Attrs(IOSTANDARD="LVCMOS33")),
        *ButtonResources(pins="D19 D20 L20 L19", attrs=Attrs(IOSTANDARD="LVCMOS33")),
        *SwitchResources(pins="M20 M19", attrs=Attrs(IOSTANDARD="LVCMOS33")),
    ]
    connectors: Any = [  # noqa: RUF012
        Connector("pmod", 0, "Y18 Y19 Y16 Y17 - - U18 U19 W18 W19 - -"),
        Connector("pmod", 1, "W14 Y14 T11 T10 - - V16 W16 V12 W13 - -"),
    ]


BOARD = Board(
    name="pynq_z2",
    title="PYNQ-Z2",
    family=Family.XILINX7,
    part="xc7z020clg400-1",
    platform=PynqZ2Platform,
    config=ACCELERATOR,
    clock_mhz=100.0,
    least_mhz=100.0,
    lamps=Lamps(open=("led", 0), activity=("led", 1), done=("led", 2), passed=("led", 2), failed=("led", 3)),
    capacity=Capacity(lut=53200, ff=106400, dsp=220, block_ram=140),
    programmer=None,
    uart=None,  # the serial line is the processor's
)
