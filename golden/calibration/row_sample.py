"""A random sample of a stream of vectors, in constant memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

#: Values that a sample holds at most (one row, if that is longer), and the seed of the choice.
VALUES, SEED = 1 << 15, 0


class RowSample:
    """Every row is as likely to be in it as any other: it gets a random key, and the smallest keys stay.

    Which rows they are depends on their order alone, not on how they were divided into batches.
    """

    def __init__(self) -> None:
        self._random = np.random.default_rng(SEED)
        self._keys = np.empty(0)
        self._rows: Float32 | None = None

    def update(self, rows: Float32) -> None:
        """Takes rows [N, C]."""
        keys = self._random.random(len(rows))
        size = max(1, VALUES // rows.shape[1])
        if self._rows is not None:
            keys, rows = np.concatenate([self._keys, keys]), np.concatenate([self._rows, rows])
        if len(keys) > size:
            kept = np.sort(np.argpartition(keys, size)[:size])
            keys, rows = keys[kept], rows[kept]
        self._keys, self._rows = keys, np.array(rows)

    def rows(self) -> Float32:
        """The sample, float32[n, C], in the order of the stream."""
        assert self._rows is not None
        return self._rows
