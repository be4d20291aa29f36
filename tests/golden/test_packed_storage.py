"""Integers of fewer than eight bits come back from storage as they went in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.errors import InputError
from golden.packed_storage import pack, unpack


@given(st.data())
def test_round_trip_in_as_few_bytes_as_there_are_bits(data: st.DataObject) -> None:
    bits = data.draw(st.integers(2, 8))
    shape = tuple(data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    size, reach = int(np.prod(shape)), 1 << (bits - 1)
    integers = data.draw(st.lists(st.integers(-reach, reach - 1), min_size=size, max_size=size))
    values = np.array(integers, np.int8).reshape(shape)
    packed = pack(values, bits)
    assert packed.shape == (-(-values.size * bits // 8),)
    assert np.array_equal(unpack(packed, bits, shape), values)


def test_layout_is_least_significant_bit_first() -> None:
    assert pack(np.array([1, -1, -2, 0, 1], np.int8), 2).tolist() == [0b00101101, 0b01]
    assert pack(np.array([-4, 3, 1], np.int8), 3).tolist() == [0b01011100, 0b0]


@pytest.mark.parametrize(("size", "bits", "shape"), [(2, 4, (5,)), (4, 4, (5,)), (3, 1, (5,)), (3, 4, (-5, -1))])
def test_bytes_of_another_shape_are_refused(size: int, bits: int, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="are no"):
        unpack(np.zeros(size, np.uint8), bits, shape)
