"""Proof that no accumulator overflows, from the layer's own weights (SPEC section 7)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from golden.rescale import RescaleKind
from hwgen.config import AcceleratorConfig


def extreme_sums(
    weight: npt.NDArray[np.int64], zero_point: int, bias: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Smallest and largest true sum of each channel over all int8 inputs: int64[Cout] each, for weight int64[Cout, K]."""
    at_low, at_high = weight * (-128 - zero_point), weight * (127 - zero_point)
    return np.minimum(at_low, at_high).sum(axis=1) + bias, np.maximum(at_low, at_high).sum(axis=1) + bias


def overflow_problems(
    name: str, config: AcceleratorConfig, low: npt.NDArray[np.int64], high: npt.NDArray[np.int64], left_shift: npt.NDArray[np.int64]
) -> list[str]:
    """Says where a sum, or a sum shifted left before a 32-bit multiplier, could leave its width; empty if none can.

    Sums on the way may wrap: they are taken modulo 2^acc_bits, and a true sum that fits is then exact.
    """
    problems = []
    largest = int(max(-low.min(initial=0) - 1, high.max(initial=0)))
    bits = largest.bit_length() + 1
    if low.size and (low.min() < -(1 << (config.acc_bits - 1)) or high.max() >= 1 << (config.acc_bits - 1)):
        problems.append(f"layer {name}: a sum can reach {largest}, which takes {bits} bits; the accumulators have {config.acc_bits}")
    elif config.rescale.kind is RescaleKind.TFLITE:
        shifted_low, shifted_high = low << left_shift, high << left_shift
        if shifted_low.size and (shifted_low.min() < -(1 << 31) or shifted_high.max() >= 1 << 31):
            problems.append(f"layer {name}: a sum shifted left by up to {int(left_shift.max())} leaves 32 bits before the multiplication")
    return problems
