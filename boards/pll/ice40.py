"""The iCE40's SB_PLL40.

Limits: iCE40 UltraPlus Family Data Sheet (FPGA-DS-02008), sysCLOCK PLL Timing; with the simple feedback of the iCE40 sysCLOCK PLL
guide (FPGA-TN-02052): f_pfd = f_in / (DIVR + 1), f_vco = f_pfd * (DIVF + 1), f_out = f_vco / 2^DIVQ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from amaranth.hdl import Instance, Module

INPUT_MHZ = (10, 133)
PFD_MHZ = (10, 133)
VCO_MHZ = (533, 1066)
OUTPUT_MHZ = (16, 275)
DIVR, DIVF, DIVQ = range(16), range(128), range(1, 7)
#: Upper ends of the phase detector's ranges for FILTER_RANGE 1, 2 and so on.
FILTER_MHZ = (17, 26, 44, 66, 101, 133)


@dataclass(frozen=True)
class Ice40Pll:
    """Dividers of an SB_PLL40_PAD with simple feedback."""

    input_mhz: Fraction
    divr: int
    divf: int
    divq: int

    @property
    def pfd_mhz(self) -> Fraction:
        """Frequency at the phase detector."""
        return self.input_mhz / (self.divr + 1)

    @property
    def vco_mhz(self) -> Fraction:
        """Frequency of the oscillator."""
        return self.pfd_mhz * (self.divf + 1)

    @property
    def mhz(self) -> Fraction:
        """The clock that comes out."""
        return self.vco_mhz / (1 << self.divq)

    @property
    def filter_range(self) -> int:
        """FILTER_RANGE for the frequency at the phase detector."""
        return next(number for number, top in enumerate(FILTER_MHZ, 1) if self.pfd_mhz < top or top == FILTER_MHZ[-1])

    def to_json(self) -> dict[str, Any]:
        """The cell and its dividers."""
        return {"cell": "SB_PLL40_PAD", "DIVR": self.divr, "DIVF": self.divf, "DIVQ": self.divq, "vco_mhz": float(self.vco_mhz)}

    def add_to(self, m: Module, source: Any, clock: Any, locked: Any) -> None:
        """Adds the cell to a module, as `PllSettings` says; it has the pin's buffer in itself."""
        m.submodules.pll = Instance(
            "SB_PLL40_PAD",
            p_FEEDBACK_PATH="SIMPLE",
            p_PLLOUT_SELECT="GENCLK",
            p_DIVR=self.divr,
            p_DIVF=self.divf,
            p_DIVQ=self.divq,
            p_FILTER_RANGE=self.filter_range,
            i_PACKAGEPIN=source.io,
            i_RESETB=1,
            i_BYPASS=0,
            o_PLLOUTGLOBAL=clock,
            o_LOCK=locked,
        )


def solve(input_mhz: Fraction, mhz: Fraction) -> Ice40Pll | None:
    """The dividers that come nearest to a clock; of those the fastest phase detector."""
    return min(candidates(input_mhz), key=lambda each: (abs(each.mhz - mhz), -each.pfd_mhz, each.divq), default=None)


def candidates(input_mhz: Fraction) -> Iterator[Ice40Pll]:
    """Every setting within the limits."""
    if not INPUT_MHZ[0] <= input_mhz <= INPUT_MHZ[1]:
        return
    for divr in DIVR:
        if not PFD_MHZ[0] <= input_mhz / (divr + 1) <= PFD_MHZ[1]:
            continue
        for divf in DIVF:
            if VCO_MHZ[0] <= input_mhz / (divr + 1) * (divf + 1) <= VCO_MHZ[1]:
                found = (Ice40Pll(input_mhz, divr, divf, divq) for divq in DIVQ)
                yield from (each for each in found if OUTPUT_MHZ[0] <= each.mhz <= OUTPUT_MHZ[1])
