"""Where the weights that are not 0 stand: how many zeros come before each, in few bits (SPEC eq. 60; Han et al., ICLR 2016)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from golden.errors import InputError

Int64 = npt.NDArray[np.int64]


def gaps(nonzero: npt.NDArray[np.bool_], bits: int) -> Int64:
    """The gaps before each nonzero weight of a flat array, each from 0 to 2^bits - 1.

    The greatest, G = 2^bits - 1, says: G zeros, and no weight after them; the next gap goes on counting.  (Deep Compression stores a
    weight of 0 there instead.)  Zeros after the last weight need no gap.
    """
    longest = (1 << bits) - 1
    counts = np.diff(np.flatnonzero(nonzero), prepend=-1) - 1
    escapes = counts // longest
    result = np.full(int(escapes.sum()) + counts.size, longest, dtype=np.int64)
    result[np.cumsum(escapes + 1) - 1] = counts % longest
    return result


def positions(stored: Int64, bits: int, size: int) -> Int64:
    """The places of the nonzero weights in a flat array of so many.  Raises InputError for gaps that lead out of it."""
    longest = (1 << bits) - 1
    ends = np.cumsum(np.where(stored == longest, longest, stored + 1))
    found = np.asarray(ends[stored != longest] - 1, dtype=np.int64)
    if found.size and not 0 <= found[-1] < size:
        raise InputError(f"gaps lead to weight {int(found[-1])} of {size}; the data is damaged")
    return found
