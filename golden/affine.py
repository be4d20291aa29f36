"""Affine quantization: how integers stand for real numbers (SPEC section 2)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from golden.errors import InputError


@dataclass(frozen=True)
class Affine:
    """r = scale * (q - zero_point) for int8 q (SPEC eq. 1).

    scale:      the step, in real units per integer step; a finite float > 0.
    zero_point: the integer that stands for real 0, in [-128, 127].
    """

    scale: float
    zero_point: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise InputError(f"scale must be finite and greater than 0, not {self.scale!r}")
        if not -128 <= self.zero_point <= 127:
            raise InputError(f"zero point must be from -128 to 127, not {self.zero_point!r}")
