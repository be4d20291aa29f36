"""Residual adds: both operands through rescale tables into the accumulators, the sum through the lanes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from golden.graph import Add, Window
from golden.rescale import Rescale, RescaleKind
from hwgen.compiler.bounds import overflow_problems
from hwgen.compiler.lowered import Lowered, Pass, fixed_fields, no_weights, records
from hwgen.compiler.placement import Placement
from hwgen.compiler.tiling import Tile, tiles
from hwgen.compiler.walk import store, walk
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import Operation
from hwgen.params import shift_problems, shifts


def rescaled_operand(zero_point: int, left_shift: int, rescale: Rescale) -> list[int]:
    """What an operand contributes to the sum, for each of its 256 values in the order of the byte as unsigned.

    Python integers throughout: this is the compiler's own arithmetic, not the golden model's.
    """
    multiplier, shift = int(rescale.multiplier[0]), int(rescale.shift[0])
    entries = []
    for byte in range(256):
        value = ((byte ^ 0x80) - 0x80 - zero_point) << left_shift
        if rescale.format.kind is RescaleKind.SHIFT:
            entries.append((value + (1 << (shift - 1))) >> shift if shift > 0 else value << -shift)
        elif rescale.format.kind is RescaleKind.FIXED:
            entries.append((value * multiplier + (1 << (shift - 1))) >> shift)
        else:
            high = ((value << max(shift, 0)) * multiplier + (1 << 30)) >> 31
            right = max(-shift, 0)
            magnitude = (abs(high) + ((1 << right) >> 1)) >> right  # halves away from zero
            entries.append(magnitude if high >= 0 else -magnitude)
    return entries


def lower_add(
    op: Add,
    zero_points: tuple[int, int, int],
    sources: tuple[Placement, Placement],
    target: Placement,
    config: AcceleratorConfig,
) -> Lowered:
    """Lowers an add of two maps of one shape; zero_points: of both operands and the output."""
    first, second = (
        rescaled_operand(zero_point, op.left_shift, rescale)
        for zero_point, rescale in zip(zero_points, (op.rescale_a, op.rescale_b), strict=False)
    )
    low, high = (np.array([pick(first) + pick(second)], np.int64) for pick in (min, max))
    problems = [f"layer {op.name}: {problem}" for problem in shift_problems(config, op.rescale_out)]
    problems += overflow_problems(op.name, config, low, high, shifts(op.rescale_out)[1])
    if max(*map(abs, first), *map(abs, second)) >= 1 << (config.acc_bits - 1):
        problems.append(f"layer {op.name}: a rescaled operand takes more than the accumulators' {config.acc_bits} bits")
    tables = tuple(value & ((1 << config.acc_bits) - 1) for value in (*first, *second))

    a, b = sources
    height, width, channels = a.shape
    descriptors = []
    for tile in tiles(Tile(0, 0, height, width), config.acc_depth):
        descriptors.append(
            {
                **fixed_fields(Operation.ADD, zero_point=zero_points[2], act_min=op.act_min, act_max=op.act_max),
                # Two taps, of which the second is the same pixel of the second operand.
                **walk(a, Window((1, 2)), tile, channel_words=1),
                "dilation_y": 0,
                "dilation_x": 0,
                "step_kernel_x": b.base - a.base,
                "step_kernel_y": 0,
                **store(target, tile, channels=channels, group_channels=config.pool_channels, lanes=config.lanes),
            }
        )
    done = Pass(op.name, op.kind, op.output, tuple(descriptors))
    bias: npt.NDArray[np.int64] = np.zeros(1, np.int64)
    return Lowered((done,), no_weights(config), records(config, bias, op.rescale_out)[:1], tables, tuple(problems))
