"""The budget of the iCEBreaker's accelerator: every unit within what it may take, its memories in RAM blocks and not in flip-flops."""

from __future__ import annotations

from dataclasses import replace

import pytest

from boards.definitions.icebreaker import BOARD
from boards.report.utilization import Use
from boards.unit_sizes import OTHER, UNITS, UnitSizes, unit_of, unit_sizes
from golden.errors import InputError
from hwgen.config import NAMED
from hwgen.family import Family

LEAN = NAMED["icebreaker-4x2"]
#: Tables and flip-flops that a unit may take of the 5,280 logic cells, each of which has one of both.  A flip-flop shares a cell with a
#: table that drives it alone, so what counts lies between the larger number and the sum.
BUDGET: dict[str, tuple[int, int]] = {
    "serial bridge": (520, 220),
    "flash loader": (270, 130),
    "host port": (330, 140),
    "between units": (220, 36),
    "sequencer": (80, 680),
    "weight loader": (105, 95),
    "feeder": (690, 270),
    "byte shifter": (170, 70),
    "array": (275, 425),
    "pooling path": (20, 52),
    "accumulators": (175, 120),
    "post-processor": (295, 195),
    "lanes": (690, 435),
    "counters": (36, 36),
    "activation memory": (25, 18),
    "weight memory": (45, 20),
    "parameter memory": (4, 14),
    "program memory": (10, 12),
    OTHER: (80, 4),
}
#: Block RAMs of 4 kbit, and large RAMs, of each that has any.
BLOCKS = {
    "serial bridge": (1, 0),
    "accumulators": (4, 0),
    "parameter memory": (18, 0),
    "program memory": (2, 0),
    "activation memory": (0, 2),
    "weight memory": (0, 2),
}


@pytest.fixture(scope="module")
def sizes() -> UnitSizes:
    return unit_sizes(LEAN, flash_offset=0x100000)


def test_every_unit_keeps_its_budget(sizes: UnitSizes) -> None:
    assert set(sizes.units) == set(BUDGET)
    over = {unit: (use.lut, use.ff) for unit, use in sizes.units.items() if use.lut > BUDGET[unit][0] or use.ff > BUDGET[unit][1]}
    assert not over, "more than the budget"
    for unit, use in sizes.units.items():
        assert use.lut > 0.6 * BUDGET[unit][0] - 10, f"{unit}: a budget that holds nobody back"


def test_memories_are_in_blocks(sizes: UnitSizes) -> None:
    """Exactly those that their shapes take; and what addresses them, no more, in flip-flops."""
    found = {unit: (use.block_ram, use.big_ram) for unit, use in sizes.units.items() if use.block_ram or use.big_ram}
    assert found == BLOCKS
    assert sizes.total.block_ram <= BOARD.capacity.block_ram
    assert sizes.total.big_ram == BOARD.capacity.big_ram == 4


def test_all_multipliers_are_cells(sizes: UnitSizes) -> None:
    """Four with two products each, four with a quarter of the rescale's."""
    assert {unit: use.dsp for unit, use in sizes.units.items() if use.dsp} == {"array": 4, "lanes": 4}
    assert sizes.total.dsp == BOARD.capacity.dsp


def test_units_are_found_by_the_way_to_them() -> None:
    assert unit_of("accelerator.core.post.lane_3.rescaler") == "lanes"
    assert unit_of("accelerator.core.post.fetcher") == "post-processor"
    assert unit_of("accelerator.core") == "between units"
    assert unit_of("accelerator.core.poster") == "between units"
    assert unit_of("") == OTHER
    assert len(set(UNITS.values())) == len(UNITS)


def test_a_family_without_a_device_is_refused() -> None:
    with pytest.raises(InputError, match="units cannot be sized for the family portable; name one of ecp5, ice40, gowin"):
        unit_sizes(replace(LEAN, family=Family.PORTABLE))


def test_uses_are_numbers() -> None:
    assert Use(1, 2) + Use(lut=1) == Use(2, 2)
