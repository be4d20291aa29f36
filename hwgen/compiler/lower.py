"""From operators to descriptors, weight tiles and parameter records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import numpy.typing as npt

from golden.graph import AveragePool2d, Conv2d, FullyConnected, Graph, MaxPool2d, Op, Window
from golden.rescale import Rescale
from hwgen.compiler.bounds import extreme_sums, overflow_problems
from hwgen.compiler.placement import Placement
from hwgen.compiler.reciprocal import identity, reciprocal
from hwgen.compiler.tiling import Tile, tiles
from hwgen.compiler.walk import store, walk
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import Operation
from hwgen.params import encode_record, shift_problems, shifts


@dataclass(frozen=True, eq=False)
class Lowered:
    """What one operator becomes.

    descriptors: field values but for those that depend on the place in the program (barrier, last, layer) and the memories' bases:
                 weight_address is 0, param_address counts from the operator's first record.
    weights:     uint8[words, L * C].
    params:      records as unsigned integers.
    problems:    why the accelerator cannot run it.
    """

    descriptors: tuple[Mapping[str, int], ...]
    weights: npt.NDArray[np.uint8]
    params: tuple[int, ...]
    problems: tuple[str, ...] = ()


def lower(graph: Graph, op: Op, placements: Mapping[str, Placement], config: AcceleratorConfig) -> Lowered:
    """Lowers one supported operator."""
    if isinstance(op, (MaxPool2d, AveragePool2d)):
        return _lower_pool(op, placements[op.inputs[0]], placements[op.output], config)
    assert isinstance(op, (Conv2d, FullyConnected))
    source = placements[op.inputs[0]]
    if isinstance(op, Conv2d):
        weight, window = op.weight, op.window
    else:
        # A vector is the flattening of a map, or a map of one pixel: a convolution whose kernel is the whole map.
        height, width, channels = source.shape
        weight, window = op.weight.reshape(-1, height, width, channels), Window((height, width))
    return _lower_conv(op, weight, window, graph.op_inputs(op)[0].affine.zero_point, graph.op_output(op).affine.zero_point, placements, config)


# --- convolution -------------------------------------------------------------------------------------


def _lower_conv(
    op: Conv2d | FullyConnected,
    weight: npt.NDArray[np.int8],
    window: Window,
    input_zero_point: int,
    output_zero_point: int,
    placements: Mapping[str, Placement],
    config: AcceleratorConfig,
) -> Lowered:
    source, target = placements[op.inputs[0]], placements[op.output]
    channels = weight.shape[0]
    words = source.words_per_pixel
    groups = -(-channels // config.cols)
    flat = weight.reshape(channels, -1).astype(np.int64)
    # The array multiplies raw inputs: what the zero point contributes is folded into the bias.
    bias = op.bias.astype(np.int64) - input_zero_point * flat.sum(axis=1)
    right, left = (np.broadcast_to(s, channels) for s in shifts(op.rescale))
    problems = [f"layer {op.name}: {problem}" for problem in shift_problems(config, op.rescale)]
    problems += overflow_problems(op.name, config, *extreme_sums(flat, input_zero_point, op.bias.astype(np.int64)), left)
    half = 1 << (config.acc_bits - 1)
    wrapped = (bias + half) % (2 * half) - half

    fixed = {
        "operation": int(Operation.CONV),
        "pad_value": input_zero_point,
        "param_step": 1,
        "param_address": 0,
        "output_zero_point": output_zero_point,
        "act_min": op.act_min,
        "act_max": op.act_max,
        "weight_address": 0,
        "tiles": groups * window.kernel[0] * window.kernel[1] * words,
    }
    descriptors = tuple(
        {
            **fixed,
            **walk(source, window, tile, channel_words=words),
            **store(target, tile, channels=channels, group_channels=config.cols, lanes=config.lanes),
        }
        for tile in tiles(Tile(0, 0, *target.shape[:2]), config.acc_depth)
    )
    multiplier = np.broadcast_to(op.rescale.multiplier, channels)
    records = [
        encode_record(config, {"bias": b, "multiplier": m, "right_shift": r, "left_shift": s})
        for b, m, r, s in zip(wrapped.tolist(), multiplier.tolist(), right.tolist(), left.tolist(), strict=True)
    ]
    records += [records[-1]] * (-channels % config.lanes)  # a lane without a channel works along and is not looked at
    return Lowered(descriptors, weight_tiles(weight, config), tuple(records), tuple(problems))


def weight_tiles(weight: npt.NDArray[np.int8], config: AcceleratorConfig) -> npt.NDArray[np.uint8]:
    """Weight-memory words of a kernel int8[Cout, kh, kw, Cin]: uint8[words, L * C] in the order in which tiles are used.

    Tiles go through output groups, kernel rows, kernel columns and channel words; a tile is R / L words of L rows of C weights.
    Rows and columns beyond the channels hold 0.
    """
    channels, kernel_y, kernel_x, depth = weight.shape
    groups, words = -(-channels // config.cols), -(-depth // config.rows)
    padded = np.zeros((groups * config.cols, kernel_y, kernel_x, words * config.rows), dtype=np.int8)
    padded[:channels, :, :, :depth] = weight
    by_tile = padded.reshape(groups, config.cols, kernel_y, kernel_x, words, config.rows).transpose(0, 2, 3, 4, 5, 1)
    return np.ascontiguousarray(by_tile).reshape(-1, config.weight_rows_per_cycle * config.cols).view(np.uint8)


# --- pooling -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Run:
    """Consecutive output rows (or columns) whose windows have the same valid taps."""

    start: int
    length: int
    first_tap: int
    taps: int


def _runs(outputs: int, size: int, kernel: int, stride: int, padding: int, dilation: int) -> Iterator[_Run]:
    def valid(position: int) -> tuple[int, int]:
        inside = [k for k in range(kernel) if 0 <= position * stride - padding + k * dilation < size]
        return (inside[0], len(inside)) if inside else (0, 0)

    for (first_tap, taps), positions in groupby(range(outputs), key=valid):
        members = list(positions)
        yield _Run(members[0], len(members), first_tap, taps)


def _lower_pool(op: MaxPool2d | AveragePool2d, source: Placement, target: Placement, config: AcceleratorConfig) -> Lowered:
    """Pooling looks at valid pixels only, so the output is divided into rectangles with the same valid taps; none reads padding."""
    averages = isinstance(op, AveragePool2d)
    window, padding = op.window, op.window.padding
    height, width, channels = source.shape
    records: dict[int, int] = {}  # of the parameter memory, by the number of valid taps
    descriptors, problems = [], []
    params: list[int] = []

    def record(count: int) -> int:
        if count not in records:
            rescale: Rescale | None = reciprocal(config.rescale, count) if averages else identity(config.rescale)
            if rescale is None:
                problems.append(
                    f"layer {op.name}: division by {count} is not exact with rescale format {config.rescale} for every sum; "
                    f"use a window with a power of two of pixels, or a format with a wider multiplier (tflite, fixed32)"
                )
                rescale = identity(config.rescale)
            right, left = shifts(rescale)
            records[count] = len(params)
            params.append(
                encode_record(
                    config, {"bias": 0, "multiplier": int(rescale.multiplier[0]), "right_shift": int(right[0]), "left_shift": int(left[0])}
                )
            )
        return records[count]

    rows = list(_runs(target.shape[0], height, window.kernel[0], window.stride[0], padding.top, window.dilation[0]))
    cols = list(_runs(target.shape[1], width, window.kernel[1], window.stride[1], padding.left, window.dilation[1]))
    for row in rows:
        for col in cols:
            count = row.taps * col.taps
            address = record(count if averages else 1)
            for tile in tiles(Tile(row.start, col.start, row.length, col.length), config.acc_depth):
                valid_window = replace(window, kernel=(row.taps, col.taps))
                descriptors.append(
                    {
                        "operation": int(Operation.AVERAGE_POOL if averages else Operation.MAX_POOL),
                        "pad_value": 0,
                        "param_step": 0,
                        "param_address": address,
                        "output_zero_point": 0,
                        "act_min": op.act_min,
                        "act_max": op.act_max,
                        "weight_address": 0,
                        "tiles": 0,
                        **walk(source, valid_window, tile, channel_words=1, first_tap=(row.first_tap, col.first_tap)),
                        **store(target, tile, channels=channels, group_channels=config.pool_channels, lanes=config.lanes),
                    }
                )
    if averages:
        most = np.array([128 * max(records)])  # the post-processor takes magnitudes, so the least sum counts as its opposite
        problems += overflow_problems(op.name, config, -most, most, np.zeros(1, np.int64))
    return Lowered(tuple(descriptors), np.zeros((0, config.weight_rows_per_cycle * config.cols), np.uint8), tuple(params), tuple(problems))
