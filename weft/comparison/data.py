"""Labelled real inputs, as methods are calibrated, trained and measured with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Data:
    """Real inputs by name, float32[N, *shape], and their classes int64[N], if known."""

    x: dict[str, Float32]
    label: npt.NDArray[np.int64] | None

    @property
    def count(self) -> int:
        """How many inputs there are."""
        return len(next(iter(self.x.values())))

    def take(self, chosen: npt.NDArray[np.int64] | slice) -> Data:
        """The inputs with these indices."""
        return Data({name: array[chosen] for name, array in self.x.items()}, None if self.label is None else self.label[chosen])

    def digest(self) -> str:
        """A key for the content."""
        digest = hashlib.sha256()
        labels = {} if self.label is None else {"label": self.label}
        for what, arrays in (("x", self.x), ("label", labels)):
            for name, array in arrays.items():
                digest.update(f"\n{what} {name} {array.shape} {array.dtype}\n".encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()
