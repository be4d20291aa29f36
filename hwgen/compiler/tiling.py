"""Pixel tiles: output rectangles that the accumulators can hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Tile:
    """A rectangle of output pixels."""

    y: int
    x: int
    rows: int
    cols: int

    @property
    def pixels(self) -> int:
        """Pixels in it."""
        return self.rows * self.cols


def split(total: int, most: int) -> Iterator[tuple[int, int]]:
    """(start, length) of as few pieces as possible of at most `most`, all of nearly the same length."""
    pieces = -(-total // most)
    for i in range(pieces):
        start, end = i * total // pieces, (i + 1) * total // pieces
        yield start, end - start


def tiles(area: Tile, acc_depth: int) -> Iterator[Tile]:
    """Divides an area into tiles of at most acc_depth pixels: whole rows where a row fits, else pieces of rows."""
    if area.cols > acc_depth:
        for y in range(area.rows):
            for x, cols in split(area.cols, acc_depth):
                yield Tile(area.y + y, area.x + x, 1, cols)
        return
    for y, rows in split(area.rows, acc_depth // area.cols):
        yield Tile(area.y + y, area.x, rows, area.cols)
