"""Whether a netlist fits the board's device, before place and route finds out in minutes."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from boards.board import Board, Capacity
from boards.placement import WAYS_OUT
from boards.report.netlist import Cell
from boards.report.utilization import use_of
from golden.errors import DoesNotFitError

_NAMES = {"lut": "look-up tables", "ff": "flip-flops", "dsp": "multiplier blocks", "block_ram": "memory blocks", "big_ram": "SPRAM blocks"}


def least_use(cells: Mapping[str, int]) -> dict[str, int]:
    """What a netlist takes of a device at the least, by the fields of `Capacity`: what cells share, and what packing adds, comes on top."""
    used = {kind: use_of(Cell(kind)) for kind in cells}
    return {field: ceil(sum(getattr(used[kind], field) * count for kind, count in cells.items())) for field in _NAMES}


def shortages(need: Mapping[str, int], capacity: Capacity) -> list[str]:
    """Where a device has less than is needed, as sentences."""
    there = {field: int(getattr(capacity, field)) for field in _NAMES}
    return [
        f"{name}: {need[field]:,} are needed, {there[field]:,} are there, {need[field] - there[field]:,} too few"
        for field, name in _NAMES.items()
        if need[field] > there[field]
    ]


def check_cells(board: Board, cells: Mapping[str, int]) -> None:
    """Raises DoesNotFitError where a netlist takes more than the board's device has."""
    lacks = shortages(least_use(cells), board.capacity)
    if lacks:
        raise DoesNotFitError(f"the design does not fit {board.title} ({board.part})", [*lacks, *WAYS_OUT])
