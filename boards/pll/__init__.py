"""Clocks from the families' PLLs: dividers by exhaustive search within the data sheets' limits, and the cell that has them."""

from __future__ import annotations

from fractions import Fraction

from boards.pll import ecp5, gowin, ice40
from boards.pll.settings import Direct, PllSettings
from golden.errors import InputError
from hwgen.family import Family

#: Share by which the clock may differ from the one that is asked for.
TOLERANCE = Fraction(1, 50)

_SOLVERS = {Family.ECP5: ecp5.solve, Family.ICE40: ice40.solve, Family.GOWIN: gowin.solve}


def solve(family: Family, input_mhz: float, mhz: float) -> PllSettings:
    """What makes a clock of `mhz`, or the nearest that there is, of the board's clock; the board's clock itself where they are the same.

    Raises InputError where the nearest is more than `TOLERANCE` off, or where the family has no PLL here.
    """
    source, wanted = Fraction(input_mhz).limit_denominator(10**6), Fraction(mhz).limit_denominator(10**6)
    if wanted <= 0:
        raise InputError(f"the clock must be above 0 MHz, not {mhz:g}")
    if source == wanted:
        return Direct(source)
    if family not in _SOLVERS:
        raise InputError(f"Weft sets up no PLL of the family {family.value}: the clock is the board's, {input_mhz:g} MHz, not {mhz:g}")
    found = _SOLVERS[family](source, wanted)
    if found is None or abs(found.mhz - wanted) > wanted * TOLERANCE:
        nearest = "none at all" if found is None else f"{float(found.mhz):.6g} MHz the nearest"
        raise InputError(
            f"the PLL cannot make {mhz:g} MHz of {input_mhz:g} MHz to within {float(TOLERANCE):.0%}: {nearest}; choose another clock"
        )
    return found


__all__ = ["TOLERANCE", "Direct", "PllSettings", "solve"]
