"""Convolutions and fully connected layers: weights in the array."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from golden.graph import WeightedOp, Window
from hwgen.compiler.bounds import extreme_sums, overflow_problems
from hwgen.compiler.lowered import Lowered, Pass, fixed_fields, identity_record, int8_parts, interleave, records
from hwgen.compiler.packing import PACK, dense_walk, pack_descriptors, packed_name
from hwgen.compiler.placement import Placement
from hwgen.compiler.tiling import Tile, tiles
from hwgen.compiler.walk import store, walk
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import Operation
from hwgen.params import shift_problems, shifts


def lower_convolution(
    op: WeightedOp,
    weight: npt.NDArray[np.int8],
    window: Window,
    zero_points: tuple[int, int],
    source: Placement,
    target: Placement,
    packed: Placement | None,
    config: AcceleratorConfig,
) -> Lowered:
    """Lowers a convolution with a kernel int8[Cout, kh, kw, Cin].

    zero_points: of input and output.  packed: the map that a pack pass fills, where there is one.
    """
    channels = weight.shape[0]
    parts = int8_parts(weight, op.weight_zero_point, 0)
    flat = np.sum([part.reshape(channels, -1).astype(np.int64) for part in parts], axis=0)
    # The array multiplies raw inputs: what the zero point contributes is folded into the bias.
    bias = op.bias.astype(np.int64) - zero_points[0] * flat.sum(axis=1)
    fixed = {
        **fixed_fields(Operation.CONV, pad_value=zero_points[0], zero_point=zero_points[1], act_min=op.act_min, act_max=op.act_max),
        "param_step": 1,
    }
    area = Tile(0, 0, *target.shape[:2])
    params = records(config, bias, op.rescale)
    passes = []
    if packed is not None:
        descriptors = pack_descriptors(source, packed, window, zero_points[0], config, param_address=len(params))
        passes.append(Pass(f"{op.name} (pack)", PACK, packed_name(op), descriptors))
        params += identity_record(config)
        source, window = packed, Window((1, 1))
        parts = [part.reshape(channels, 1, 1, -1) for part in parts]
    if source.dense:
        parts = [part.reshape(channels, part.shape[1], 1, -1) for part in parts]
    weights = interleave([weight_tiles(part, config) for part in parts], -(-channels // config.cols))
    descriptors = tuple(
        {
            **fixed,
            "tiles": len(weights) // config.words_per_tile,
            "extra_walks": len(parts) - 1,
            **(dense_walk(source, window, tile, config) if source.dense else walk(source, window, tile, channel_words=source.pixel_words)),
            **store(target, tile, channels=channels, group_channels=config.cols, lanes=config.lanes),
        }
        for tile in tiles(area, config.acc_depth)
    )
    passes.append(Pass(op.name, op.kind, op.output, descriptors))
    return Lowered(tuple(passes), weights, params, (), tuple(weighted_problems(op, flat, zero_points[0], config)))


def weighted_problems(op: WeightedOp, flat: npt.NDArray[np.int64], input_zero_point: int, config: AcceleratorConfig) -> list[str]:
    """Why a layer with weights int64[Cout, K] cannot be computed exactly; empty if it can."""
    left = np.broadcast_to(shifts(op.rescale)[1], len(flat))
    problems = [f"layer {op.name}: {problem}" for problem in shift_problems(config, op.rescale)]
    return problems + overflow_problems(op.name, config, *extreme_sums(flat, input_zero_point, op.bias.astype(np.int64)), left)


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
