"""How the host finds a tensor's elements: the words and bytes of hwgen/SPEC.md section 8, element by element."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest

from hwgen.act_layout import host_layout
from hwgen.config import AcceleratorConfig


@dataclass(frozen=True)
class Place:
    base: int
    shape: tuple[int, int, int]
    words_per_pixel: int
    words_per_row: int
    dense: bool = False


PLACES = pytest.mark.parametrize(
    "place",
    [
        lambda rows: Place(5, (3, 4, 7), -(-7 // rows), 4 * -(-7 // rows)),
        lambda rows: Place(0, (1, 1, 10), -(-10 // rows), -(-10 // rows)),
        lambda rows: Place(3, (2, 5, 1), 1, -(-5 // rows), dense=True),
        lambda rows: Place(3, (2, 5, 3), 1, -(-15 // rows), dense=True),
        lambda rows: Place(9, (2, 3, 5), 2 + -(-5 // rows), 40),  # within a larger map
    ],
    ids=["map", "vector", "dense", "dense, several channels", "part of a map"],
)
ROWS = pytest.mark.parametrize("rows", [2, 4, 16, 64])


@ROWS
@PLACES
def test_every_element(rows: int, place) -> None:  # type: ignore[no-untyped-def]
    place = place(rows)
    config = AcceleratorConfig(rows=rows, cols=2, lanes=1)
    layout = host_layout(place, config)
    values = np.random.default_rng(0).integers(-128, 128, (2, *place.shape)).astype(np.int8)
    words = layout.pack(values)
    assert (words.shape, words.dtype) == ((2, len(layout.addresses)), np.uint32)
    np.testing.assert_array_equal(layout.unpack(words).reshape(values.shape), values)
    chunk_bytes = 4 * max(1, 1 << (-(-8 * rows // 32) - 1).bit_length())
    masks: dict[int, int] = {}
    for y, x, c in product(*map(range, place.shape)):
        byte = x * place.shape[2] + c if place.dense else c
        word = place.base + y * place.words_per_row + (0 if place.dense else x * place.words_per_pixel) + byte // rows
        address = (1 << 25) + word * chunk_bytes + byte % rows
        masks[address // 4 * 4] = masks.get(address // 4 * 4, 0) | 1 << address % 4
        column = layout.addresses.tolist().index(address // 4 * 4)
        got = words[:, column] >> np.uint32(8 * (address % 4)) & np.uint32(0xFF)
        np.testing.assert_array_equal(got.astype(np.uint8).view(np.int8), values[:, y, x, c])
    assert layout.addresses.tolist() == sorted(masks)
    assert layout.masks.tolist() == [masks[address] for address in layout.addresses.tolist()]


@ROWS
@PLACES
def test_gaps(rows: int, place) -> None:  # type: ignore[no-untyped-def]
    """The same elements at the same addresses; besides them words of the tensor's own activation words, each followed by one of its own."""
    place = place(rows)
    config = AcceleratorConfig(rows=rows, cols=2, lanes=1)
    plain, layout = host_layout(place, config), host_layout(place, config, gaps=True)
    values = np.random.default_rng(0).integers(-128, 128, (2, *place.shape)).astype(np.int8)
    words = layout.pack(values)
    np.testing.assert_array_equal(layout.unpack(words).reshape(values.shape), values)
    column = {address: words[:, index] for index, address in enumerate(layout.addresses.tolist())}
    assert layout.addresses.tolist() == sorted(column)
    for index, address in enumerate(plain.addresses.tolist()):
        np.testing.assert_array_equal(column.pop(address), plain.pack(values)[:, index])
        assert layout.masks[layout.addresses == address] == plain.masks[index]
    chunk_bytes = 4 * max(1, 1 << (-(-8 * rows // 32) - 1).bit_length())
    own = {address // chunk_bytes for address in plain.addresses.tolist()}
    for address, filled in column.items():
        assert {address // chunk_bytes, address // chunk_bytes + 1} <= own
        assert not filled.any()
        assert layout.masks[layout.addresses == address] == 0
    for word in own & {each - 1 for each in own}:
        assert set(range(chunk_bytes * word, chunk_bytes * (word + 1), 4)) <= set(layout.addresses.tolist())


def test_gaps_make_neighbours() -> None:
    """Rows of 10 bytes in words of 16: one run instead of 49."""
    place = Place(0, (49, 10, 1), 1, 1, dense=True)
    config = AcceleratorConfig(rows=16, cols=8, lanes=4)
    breaks = [int((np.diff(host_layout(place, config, gaps=gaps).addresses) != 4).sum()) for gaps in (False, True)]
    assert breaks == [48, 0]
    assert len(host_layout(place, config, gaps=True).addresses) == 48 * 4 + 3
