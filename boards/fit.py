"""Whether a netlist fits the board's device, before place and route finds out in minutes."""

from __future__ import annotations

from collections.abc import Mapping

from boards.board import Board, Capacity
from boards.placement import WAYS_OUT
from golden.errors import DoesNotFitError

#: What a cell of Yosys' netlists takes of the device, by the fields of `Capacity`, at the least: other cells, and what they share, come
#: on top.
_TAKES: dict[str, dict[str, float]] = {
    "LUT4": {"lut": 1},
    "CCU2C": {"lut": 2},
    "TRELLIS_DPR16X4": {"lut": 6},  # four of the memory, two of its write port
    "TRELLIS_FF": {"ff": 1},
    "DP16KD": {"block_ram": 1},
    "PDPW16KD": {"block_ram": 1},
    "MULT18X18D": {"dsp": 1},
    "SB_LUT4": {"lut": 1},
    "SB_RAM40_4K": {"block_ram": 1},
    "SB_SPRAM256KA": {"big_ram": 1},
    "SB_MAC16": {"dsp": 1},
    "LUT1": {"lut": 1},
    "LUT2": {"lut": 1},
    "LUT3": {"lut": 1},
    "ALU": {"lut": 1},
    "DPB": {"block_ram": 1},
    "DPX9B": {"block_ram": 1},
    "SDPB": {"block_ram": 1},
    "SDPX9B": {"block_ram": 1},
    "SP": {"block_ram": 1},
    "SPX9": {"block_ram": 1},
    "MULT9X9": {"dsp": 1},
    "MULT18X18": {"dsp": 2},
    "MULT36X36": {"dsp": 8},
}
_NAMES = {"lut": "look-up tables", "ff": "flip-flops", "dsp": "multiplier blocks", "block_ram": "memory blocks", "big_ram": "SPRAM blocks"}
_FLIP_FLOPS = ("SB_DFF", "DFF")


def least_use(cells: Mapping[str, int]) -> dict[str, int]:
    """What a netlist takes of a device at the least, by the fields of `Capacity`."""
    used = dict.fromkeys(_NAMES, 0.0)
    for kind, count in cells.items():
        takes = _TAKES.get(kind, {"ff": 1.0} if kind.startswith(_FLIP_FLOPS) else {})
        for field, each in takes.items():
            used[field] += each * count
    return {field: int(value) for field, value in used.items()}


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
