"""The floorplan: which component the cells in every tile of the device belong to, read from the placement."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from boards.report.components import Component
from boards.report.netlist import Cell
from boards.report.utilization import Use, use_of
from hwgen.family import Family

#: Columns and rows of tiles, by the option of nextpnr that selects the device (Project Trellis, Project IceStorm).
_DEVICES = {"--12k": (73, 50), "--25k": (73, 50), "--45k": (91, 71), "--85k": (127, 96), "--up5k": (26, 32)}
_BEL = re.compile(r"^X(\d+)/?Y(\d+)")


@dataclass(frozen=True)
class Tile:
    """A tile with cells in it.

    x, y:   its place, y from the top.
    groups: how many tables and flip-flops of each group of components are in it; of a block, 1.
    block:  what block it is: "multiplier", "memory", "pin", or "" for logic.
    """

    x: int
    y: int
    groups: Mapping[str, int]
    block: str


@dataclass(frozen=True)
class Floorplan:
    """The placed cells of a device.

    width, height: of the device, in tiles; of what is placed, where the device's size is not known.
    """

    width: int
    height: int
    tiles: tuple[Tile, ...]

    @property
    def fullest(self) -> int:
        """Tables and flip-flops in the fullest tile."""
        return max((sum(tile.groups.values()) for tile in self.tiles if not tile.block), default=1)


def floorplan(cells: Mapping[str, Cell], owners: Mapping[str, Component], family: Family, options: Sequence[str] = ()) -> Floorplan:
    """The floorplan of a placement.

    owners:  the components of its cells.
    options: with which nextpnr placed it.
    """
    logic: dict[tuple[int, int], Counter[str]] = defaultdict(Counter)
    blocks: dict[tuple[int, int], tuple[str, str]] = {}
    for name, cell in cells.items():
        match = _BEL.match(str(cell.attributes.get("NEXTPNR_BEL", "")))
        if match is None:
            continue
        place = int(match[1]), int(match[2])
        block = _block(cell)
        if block:
            blocks[place] = (block, owners[name].group)
        elif use_of(cell) != Use():
            logic[place][owners[name].group] += 1
    places = [*logic, *blocks]
    least = next((_DEVICES[option] for option in options if option in _DEVICES), (1, 1))
    width = max(least[0], 1 + max((x for x, _ in places), default=0))
    height = max(least[1], 1 + max((y for _, y in places), default=0))

    def row(y: int) -> int:
        # Rows of an iCE40 count from the bottom.
        return height - 1 - y if family is Family.ICE40 else y

    tiles = [Tile(x, row(y), {group: 1}, block) for (x, y), (block, group) in blocks.items()]
    tiles += [Tile(x, row(y), dict(groups), "") for (x, y), groups in logic.items() if (x, y) not in blocks]
    return Floorplan(width, height, tuple(sorted(tiles, key=lambda tile: (tile.y, tile.x))))


def _block(cell: Cell) -> str:
    use = use_of(cell)
    if use.dsp:
        return "multiplier"
    if use.block_ram or use.big_ram:
        return "memory"
    return "pin" if cell.type in ("TRELLIS_IO", "SB_IO", "IBUF", "OBUF", "IOBUF", "TBUF") else ""
