"""The rPLL of Gowin's GW2A and GW2AR.

Limits: GW2AR series of FPGA Products Data Sheet (DS226E), PLL parameters, speed grade C8/I7; dividers as in the Gowin Clock User
Guide (UG286): f_pfd = f_in / (IDIV_SEL + 1), f_out = f_pfd * (FBDIV_SEL + 1), f_vco = f_out * ODIV_SEL.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from amaranth.hdl import Const, Instance, Module

from boards.pll.settings import input_buffer

INPUT_MHZ = (3, 500)
PFD_MHZ = (3, 500)
VCO_MHZ = (500, 1250)
OUTPUT_MHZ = (Fraction(125, 32), 625)
IDIV, FBDIV, ODIV = range(64), range(64), (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128)
DEVICE = "GW2AR-18C"


@dataclass(frozen=True)
class GowinPll:
    """Dividers of an rPLL."""

    input_mhz: Fraction
    idiv_sel: int
    fbdiv_sel: int
    odiv_sel: int

    @property
    def pfd_mhz(self) -> Fraction:
        """Frequency at the phase detector."""
        return self.input_mhz / (self.idiv_sel + 1)

    @property
    def mhz(self) -> Fraction:
        """The clock that comes out."""
        return self.pfd_mhz * (self.fbdiv_sel + 1)

    @property
    def vco_mhz(self) -> Fraction:
        """Frequency of the oscillator."""
        return self.mhz * self.odiv_sel

    def to_json(self) -> dict[str, Any]:
        """The cell and its dividers."""
        dividers = {"IDIV_SEL": self.idiv_sel, "FBDIV_SEL": self.fbdiv_sel, "ODIV_SEL": self.odiv_sel}
        return {"cell": "rPLL", **dividers, "vco_mhz": float(self.vco_mhz)}

    def add_to(self, m: Module, source: Any, clock: Any, locked: Any) -> None:
        """Adds the cell to a module, as `PllSettings` says."""
        six, four = Const(0, 6), Const(0, 4)
        m.submodules.pll = Instance(
            "rPLL",
            p_FCLKIN=f"{float(self.input_mhz):g}",
            p_DEVICE=DEVICE,
            p_IDIV_SEL=self.idiv_sel,
            p_FBDIV_SEL=self.fbdiv_sel,
            p_ODIV_SEL=self.odiv_sel,
            p_DYN_IDIV_SEL="false",
            p_DYN_FBDIV_SEL="false",
            p_DYN_ODIV_SEL="false",
            p_DYN_DA_EN="false",
            p_PSDA_SEL="0000",
            p_DUTYDA_SEL="1000",
            p_CLKFB_SEL="internal",
            p_CLKOUT_BYPASS="false",
            p_CLKOUTP_BYPASS="false",
            p_CLKOUTD_BYPASS="false",
            p_DYN_SDIV_SEL=2,
            i_CLKIN=input_buffer(m, source),
            i_CLKFB=0,
            i_RESET=0,
            i_RESET_P=0,
            i_FBDSEL=six,
            i_IDSEL=six,
            i_ODSEL=six,
            i_PSDA=four,
            i_DUTYDA=four,
            i_FDLY=four,
            o_CLKOUT=clock,
            o_LOCK=locked,
        )


def solve(input_mhz: Fraction, mhz: Fraction) -> GowinPll | None:
    """The dividers that come nearest to a clock; of those the fastest phase detector, then the oscillator nearest to mid-range."""
    middle = Fraction(sum(VCO_MHZ), 2)
    return min(candidates(input_mhz), key=lambda each: (abs(each.mhz - mhz), -each.pfd_mhz, abs(each.vco_mhz - middle)), default=None)


def candidates(input_mhz: Fraction) -> Iterator[GowinPll]:
    """Every setting within the limits."""
    if not INPUT_MHZ[0] <= input_mhz <= INPUT_MHZ[1]:
        return
    for idiv in IDIV:
        if not PFD_MHZ[0] <= input_mhz / (idiv + 1) <= PFD_MHZ[1]:
            continue
        for fbdiv in FBDIV:
            for odiv in ODIV:
                found = GowinPll(input_mhz, idiv, fbdiv, odiv)
                if OUTPUT_MHZ[0] <= found.mhz <= OUTPUT_MHZ[1] and VCO_MHZ[0] <= found.vco_mhz <= VCO_MHZ[1]:
                    yield found
