"""Operators that take one value at a time past the array: requantize, lookup, pad, concatenation; and the mean, which is a sum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from golden.graph import Concatenation, Lookup, Mean, Op, Pad, Requantize, Window
from golden.rescale import Rescale
from hwgen.compiler.bounds import overflow_problems
from hwgen.compiler.lowered import UNUSED, Lowered, Pass, no_weights, records
from hwgen.compiler.placement import Placement
from hwgen.compiler.reciprocal import identity
from hwgen.compiler.tiling import Tile, tiles
from hwgen.compiler.walk import store, walk
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import Operation
from hwgen.params import shift_problems, shifts


def _descriptors(
    op: Op,
    operation: Operation,
    window: Window,
    source: Placement,
    target: Placement,
    config: AcceleratorConfig,
    *,
    size: tuple[int, int],
    pad_value: int = 0,
    zero_point: int = 0,
    at: tuple[int, int, int] = (0, 0, 0),
) -> tuple[Mapping[str, int], ...]:
    """Descriptors that take windows of a map to a map of `size` rows and columns, which lies at row, column and channel `at` of the
    target."""
    word, byte = divmod(at[2], config.rows)
    made = []
    for tile in tiles(Tile(0, 0, *size), config.acc_depth):
        there = store(
            target,
            replace(tile, y=tile.y + at[0], x=tile.x + at[1]),
            channels=source.shape[2],
            group_channels=config.pool_channels,
            lanes=config.lanes,
        )
        made.append(
            {
                **UNUSED,
                "operation": int(operation),
                "pad_value": pad_value,
                "param_step": 0,
                "param_address": 0,
                "output_zero_point": zero_point,
                "act_min": op.act_min,
                "act_max": op.act_max,
                "weight_address": 0,
                "tiles": 0,
                **walk(source, window, tile, channel_words=1),
                **there,
                "output_address": there["output_address"] + word,
                "lane_place": byte // config.lanes,
            }
        )
    return tuple(made)


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
    descriptors = _descriptors(op, Operation.SUM, Window(kernel), source, target, config, size=target.shape[:2], zero_point=zero_points[1])
    return _lowered(op, descriptors, config, bias=-count * zero_points[0], rescale=op.rescale, problems=tuple(problems))


def lower_lookup(op: Lookup, source: Placement, target: Placement, config: AcceleratorConfig) -> Lowered:
    """The table takes the place of a residual add's first operand; there is no second."""
    by_byte = np.roll(op.table.astype(np.int64), 128)  # the table has -128 first, the hardware byte 0
    entries = tuple(int(value) & ((1 << config.acc_bits) - 1) for value in by_byte)
    descriptors = _descriptors(op, Operation.ADD, Window((1, 1)), source, target, config, size=target.shape[:2])
    return _lowered(op, descriptors, config, tables=entries + (0,) * 256)


def lower_pad(op: Pad, zero_point: int, source: Placement, target: Placement, config: AcceleratorConfig) -> Lowered:
    """A copy whose feeder walks over the padding too."""
    window = Window((1, 1), padding=op.padding)
    descriptors = _descriptors(op, Operation.MAX_POOL, window, source, target, config, size=target.shape[:2], pad_value=zero_point)
    return _lowered(op, descriptors, config)


def lower_concatenation(op: Concatenation, sources: tuple[Placement, ...], target: Placement, config: AcceleratorConfig) -> Lowered:
    """A copy of each input to its place."""
    axis = op.axis + (2 if target.shape[:2] == (1, 1) and sources[0].shape[:2] == (1, 1) and op.axis == 0 else 0)
    made: list[Mapping[str, int]] = []
    problems = []
    offset = 0
    for name, source in zip(op.inputs, sources, strict=True):
        at = (offset if axis == 0 else 0, offset if axis == 1 else 0, offset if axis == 2 else 0)
        if at[2] % config.lanes:
            problems.append(
                f"layer {op.name}: {name} begins at channel {at[2]}, which is no multiple of the {config.lanes} lanes; "
                f"choose an accelerator with fewer lanes"
            )
        made += _descriptors(op, Operation.MAX_POOL, Window((1, 1)), source, target, config, size=source.shape[:2], at=at)
        offset += source.shape[axis]
    return _lowered(op, tuple(made), config, problems=tuple(problems))
