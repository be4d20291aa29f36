"""Where a device has its memory blocks and multipliers, as nextpnr names the places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Site:
    """A place for one macro.

    x, y: of its tile, in tiles from the upper left corner.
    bel:  its name.
    """

    x: int
    y: int
    bel: str


#: The sites of every type of macro.
Sites = Mapping[str, Sequence[Site]]


def _row_sites(columns: Sequence[int], rows: Sequence[int], places: Sequence[tuple[int, str]]) -> tuple[Site, ...]:
    """In every row, groups of sites that begin at the columns; `places` are (tiles from there, name) of a group's."""
    return tuple(Site(x + ahead, y, f"X{x + ahead}/Y{y}/{name}") for y in rows for x in columns for ahead, name in places)


#: Columns in which the groups of an LFE5U-85F's rows of memory blocks and of multipliers begin.
_COLUMNS = (4, 13, 22, 31, 40, 49, 58, 69, 78, 87, 96, 105, 114)
#: A group is four blocks of 18 kbit, two tiles apart, or two slices of two multipliers.
LFE5U_85F: Sites = {
    "DP16KD": _row_sites(_COLUMNS, (22, 46, 70, 82), [(2 * k, f"EBR{k}") for k in range(4)]),
    "MULT18X18D": _row_sites(_COLUMNS, (10, 34, 58), [(k, f"MULT18_{k}") for k in (0, 1, 4, 5)]),
}
