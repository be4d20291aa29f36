"""Labels in a column beside a scatter, each joined to its point: they never lie over each other or over a point."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]


def spread(places: Sequence[float], gap: float, low: float, high: float) -> Float64:
    """Places moved as little as their order and a distance of at least `gap` allow, within [low, high]; float64[n].

    Where [low, high] has no room for that, they are spread evenly over it.  The order of equal places is kept.
    """
    wanted = np.asarray(places, dtype=np.float64)
    if len(wanted) == 0:
        return wanted
    order = np.argsort(wanted, kind="stable")
    step = min(gap, (high - low) / max(len(wanted) - 1, 1))
    # With multiples of the gap taken off, places that may not decrease are to be found: least squares by pooling adjacent violators.
    targets = wanted[order] - step * np.arange(len(wanted))
    blocks: list[tuple[float, int]] = []
    for target in targets:
        mean, count = float(target), 1
        while blocks and blocks[-1][0] > mean:
            before, many = blocks.pop()
            mean, count = (before * many + mean * count) / (many + count), many + count
        blocks.append((mean, count))
    pooled = np.concatenate([np.full(count, mean) for mean, count in blocks])
    moved = np.clip(pooled, low, high - step * (len(wanted) - 1)) + step * np.arange(len(wanted))
    result = np.empty_like(wanted)
    result[order] = moved
    return result
