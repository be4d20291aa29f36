"""Depthwise convolution: every column of the array convolves its own channel, K taps of a kernel row at a time (SPEC section 2)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from golden.graph import DepthwiseConv2d, Window
from hwgen.compiler.convolution import lower_convolution, weighted_problems
from hwgen.compiler.lowered import Lowered, Pass, fixed_fields, int8_parts, interleave, records
from hwgen.compiler.placement import Placement
from hwgen.compiler.tiling import Tile, tiles
from hwgen.compiler.walk import ADDRESS_SPACE, store
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import Operation


def lower_depthwise(
    op: DepthwiseConv2d, zero_points: tuple[int, int], source: Placement, target: Placement, config: AcceleratorConfig
) -> Lowered:
    """Lowers a depthwise convolution; zero_points: of input and output.

    Several output channels for an input channel, or an accelerator without depthwise rows: a convolution with zeros between.
    """
    if source.shape[2] != target.shape[2] or not config.depthwise_taps:
        return lower_convolution(op, _spread(op, source.shape[2]), op.window, zero_points, source, target, None, config)
    parts = int8_parts(op.weight, op.weight_zero_point, 2)
    flat = np.sum([part.reshape(-1, part.shape[2]).T.astype(np.int64) for part in parts], axis=0)
    bias = op.bias.astype(np.int64) - zero_points[0] * flat.sum(axis=1)
    channels = target.shape[2]
    extent = (op.window.kernel[1] - 1) * op.window.dilation[1] + 1
    taps = min(config.depthwise_taps, extent)
    chunks = -(-extent // taps)
    # At stride 2 every other column begins no pixel: two slices of a word take turns.
    paired = config.depthwise_pairs and op.window.stride[1] == 2 and chunks == 1 and channels > config.pool_channels
    share = 2 if paired else 1
    groups = -(-channels // (share * config.pool_channels))
    fixed = fixed_fields(Operation.DEPTHWISE, pad_value=zero_points[0], zero_point=zero_points[1], act_min=op.act_min, act_max=op.act_max)
    descriptors = []
    for tile in tiles(Tile(0, 0, *target.shape[:2]), config.acc_depth // share):
        descriptors.append(
            {
                **fixed,
                "param_step": 1,
                "tiles": groups * op.window.kernel[0] * chunks * share * len(parts),
                "extra_walks": len(parts) - 1,
                "paired": int(paired),
                **_walk(source, op.window, tile, taps, chunks, share, whole_rows=tile.cols == target.shape[1]),
                **store(target, tile, channels=channels, group_channels=share * config.pool_channels, lanes=config.lanes),
            }
        )
    done = Pass(op.name, op.kind, op.output, tuple(descriptors))
    problems = tuple(weighted_problems(op, flat, zero_points[0], config))
    weights = interleave([depthwise_tiles(part, op.window.dilation[1], share, config) for part in parts], groups)
    return Lowered((done,), weights, records(config, bias, op.rescale), (), problems)


def _spread(op: DepthwiseConv2d, inputs: int) -> npt.NDArray[np.int8]:
    """The kernel as that of a convolution, int8[Cout, kh, kw, Cin], with real 0 for the channels that an output does not read."""
    weight = op.weight
    kernel_y, kernel_x, channels = weight.shape
    full = np.empty((channels, kernel_y, kernel_x, inputs), np.int8)
    full[:] = op.weight_zero_point.reshape(-1, 1, 1, 1)
    every = np.arange(channels)
    full[every, :, :, every // (channels // inputs)] = weight.transpose(2, 0, 1)
    return full


def _walk(source: Placement, window: Window, tile: Tile, taps: int, chunks: int, share: int, *, whole_rows: bool) -> dict[str, int]:
    """Descriptor fields for streaming the input columns of a tile's output rows, once for every kernel row and chunk of taps.

    A row's stream ends when its last pixel has had its taps.  The columns that it still needs may be the next row's first ones where both
    are padding: every row begins with the same padding, and while nothing is issued there is padding too.
    """
    height, width, _ = source.shape
    words, row = source.words_per_pixel, source.words_per_row
    start_y = tile.y * window.stride[0] - window.padding.top
    start_x = tile.x * window.stride[1] - window.padding.left
    stream = (tile.cols - 1) * window.stride[1] + taps
    if whole_rows and chunks == 1:
        stream -= max(0, min(-start_x, start_x + stream - width, taps - 1))
    stream = max(stream, (tile.cols - 1) * window.stride[1] + share)  # the last pixel of a pair's second slice begins a column later
    return {
        "kernel_y": window.kernel[0],
        "kernel_x": chunks,
        "channel_words": 1,
        "pixels_y": tile.rows,
        "pixels_x": tile.cols,
        "pixels": tile.pixels,
        "start_y": start_y,
        "start_x": start_x,
        "height": height,
        "width": width,
        "stride_y": window.stride[0],
        "stride_x": 1,
        "dilation_y": window.dilation[0],
        "dilation_x": taps,
        "act_address": (source.base + start_y * row + start_x * words) % ADDRESS_SPACE,
        "step_x": words,
        "step_y": window.stride[0] * row,
        "step_kernel_x": taps * words,
        "step_kernel_y": window.dilation[0] * row - (chunks - 1) * taps * words,
        "stream_x": stream,
        "decimate": window.stride[1],
    }


def depthwise_tiles(weight: npt.NDArray[np.int8], dilation: int, share: int, config: AcceleratorConfig) -> npt.NDArray[np.uint8]:
    """Weight-memory words of a kernel int8[kh, kw, C]: uint8[words, L * C].

    Tiles go through groups of `share` slices of channels, kernel rows, chunks of taps and the group's slices; row r of a tile holds
    the chunk's r-th tap, with zeros between taps for a dilation, and column c the slice's c-th channel.
    """
    kernel_y, kernel_x, channels = weight.shape
    extent = (kernel_x - 1) * dilation + 1
    taps = min(config.depthwise_taps, extent)
    chunks, groups = -(-extent // taps), -(-channels // (share * config.pool_channels))
    line = np.zeros((kernel_y, chunks * taps, groups * share * config.pool_channels), np.int8)
    line[:, :extent:dilation, :channels] = weight
    rows = config.words_per_depthwise_tile * config.weight_rows_per_cycle
    tiled = np.zeros((groups, kernel_y, chunks, share, rows, config.cols), np.int8)
    by_tile = line.reshape(kernel_y, chunks, taps, groups, share, config.pool_channels).transpose(3, 0, 1, 4, 2, 5)
    tiled[..., :taps, : config.pool_channels] = by_tile
    return tiled.reshape(-1, config.weight_rows_per_cycle * config.cols).view(np.uint8)
