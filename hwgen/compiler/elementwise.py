"""Operators that take one value at a time past the array: requantize, lookup, pad; and the mean, which is a sum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from golden.graph import Lookup, Mean, Op, Pad, Requantize, Window
from golden.rescale import Rescale
from hwgen.compiler.bounds import overflow_problems
from hwgen.compiler.lowered import Lowered, Pass, fixed_fields, no_weights, records
from hwgen.compiler.placement import Placement
from hwgen.compiler.reciprocal import identity
from hwgen.compiler.selection import NOTHING, Selections
from hwgen.compiler.tiling import Tile, tiles
from hwgen.compiler.walk import store, walk
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import Operation
from hwgen.params import shift_problems, shifts


def window_descriptors(
    fixed: Mapping[str, int],
    window: Window,
    source: Placement,
    target: Placement,
    config: AcceleratorConfig,
    *,
    size: tuple[int, int],
    at: tuple[int, int, int] = (0, 0, 0),
) -> tuple[Mapping[str, int], ...]:
    """Descriptors that take windows of a map past the array to a map of `size` rows and columns, which lies at row, column and channel
    `at` of the target; a channel that is a multiple of the lanes.  fixed: as `fixed_fields` gives them."""
    word, byte = divmod(target.first_byte + at[2], config.rows)
    made = []
    for tile in tiles(Tile(0, 0, *size), config.acc_depth):
        place = replace(tile, y=tile.y + at[0], x=tile.x + at[1])
        there = store(target, place, channels=source.shape[2], group_channels=config.pool_channels, lanes=config.lanes)
        made.append(
            {
                **fixed,
                **walk(source, window, tile, channel_words=1),
                **there,
                "output_address": there["output_address"] + word,
                "lane_place": byte // config.lanes,
            }
        )
    return tuple(made)


def copy_descriptors(
    source: Placement, target: Placement, config: AcceleratorConfig, *, at: tuple[int, int, int]
) -> tuple[Mapping[str, int], ...]:
    """Descriptors that copy a map to row, column and channel `at` of another."""
    return window_descriptors(fixed_fields(Operation.MAX_POOL), Window((1, 1)), source, target, config, size=source.shape[:2], at=at)


def _lowered(
    op: Op,
    descriptors: tuple[Mapping[str, int], ...],
    config: AcceleratorConfig,
    *,
    bias: int = 0,
    rescale: Rescale | None = None,
    tables: tuple[int, ...] = (),
    problems: tuple[str, ...] = (),
) -> Lowered:
    """One pass with one parameter record; without a rescale it changes no value."""
    params = records(config, np.array([bias], np.int64), rescale or identity(config.rescale))[:1]
    return Lowered((Pass(op.name, op.kind, op.output, descriptors),), no_weights(config), params, tables, problems)


def lower_sum(
    op: Mean | Requantize, zero_points: tuple[int, int], source: Placement, target: Placement, config: AcceleratorConfig
) -> Lowered:
    """A mean is a rescaled sum over whole rows, columns or both; a requantize is one over a single value."""
    axes = op.axes if isinstance(op, Mean) else ()
    kernel = (source.shape[0] if 0 in axes else 1, source.shape[1] if 1 in axes else 1)
    count = kernel[0] * kernel[1]
    low, high = (np.array([count * (extreme - zero_points[0])], np.int64) for extreme in (-128, 127))
    problems = [f"layer {op.name}: {problem}" for problem in shift_problems(config, op.rescale)]
    problems += overflow_problems(op.name, config, low, high, shifts(op.rescale)[1])
    fixed = fixed_fields(Operation.SUM, zero_point=zero_points[1], act_min=op.act_min, act_max=op.act_max)
    descriptors = window_descriptors(fixed, Window(kernel), source, target, config, size=target.shape[:2])
    return _lowered(op, descriptors, config, bias=-count * zero_points[0], rescale=op.rescale, problems=tuple(problems))


def lower_lookup(op: Lookup, source: Placement, target: Placement, config: AcceleratorConfig) -> Lowered:
    """The table takes the place of a residual add's first operand; there is no second."""
    by_byte = np.roll(op.table.astype(np.int64), 128)  # the table has -128 first, the hardware byte 0
    entries = tuple(int(value) & ((1 << config.acc_bits) - 1) for value in by_byte)
    fixed = fixed_fields(Operation.ADD, act_min=op.act_min, act_max=op.act_max)
    descriptors = window_descriptors(fixed, Window((1, 1)), source, target, config, size=target.shape[:2])
    return _lowered(op, descriptors, config, tables=entries + (0,) * 256)


def lower_pad(op: Pad, zero_point: int, source: Placement, target: Placement, config: AcceleratorConfig) -> Lowered:
    """A copy whose feeder walks over the padding too; with channels before or after the map's own, a selection."""
    window = Window((1, 1), padding=op.padding)
    if not any(op.channels):
        fixed = fixed_fields(Operation.MAX_POOL, pad_value=zero_point)
        return _lowered(op, window_descriptors(fixed, window, source, target, config, size=target.shape[:2]), config)
    positions = np.pad(np.arange(source.shape[2]), op.channels, constant_values=NOTHING)
    made = Selections(config)
    made.add(positions.tolist(), source, window, target, target.shape[:2], pad_value=zero_point, param_step=1)
    params = records(config, np.where(positions == NOTHING, zero_point, 0), identity(config.rescale))
    return Lowered((Pass(op.name, op.kind, op.output, tuple(made.descriptors)),), made.weights, params)
