"""`Board`: the one frozen object that describes an FPGA board to the build flow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from boards.macro_sites import Sites
from hwgen.config import AcceleratorConfig
from hwgen.family import Family

#: A resource of the board's platform: its name there and its number.
Resource = tuple[str, int]


@dataclass(frozen=True)
class Capacity:
    """What the device has, in its own units.

    lut:       look-up tables of four inputs (six on 7-series).
    ff:        flip-flops.
    dsp:       multiplier blocks: MULT18X18D, SB_MAC16, MULT9X9, DSP48E1.
    block_ram: memory blocks: DP16KD, SB_RAM40_4K, BSRAM, RAMB36E1.
    big_ram:   larger single-port blocks: SB_SPRAM256KA.
    """

    lut: int
    ff: int
    dsp: int
    block_ram: int
    big_ram: int = 0


@dataclass(frozen=True)
class Lamps:
    """LEDs by what they show; one resource may serve in both tops, and None stands for no LED.

    open, activity, done: of the UART top: a host has begun a session; toggles with every request; a run has ended.
    passed, failed:       of the self-test: it has ended, and every answer was the recorded one, or one was not.
    """

    open: Resource | None
    activity: Resource | None
    done: Resource | None
    passed: Resource
    failed: Resource


@dataclass(frozen=True)
class Programmer:
    """How openFPGALoader reaches the board.

    board:        its name there (`openFPGALoader --list-boards`).
    sram, flash:  whether a bitstream can be put into the configuration memory, and into the flash.
    """

    board: str
    sram: bool = True
    flash: bool = True


@dataclass(frozen=True)
class Flash:
    """The SPI flash that the device configures itself from, where the design can read it afterwards.

    resource: of the platform, with the signals cs, clk, copi and cipo.
    offset:   behind the bitstream, where a build puts the weights of an accelerator that a bitstream cannot fill.
    """

    resource: Resource
    offset: int


@dataclass(frozen=True)
class Board:
    """An FPGA board, and the accelerator that suits it.

    name:       on the command line, and of the file that defines it.
    title:      for people.
    family:     whose cells the accelerator's Verilog holds, and which tools build it.
    part:       the device, as its maker orders it.
    platform:   makes the Amaranth platform that has the pins, a class of amaranth-boards or one like them.
    config:     the accelerator, with the smallest memories: they grow with the network.
    clock_mhz:  of the accelerator, unless another is asked for; the platform's default clock feeds the PLL that makes it.
    least_mhz:  the clock that every network that fits must reach.
    lamps:      LEDs.
    capacity:   of the device.
    programmer: how a bitstream comes onto the board; None where the open tools make none.
    baud:       of the UART top.
    uart:       the platform's resource of the serial line; None where the FPGA has none.
    flash:      the SPI flash; None where designs do not use it.
    held:       outputs that must have a level, as (resource, subsignal) and the level.
    options:    of the place and route program: what selects the device.
    sites:      where the device has its macros, if they are to be placed before all else (`boards.macro_placement`).
    """

    name: str
    title: str
    family: Family
    part: str
    platform: Callable[[], Any]
    config: AcceleratorConfig
    clock_mhz: float
    least_mhz: float
    lamps: Lamps
    capacity: Capacity
    programmer: Programmer | None
    baud: int = 1_000_000
    uart: Resource | None = ("uart", 0)
    flash: Flash | None = None
    held: Mapping[tuple[Resource, str], int] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    sites: Sites = field(default_factory=dict)

    @property
    def buildable(self) -> bool:
        """Whether the open tools go all the way to a bitstream."""
        return self.family in (Family.ECP5, Family.ICE40, Family.GOWIN)
