"""Accumulator values at which a rescale can go wrong: every tie with an int8 result, the extremes, the edges of the clamp."""

from __future__ import annotations

import random

import numpy as np
import numpy.typing as npt

from golden.rescale import Rescale, RescaleFormat, RescaleKind

Int64 = npt.NDArray[np.int64]

#: Results around which values are drawn: int8 with something on both sides.
_RESULTS = range(-150, 150)


def factors(format: RescaleFormat, acc_bits: int, count: int) -> Rescale:
    """Constants of `count` channels: powers of two, whose ties are all within reach, small odd multiples of them, and any."""
    multipliers, shifts = [], []
    for channel in range(count):
        plain = channel % 3
        if format.kind is RescaleKind.SHIFT:
            multipliers.append(0)
            shifts.append(random.choice((0, 1, -1, -7, 5, 12, acc_bits - 10)) if plain else random.randrange(1, acc_bits - 9))
        elif format.kind is RescaleKind.FIXED:
            top = 1 << (format.bits - 2)
            multipliers.append((top, 3 * top // 2, random.randrange(top, 2 * top))[plain])
            shifts.append(random.randrange(1, min(62, acc_bits + format.bits - 10)))
        else:
            top = 1 << 30
            multipliers.append((top, 3 * top // 2, random.randrange(top, 2 * top))[plain])
            shifts.append(random.choice((0, 1, 7, -1, -5, -12, -22, -random.randrange(0, 23))))
    return Rescale(format, np.array(multipliers), np.array(shifts))


def values(rescale: Rescale, channel: int, acc_bits: int, count: int) -> Int64:
    """int64[count] accumulators, bias included, for one channel: its ties, extremes, edges of the clamp, then random ones."""
    multiplier, shift = int(rescale.multiplier[channel]), int(rescale.shift[channel])
    low, high = -(1 << (acc_bits - 1)), (1 << (acc_bits - 1)) - 1
    if rescale.format.kind is RescaleKind.TFLITE and shift > 0:
        low, high = max(low, -(1 << (31 - shift))), min(high, (1 << (31 - shift)) - 1)  # what is shifted left must fit 32 bits
    chosen = [low, low + 1, high, high - 1, -1, 0, 1, low // 2, high // 2]
    ties = _ties(rescale.format.kind, multiplier, shift)
    # Values with results over the int8 range and its edges.
    factor = float(rescale.real()[channel])
    near = [int(result / factor) + offset for result in _RESULTS for offset in (-1, 0, 1)]
    random.shuffle(near)
    everything = [value for value in (*chosen, *ties, *near) if low <= value <= high][:count]
    everything += [random.randint(low, high) for _ in range(count - len(everything))]
    random.shuffle(everything)
    return np.array(everything, np.int64)


def _ties(kind: RescaleKind, multiplier: int, shift: int) -> list[int]:
    """Accumulators whose exact result lies half way between two integers (in either rounding, for TFLite), at results in _RESULTS."""
    if kind is RescaleKind.SHIFT:
        return [(result << shift) + (1 << (shift - 1)) for result in _RESULTS] if shift > 0 else []
    if kind is RescaleKind.FIXED:
        return _halves(multiplier, shift)
    if multiplier != 1 << 30:
        return _halves(multiplier, 31 - shift)  # ties of the exact product
    # (v * 2^30 * 2 + rounding) >> 31 is (v + 1) >> 1: odd v tie in the first rounding; x = j 2^k + 2^(k - 1) in the second.
    k = max(-shift, 0)
    middles = [(result << k) + ((1 << k) >> 1) for result in _RESULTS]
    return [2 * x - odd for x in middles for odd in (0, 1)]


def _halves(multiplier: int, shift: int) -> list[int]:
    """v with v * multiplier = 2^(shift - 1) modulo 2^shift and a result in _RESULTS."""
    twos = (multiplier & -multiplier).bit_length() - 1
    if shift - 1 < twos:
        return []
    period = 1 << (shift - twos)
    first = (period >> 1) * pow(multiplier >> twos, -1, period) % period
    lowest, highest = ((edge << shift) // multiplier for edge in (_RESULTS.start, _RESULTS.stop))
    start = first + -(-(lowest - first) // period) * period
    return list(range(start, highest, period))[: 2 * len(_RESULTS)]
