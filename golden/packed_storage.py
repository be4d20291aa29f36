"""Integers of 2 to 8 bits stored without gaps (SPEC section 8)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from golden.errors import InputError


def pack(values: npt.NDArray[np.int8], bits: int) -> npt.NDArray[np.uint8]:
    """Two's complement integers of `bits` bits, one after the other from the least significant bit of the first byte on.

    values: int8 of any shape, in C order, each from -2^(bits-1) to 2^(bits-1) - 1.  Returns uint8[ceil(n * bits / 8)].
    """
    wide = np.unpackbits(values.reshape(-1, 1).view(np.uint8), axis=1, bitorder="little")
    return np.packbits(wide[:, :bits].reshape(-1), bitorder="little")


def unpack(packed: npt.NDArray[np.uint8], bits: int, shape: tuple[int, ...]) -> npt.NDArray[np.int8]:
    """What `pack` stored, int8 of a shape.  Raises InputError where the bytes are not those of such a shape."""
    count = math.prod(shape)
    if not 2 <= bits <= 8 or min(shape, default=0) < 0 or packed.shape != (-(-count * bits // 8),):
        raise InputError(f"{packed.size} bytes are no {count} integers of {bits} bits")
    narrow = np.unpackbits(packed, count=count * bits, bitorder="little").reshape(count, bits)
    wide = np.repeat(narrow[:, -1:], 8, axis=1)  # the sign
    wide[:, :bits] = narrow
    return np.packbits(wide, axis=1, bitorder="little").view(np.int8).reshape(shape)
