"""Netlists that are too large for a device."""

from __future__ import annotations

import pytest

from boards.definitions import BOARDS
from boards.fit import check_cells, least_use
from golden.errors import DoesNotFitError


def test_cells_are_counted_in_the_devices_units() -> None:
    cells = {"LUT4": 10, "CCU2C": 3, "TRELLIS_DPR16X4": 2, "TRELLIS_FF": 7, "DP16KD": 4, "MULT18X18D": 5, "TRELLIS_IO": 9, "PFUMX": 1}
    assert least_use(cells) == {"lut": 28, "ff": 7, "dsp": 5, "block_ram": 4, "big_ram": 0}
    ice40 = {"SB_LUT4": 2, "SB_DFFESR": 3, "SB_DFF": 1, "SB_RAM40_4K": 1, "SB_SPRAM256KA": 4, "SB_MAC16": 8, "SB_CARRY": 50}
    assert least_use(ice40) == {"lut": 2, "ff": 4, "dsp": 8, "block_ram": 1, "big_ram": 4}
    assert least_use({"MULT9X9": 3, "MULT18X18": 2, "DFFRE": 4, "SDPX9B": 2})["dsp"] == 7


def test_what_fits_passes() -> None:
    check_cells(BOARDS["icebreaker"], {"SB_LUT4": 5280, "SB_MAC16": 8, "SB_RAM40_4K": 30})


def test_what_does_not_says_by_how_much_and_what_would() -> None:
    with pytest.raises(DoesNotFitError, match=r"does not fit iCEBreaker \(iCE40UP5K-SG48\)") as error:
        check_cells(BOARDS["icebreaker"], {"SB_LUT4": 6000, "SB_MAC16": 9, "SB_RAM40_4K": 30})
    assert error.value.problems[:2] == (
        "look-up tables: 6,000 are needed, 5,280 are there, 720 too few",
        "multiplier blocks: 9 are needed, 8 are there, 1 too few",
    )
    assert "--rows" in error.value.problems[2]
    assert error.value.exit_code == 3
