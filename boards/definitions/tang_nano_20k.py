"""Tang Nano 20K (Sipeed, https://wiki.sipeed.com/hardware/en/tang/tang-nano-20k/nano-20k.html)."""

from __future__ import annotations

from typing import Any

from amaranth.build import Attrs, Clock, Pins, Resource
from amaranth.vendor import GowinPlatform
from amaranth_boards.resources import ButtonResources, LEDResources, SPIFlashResources, UARTResource

from boards.board import Board, Capacity, Lamps, Programmer
from hwgen.config import AcceleratorConfig
from hwgen.family import Family


class TangNano20KPlatform(GowinPlatform):  # type: ignore[misc]
    """Pins as on the schematic (Tang Nano 20K 3921); LiteX-Boards has the same in `sipeed_tang_nano_20k.py`."""

    part = "GW2AR-LV18QN88C8/I7"
    family = "GW2AR-18C"
    default_clk = "clk27"
    resources: Any = [  # noqa: RUF012 (the form that Amaranth reads)
        Resource("clk27", 0, Pins("4", dir="i"), Clock(27e6), Attrs(IO_TYPE="LVCMOS33")),
        # The buttons connect to 3.3 V when pressed.
        *ButtonResources(pins="88 87", attrs=Attrs(IO_TYPE="LVCMOS33", PULL_MODE="DOWN")),
        *LEDResources(pins="15 16 17 18 19 20", invert=True, attrs=Attrs(IO_TYPE="LVCMOS33")),
        # The BL616 makes a USB serial port of it.
        UARTResource(0, rx="70", tx="69", attrs=Attrs(IO_TYPE="LVCMOS33", PULL_MODE="UP")),
        *SPIFlashResources(0, cs_n="60", clk="59", copi="61", cipo="62", attrs=Attrs(IO_TYPE="LVCMOS33")),
    ]
    connectors: Any = []  # noqa: RUF012


BOARD = Board(
    name="tang_nano_20k",
    title="Tang Nano 20K",
    family=Family.GOWIN,
    part=TangNano20KPlatform.part,
    platform=TangNano20KPlatform,
    config=AcceleratorConfig(
        rows=8,
        cols=8,
        lanes=1,
        acc_depth=256,
        act_depth=512,
        weight_depth=512,
        param_depth=512,
        program_depth=512,
        max_layers=32,
        family=Family.GOWIN,
    ),
    clock_mhz=54.0,
    least_mhz=50.0,
    lamps=Lamps(open=("led", 0), activity=("led", 1), done=("led", 2), passed=("led", 4), failed=("led", 5)),
    capacity=Capacity(lut=20736, ff=15552, dsp=96, block_ram=46),
    programmer=Programmer("tangnano20k"),
    options=("--device", TangNano20KPlatform.part, "--vopt", "family=GW2A-18C"),
)
