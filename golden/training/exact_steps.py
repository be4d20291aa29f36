"""Results in steps of the output as the integer graph has them before its last rounding (SPEC section 16).

Sums in floating point stand for whole numbers, which rounding gives back; from there on double precision is exact, or the
golden model's own integers are taken.  Nothing here has a gradient.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from golden.parameters import ADD_LEFT_SHIFT
from golden.rescale import Int64, Rescale, RescaleFormat
from golden.scalar_function import ScalarFunction


def rescaled(format: RescaleFormat, real: Tensor, scale: npt.ArrayLike, output_scale: float) -> Tensor:
    """An accumulator in steps of the output, float64: whole steps of `scale`, one or float64[C], times the format's factor."""
    steps = np.atleast_1d(np.asarray(scale, dtype=np.float64))
    factor = Rescale.from_real(format, steps / output_scale).real()
    whole = torch.round(real.detach().double() / torch.from_numpy(steps).to(real.device))
    return whole * torch.from_numpy(factor).to(real.device)


def added(format: RescaleFormat, a: Tensor, b: Tensor, scales: tuple[float, float], factors: tuple[float, float, float]) -> Tensor:
    """The sum of two tensors by SPEC eq. 21, float64, whole numbers.

    scales:  of a and b.
    factors: of a, of b and of their sum.
    """
    first, second, total = (Rescale.from_real(format, factor) for factor in factors)
    parts = (rescale.apply(_integers(x, scale) << ADD_LEFT_SHIFT) for x, scale, rescale in ((a, scales[0], first), (b, scales[1], second)))
    result: Int64 = total.apply(np.asarray(sum(parts)))
    return torch.from_numpy(result).to(a.device, torch.float64)


def evaluated(function: ScalarFunction, x: Tensor, scale: float, output_scale: float) -> Tensor:
    """A function of values in steps of `scale`, float64."""
    return function.evaluate(torch.round(x.detach().double() / scale) * scale) / output_scale


def _integers(x: Tensor, scale: float) -> Int64:
    result: Int64 = torch.round(x.detach().double() / scale).to("cpu", torch.int64).numpy()
    return result
