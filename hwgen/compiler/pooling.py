"""Pooling and sums: activations past the array into the accumulators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from golden.graph import AveragePool2d, MaxPool2d, Window
from golden.rescale import RescaleFormat
from hwgen.compiler.bounds import overflow_problems
from hwgen.compiler.lowered import Lowered, Pass, fixed_fields, no_weights, records
from hwgen.compiler.placement import Placement
from hwgen.compiler.reciprocal import identity, reciprocal
from hwgen.compiler.tiling import Tile, tiles
from hwgen.compiler.walk import store, walk
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import Operation


@dataclass(frozen=True)
class Run:
    """Consecutive output rows (or columns) whose windows have the same valid taps."""

    start: int
    length: int
    first_tap: int
    taps: int


def runs(outputs: int, size: int, kernel: int, stride: int, padding: int, dilation: int) -> Iterator[Run]:
    """Divides the rows (or columns) of an output into runs."""

    def valid(position: int) -> tuple[int, int]:
        inside = [k for k in range(kernel) if 0 <= position * stride - padding + k * dilation < size]
        return (inside[0], len(inside)) if inside else (0, 0)

    for (first_tap, taps), positions in groupby(range(outputs), key=valid):
        members = list(positions)
        yield Run(members[0], len(members), first_tap, taps)


def window_runs(window: Window, size: tuple[int, ...], outputs: tuple[int, ...]) -> tuple[list[Run], list[Run]]:
    """The runs of rows and of columns of a window over a map of `size` rows and columns."""
    padding, kernel, stride, dilation = window.padding, window.kernel, window.stride, window.dilation
    return (
        list(runs(outputs[0], size[0], kernel[0], stride[0], padding.top, dilation[0])),
        list(runs(outputs[1], size[1], kernel[1], stride[1], padding.left, dilation[1])),
    )


def undividable(window: Window, size: tuple[int, ...], outputs: tuple[int, ...], format: RescaleFormat) -> list[int]:
    """Numbers of valid pixels of an average pool by which a format cannot divide every sum exactly."""
    rows, cols = window_runs(window, size, outputs)
    return [count for count in sorted({row.taps * col.taps for row in rows for col in cols}) if reciprocal(format, count) is None]


def lower_pooling(op: MaxPool2d | AveragePool2d, source: Placement, target: Placement, config: AcceleratorConfig) -> Lowered:
    """Pooling looks at valid pixels only, so the output is divided into rectangles with the same valid taps; none reads padding."""
    averages = isinstance(op, AveragePool2d)
    operation = Operation.AVERAGE_POOL if averages else Operation.MAX_POOL
    window = op.window
    height, width, channels = source.shape
    addresses: dict[int, int] = {}  # record of the parameter memory, by the number of valid taps
    descriptors: list[dict[str, int]] = []
    problems: tuple[str, ...] = ()
    params: list[int] = []

    def record(count: int) -> int:
        if count not in addresses:
            rescale = reciprocal(config.rescale, count) if averages else identity(config.rescale)
            assert rescale is not None  # support.by_operator refuses the rest
            addresses[count] = len(params)
            params.append(records(config, np.zeros(1, np.int64), rescale)[0])
        return addresses[count]

    rows, cols = window_runs(window, (height, width), target.shape[:2])
    for row in rows:
        for col in cols:
            address = record(row.taps * col.taps if averages else 1)
            for tile in tiles(Tile(row.start, col.start, row.length, col.length), config.acc_depth):
                valid_window = replace(window, kernel=(row.taps, col.taps))
                descriptors.append(
                    {
                        **fixed_fields(operation, act_min=op.act_min, act_max=op.act_max),
                        "param_address": address,
                        **walk(source, valid_window, tile, channel_words=1, first_tap=(row.first_tap, col.first_tap)),
                        **store(target, tile, channels=channels, group_channels=config.pool_channels, lanes=config.lanes),
                    }
                )
    if averages:
        most = np.array([128 * max(addresses)])  # the post-processor takes magnitudes, so the least sum counts as its opposite
        problems = tuple(overflow_problems(op.name, config, -most, most, np.zeros(1, np.int64)))
    done = Pass(op.name, op.kind, op.output, tuple(descriptors))
    return Lowered((done,), no_weights(config), tuple(params), (), problems)
