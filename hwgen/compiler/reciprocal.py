"""Average pooling divides with the rescale multiplier: a reciprocal, exact over the whole input range or refused (SPEC section 7)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from golden.rescale import Rescale, RescaleFormat, RescaleKind


def _candidates(format: RescaleFormat, count: int) -> Iterator[tuple[int, int]]:
    """(multiplier, shift) pairs near 1 / count, in the format's own meaning of shift, most precise first."""
    if format.kind is RescaleKind.SHIFT:
        if count & (count - 1) == 0:
            yield 0, count.bit_length() - 1
    elif format.kind is RescaleKind.TFLITE:
        # An unnormalized multiplier and no right shift leave a single rounding.
        if count == 1:
            yield 1 << 30, 1
        else:
            yield -(-(1 << 31) // count), 0
            yield (1 << 31) // count, 0
    else:
        limit = 1 << (format.bits - 1)
        for shift in range(min(62, format.bits - 2 + count.bit_length()), 0, -1):
            for multiplier in (-(-(1 << shift) // count), (1 << shift) // count):
                if 0 < multiplier < limit:
                    yield multiplier, shift


def _divides(format: RescaleFormat, multiplier: int, shift: int, count: int) -> bool:
    """Whether the lane's arithmetic on magnitudes gives (s + n // 2) // n for every sum s of n int8 magnitudes."""
    sums = np.arange(128 * count + 1, dtype=np.int64)
    if format.kind is RescaleKind.SHIFT:
        got = (sums + ((1 << shift) >> 1)) >> shift
    elif format.kind is RescaleKind.TFLITE:
        got = ((sums << shift) * multiplier + (1 << 30)) >> 31
    else:
        got = (sums * multiplier + (1 << (shift - 1))) >> shift
    return bool(np.array_equal(got, (sums + count // 2) // count))


@lru_cache(maxsize=256)
def reciprocal(format: RescaleFormat, count: int) -> Rescale | None:
    """Constants that divide by count exactly, found by trying every sum of count values; None if the format has none."""
    if count > 1 << 16:
        return None
    for multiplier, shift in _candidates(format, count):
        if _divides(format, multiplier, shift, count):
            return Rescale(format, np.array([multiplier]), np.array([shift]))
    return None


def identity(format: RescaleFormat) -> Rescale:
    """Constants that change nothing."""
    found = reciprocal(format, 1)
    assert found is not None
    return found
