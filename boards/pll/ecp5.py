"""The ECP5's EHXPLLL.

Limits: ECP5 and ECP5-5G Family Data Sheet (FPGA-DS-02012), sysCLOCK PLL Timing.  Dividers as in Project Trellis' ecppll:
f_pfd = f_in / CLKI_DIV, f_vco = f_pfd * CLKFB_DIV * CLKOP_DIV with the feedback from CLKOP, f_out = f_vco / CLKOS_DIV.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Any

from amaranth.hdl import Instance, Module, Signal

from boards.pll.settings import input_buffer

INPUT_MHZ = (8, 400)
PFD_MHZ = (10, 400)
VCO_MHZ = (400, 800)
#: Of CLKOP, which is the feedback, and CLKOS.
OUTPUT_MHZ = (Fraction(25, 8), 400)
MAX_DIVIDER = 128


@dataclass(frozen=True)
class Ecp5Pll:
    """Dividers of an EHXPLLL whose clock comes out at CLKOS."""

    input_mhz: Fraction
    clki_div: int
    clkfb_div: int
    clkop_div: int
    clkos_div: int

    @property
    def pfd_mhz(self) -> Fraction:
        """Frequency at the phase detector."""
        return self.input_mhz / self.clki_div

    @property
    def vco_mhz(self) -> Fraction:
        """Frequency of the oscillator."""
        return self.pfd_mhz * self.clkfb_div * self.clkop_div

    @property
    def mhz(self) -> Fraction:
        """The clock that comes out."""
        return self.vco_mhz / self.clkos_div

    def to_json(self) -> dict[str, Any]:
        """The cell and its dividers."""
        dividers = {name.upper(): value for name, value in asdict(self).items() if name != "input_mhz"}
        return {"cell": "EHXPLLL", **dividers, "vco_mhz": float(self.vco_mhz)}

    def add_to(self, m: Module, source: Any, clock: Any, locked: Any) -> None:
        """Adds the cell to a module, as `PllSettings` says."""
        feedback = Signal()
        m.submodules.pll = Instance(
            "EHXPLLL",
            # The loop filter as Lattice's tools set it.
            a_ICP_CURRENT="12",
            a_LPF_RESISTOR="8",
            a_MFG_ENABLE_FILTEROPAMP="1",
            a_MFG_GMCREF_SEL="2",
            p_PLLRST_ENA="DISABLED",
            p_INTFB_WAKE="DISABLED",
            p_STDBY_ENABLE="DISABLED",
            p_DPHASE_SOURCE="DISABLED",
            p_OUTDIVIDER_MUXA="DIVA",
            p_OUTDIVIDER_MUXB="DIVB",
            p_CLKI_DIV=self.clki_div,
            p_CLKFB_DIV=self.clkfb_div,
            p_FEEDBK_PATH="CLKOP",
            p_CLKOP_ENABLE="ENABLED",
            p_CLKOP_DIV=self.clkop_div,
            p_CLKOP_CPHASE=self.clkop_div - 1,
            p_CLKOP_FPHASE=0,
            p_CLKOS_ENABLE="ENABLED",
            p_CLKOS_DIV=self.clkos_div,
            p_CLKOS_CPHASE=self.clkos_div - 1,
            p_CLKOS_FPHASE=0,
            i_CLKI=input_buffer(m, source),
            i_CLKFB=feedback,
            i_RST=0,
            i_STDBY=0,
            i_PHASESEL0=0,
            i_PHASESEL1=0,
            i_PHASEDIR=1,
            i_PHASESTEP=1,
            i_PHASELOADREG=1,
            i_PLLWAKESYNC=0,
            i_ENCLKOP=0,
            i_ENCLKOS=0,
            o_CLKOP=feedback,
            o_CLKOS=clock,
            o_LOCK=locked,
        )


def solve(input_mhz: Fraction, mhz: Fraction) -> Ecp5Pll | None:
    """The dividers that come nearest to a clock; of those the fastest phase detector, then the oscillator nearest to mid-range."""
    middle = Fraction(sum(VCO_MHZ), 2)
    return min(
        candidates(input_mhz, mhz),
        key=lambda each: (abs(each.mhz - mhz), -each.pfd_mhz, abs(each.vco_mhz - middle), each.clkop_div),
        default=None,
    )


def candidates(input_mhz: Fraction, mhz: Fraction) -> Iterator[Ecp5Pll]:
    """Every setting within the limits whose output divider is one of the two nearest to the clock."""
    if not INPUT_MHZ[0] <= input_mhz <= INPUT_MHZ[1]:
        return
    for clki_div in range(max(1, ceil(input_mhz / PFD_MHZ[1])), min(MAX_DIVIDER, floor(input_mhz / PFD_MHZ[0])) + 1):
        pfd = input_mhz / clki_div
        for clkfb_div in range(1, min(MAX_DIVIDER, floor(OUTPUT_MHZ[1] / pfd)) + 1):
            feedback = pfd * clkfb_div
            for clkop_div in range(ceil(VCO_MHZ[0] / feedback), min(MAX_DIVIDER, floor(VCO_MHZ[1] / feedback)) + 1):
                vco = feedback * clkop_div
                for clkos_div in {floor(vco / mhz), floor(vco / mhz) + 1}:
                    if 1 <= clkos_div <= MAX_DIVIDER and OUTPUT_MHZ[0] <= vco / clkos_div <= OUTPUT_MHZ[1]:
                        yield Ecp5Pll(input_mhz, clki_div, clkfb_div, clkop_div, clkos_div)
