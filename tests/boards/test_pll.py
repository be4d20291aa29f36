"""PLL dividers: worked examples of the makers' and Project Trellis' tools, the limits of the data sheets, and what cannot be made."""

from __future__ import annotations

from fractions import Fraction

import pytest

from boards.pll import TOLERANCE, Direct, ecp5, gowin, ice40, solve
from boards.pll.ecp5 import Ecp5Pll
from boards.pll.gowin import GowinPll
from boards.pll.ice40 import Ice40Pll
from golden.errors import InputError
from hwgen.family import Family


@pytest.mark.parametrize(
    ("source", "clock", "clki", "clkfb", "clkop", "vco"),
    # Lattice's Clarity Designer, as listed in Project Trellis' ecppll.cpp.
    [
        (12, 48, 1, 4, 12, 576),
        (12, 60, 1, 5, 10, 600),
        (20, 30, 2, 3, 20, 600),
        (100, 400, 1, 4, 1, 400),
        (200, 400, 1, 2, 2, 800),
        (12, 36, 1, 3, 18, 648),
        (12, 96, 1, 8, 6, 576),
        (90, 40, 9, 4, 15, 600),
        (43, 86, 1, 2, 7, 602),
    ],
)
def test_ecp5_computes_as_the_maker_does(source: int, clock: int, clki: int, clkfb: int, clkop: int, vco: int) -> None:
    pll = Ecp5Pll(Fraction(source), clki, clkfb, clkop, clkop)
    assert (pll.vco_mhz, pll.mhz) == (vco, clock)
    solved = solve(Family.ECP5, source, clock)
    assert solved.mhz == clock


def test_ecp5_takes_the_second_output_where_the_first_cannot() -> None:
    solved = ecp5.solve(Fraction(25), Fraction(80))
    assert solved == Ecp5Pll(Fraction(25), 1, 16, 1, 5)
    assert (solved.pfd_mhz, solved.vco_mhz) == (25, 400)


@pytest.mark.parametrize(
    ("clock", "divr", "divf", "divq", "reached"),
    # IceStorm's icepll -i 12.
    [(24, 0, 63, 5, 24), (48, 0, 63, 4, 48), (30, 0, 79, 5, 30), (20, 0, 52, 5, Fraction(159, 8)), (100, 0, 66, 3, Fraction(201, 2))],
)
def test_ice40_computes_as_icepll_does(clock: int, divr: int, divf: int, divq: int, reached: Fraction) -> None:
    solved = ice40.solve(Fraction(12), Fraction(clock))
    assert solved == Ice40Pll(Fraction(12), divr, divf, divq)
    assert solved.mhz == reached
    assert solved.filter_range == 1


@pytest.mark.parametrize(("pfd", "filter_range"), [(10, 1), (16, 1), (17, 2), (25, 2), (26, 3), (44, 4), (66, 5), (101, 6), (133, 6)])
def test_ice40_filter_ranges(pfd: int, filter_range: int) -> None:
    assert Ice40Pll(Fraction(pfd), 0, 63, 4).filter_range == filter_range


@pytest.mark.parametrize(
    ("clock", "idiv", "fbdiv"),
    # Apycula's gowin_pll -d "GW2AR-18 C8/I7" -i 27.
    [(54, 0, 1), (108, 0, 3), (60, 8, 19), (75, 8, 24), (27 * 2 // 3, 2, 1)],
)
def test_gowin_dividers(clock: int, idiv: int, fbdiv: int) -> None:
    solved = gowin.solve(Fraction(27), Fraction(clock))
    assert solved is not None
    assert (solved.idiv_sel, solved.fbdiv_sel, solved.mhz) == (idiv, fbdiv, clock)
    assert 500 <= solved.vco_mhz <= 1250


def within(value: Fraction, limits: tuple[Fraction | int, Fraction | int]) -> bool:
    return limits[0] <= value <= limits[1]


@pytest.mark.parametrize("mhz", [16, 20, 24, 33.3, 50, 61, 77, 80, 87.5, 99, 120, 133])
def test_every_setting_is_within_the_limits(mhz: float) -> None:
    wanted = Fraction(mhz).limit_denominator(1000)
    for module, source in ((ecp5, 25), (gowin, 27), (ice40, 12)):
        solved = module.solve(Fraction(source), wanted)
        assert solved is not None
        assert within(solved.pfd_mhz, module.PFD_MHZ)
        assert within(solved.vco_mhz, module.VCO_MHZ)
        assert within(solved.mhz, module.OUTPUT_MHZ)


def test_no_other_setting_is_nearer() -> None:
    wanted = Fraction(77)
    nearest = {
        "ecp5": min(abs(each.mhz - wanted) for each in ecp5.candidates(Fraction(25), wanted)),
        "gowin": min(abs(each.mhz - wanted) for each in gowin.candidates(Fraction(27))),
        "ice40": min(abs(each.mhz - wanted) for each in ice40.candidates(Fraction(12))),
    }
    for name, module, source in (("ecp5", ecp5, 25), ("gowin", gowin, 27), ("ice40", ice40, 12)):
        solved = module.solve(Fraction(source), wanted)
        assert solved is not None
        assert abs(solved.mhz - wanted) == nearest[name]


def test_the_boards_clock_needs_no_pll() -> None:
    assert solve(Family.ICE40, 12, 12) == Direct(Fraction(12))
    assert solve(Family.XILINX7, 100, 100) == Direct(Fraction(100))


@pytest.mark.parametrize(
    ("family", "source", "clock", "message"),
    [
        (Family.ICE40, 12, 14, "cannot make 14 MHz of 12 MHz to within 2%: 16.125 MHz the nearest"),
        (Family.ECP5, 25, 900, "cannot make 900 MHz of 25 MHz"),
        (Family.ECP5, 5, 50, "none at all"),
        (Family.ECP5, 25, 0, "must be above 0 MHz, not 0"),
        (Family.XILINX7, 100, 80, "sets up no PLL of the family xilinx7"),
    ],
)
def test_what_cannot_be_made(family: Family, source: float, clock: float, message: str) -> None:
    with pytest.raises(InputError, match=message.replace("%", "%")):
        solve(family, source, clock)


def test_a_clock_within_the_tolerance_is_taken() -> None:
    solved = solve(Family.GOWIN, 27, 50)
    assert isinstance(solved, GowinPll)
    assert solved.mhz == Fraction(351, 7)
    assert abs(solved.mhz - 50) <= 50 * TOLERANCE
