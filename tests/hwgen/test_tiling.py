"""Pixel tiles: they cover an area once, none has more pixels than the accumulators, and there are few."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.compiler.tiling import Tile, split, tiles


@given(st.integers(1, 500), st.integers(1, 100))
def test_split(total, most):
    pieces = list(split(total, most))
    assert [start for start, _ in pieces] == [sum(length for _, length in pieces[:i]) for i in range(len(pieces))]
    lengths = [length for _, length in pieces]
    assert sum(lengths) == total
    assert max(lengths) <= most
    assert len(pieces) == -(-total // most), "as few as possible"
    assert max(lengths) - min(lengths) <= 1, "all of nearly one length"


@settings(deadline=None)
@given(st.builds(Tile, st.integers(0, 5), st.integers(0, 5), st.integers(1, 20), st.integers(1, 30)), st.integers(1, 100))
def test_tiles_cover_an_area_once(area, acc_depth):
    found = list(tiles(area, acc_depth))
    covered = Counter((y, x) for tile in found for y in range(tile.y, tile.y + tile.rows) for x in range(tile.x, tile.x + tile.cols))
    assert covered == Counter((y, x) for y in range(area.y, area.y + area.rows) for x in range(area.x, area.x + area.cols))
    assert max(tile.pixels for tile in found) <= acc_depth
    if area.cols <= acc_depth:
        assert all(tile.cols == area.cols for tile in found), "whole rows where a row fits"
        assert len(found) == -(-area.rows // (acc_depth // area.cols))
    else:
        assert all(tile.rows == 1 for tile in found)
    assert found == sorted(found, key=lambda tile: (tile.y, tile.x)), "in raster order"


def test_one_tile_where_the_area_fits():
    area = Tile(1, 2, 3, 4)
    assert list(tiles(area, 12)) == [area]
    assert area.pixels == 12
