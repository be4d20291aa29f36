"""Families of FPGAs, by the blocks that they multiply and remember with (SPEC section 1)."""

from __future__ import annotations

import enum


class Family(enum.Enum):
    """What the emitted Verilog is made for: it holds the multiplier cells of that family, with their registers on.

    `PORTABLE` holds none and leaves the choice to synthesis.  All families compute the same in the same cycles.
    """

    PORTABLE = "portable"
    ECP5 = "ecp5"
    ICE40 = "ice40"
    GOWIN = "gowin"
    XILINX7 = "xilinx7"
