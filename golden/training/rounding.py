"""Rounding as the integer graph rounds, on real steps: what makes fake quantization equal to it (SPEC section 3, 16)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from golden.rescale import Rescale, RescaleFormat, RescaleKind

#: Real steps to whole ones, as floating point.
Rounding = Callable[[Tensor], Tensor]


def half_even(steps: Tensor) -> Tensor:
    """Halves to the even neighbour: the quantizer of real values (SPEC eq. 2)."""
    return torch.round(steps)


def half_up(steps: Tensor) -> Tensor:
    """Halves toward +infinity: shift-only and fixed-point rescale (SPEC eq. 9, 11)."""
    whole = torch.floor(steps)
    return whole + (steps - whole >= 0.5)  # adding 0.5 first would round the greatest value below 0.5 up


def half_away(steps: Tensor) -> Tensor:
    """Halves away from zero: the second rounding of TensorFlow Lite's rescale, and average pools (SPEC eq. 15, 23)."""
    return torch.sign(steps) * half_up(steps.abs())


def rescale_rounding(format: RescaleFormat, factors: npt.ArrayLike) -> Rounding:
    """The rounding of a rescale by real factors M, float64[C] for the last axis or one number.

    TensorFlow Lite rounds twice (SPEC eq. 13): to multiples of 2^e with halves up, then to whole steps.
    """
    if format.kind is not RescaleKind.TFLITE:
        return half_up
    fine = torch.from_numpy(np.exp2(np.maximum(-Rescale.from_real(format, factors).shift, 0.0)))

    def twice(steps: Tensor) -> Tensor:
        parts = fine.to(steps)
        return half_away(half_up(steps * parts) / parts)

    return twice


def average_rounding(zero_point: int) -> Rounding:
    """The rounding of an average pool, whose integers contain the zero point (SPEC eq. 23)."""
    return lambda steps: half_away(steps + zero_point) - zero_point
