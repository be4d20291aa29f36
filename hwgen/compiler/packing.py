"""Narrow inputs: stored without gaps, several taps in one activation word (SPEC section 2).

A dense input is read through the feeder's byte shifter: a kernel row of kw * Cin bytes is one word.  Where even that leaves most of the
array's rows without work, a pack pass first gathers the windows of all kernel rows of a pixel side by side, and the convolution becomes
one of a single tap.
"""

from __future__ import annotations

from collections.abc import Mapping

from golden.graph import Conv2d, Graph, Op, Window
from hwgen.compiler.lowered import fixed_fields
from hwgen.compiler.placement import Placement
from hwgen.compiler.tiling import Tile, tiles
from hwgen.compiler.walk import ADDRESS_SPACE, store
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import Operation

#: Kind of a pack pass, as a layer.
PACK = "pack"


def _readable(op: Conv2d, channels: int, out_width: int, config: AcceleratorConfig) -> bool:
    """Whether the byte shifter can make the windows of a convolution."""
    window = op.window
    return (
        window.dilation[1] == 1
        and window.kernel[1] * channels <= config.rows
        and window.stride[1] * channels <= config.rows
        and window.padding.left < window.kernel[1]
        and out_width <= config.acc_depth
    )


def dense_inputs(graph: Graph, config: AcceleratorConfig) -> set[str]:
    """Inputs of the network to store without gaps: maps with so few channels that at least two taps fit a word, read by nothing but
    convolutions that can."""
    found = set()
    for name in graph.inputs:
        shape = graph.tensors[name].shape
        consumers = list(graph.consumers(name))
        if not config.dense_input or len(shape) != 3 or 2 * shape[2] > config.rows or name in graph.outputs or not consumers:
            continue
        if all(isinstance(op, Conv2d) and _readable(op, shape[2], graph.op_output(op).shape[1], config) for op in consumers):
            found.add(name)
    return found


def packs(op: Conv2d, channels: int, config: AcceleratorConfig) -> bool:
    """Whether a convolution of a dense input of so many channels is faster with a pack pass.

    Without it every kernel row is a tile for every output group; with it all of them share ceil(kh * kw * Cin / R) tiles, after kh
    times as many words as there are pixels, once.
    """
    row_bytes = op.window.kernel[1] * channels
    if row_bytes % config.lanes or row_bytes > config.pool_channels or op.window.kernel[0] == 1:
        return False
    groups, kernel_y = -(-len(op.bias) // config.cols), op.window.kernel[0]
    return kernel_y + groups * -(-kernel_y * row_bytes // config.rows) < groups * kernel_y


def packed_name(op: Op) -> str:
    """Name of the map that a pack pass fills."""
    return f"{op.name} (packed)"


def packed_shape(op: Conv2d, channels: int, output: tuple[int, ...]) -> tuple[int, int, int]:
    """Shape of the map that a pack pass fills."""
    return output[0], output[1], op.window.kernel[0] * op.window.kernel[1] * channels


def dense_walk(source: Placement, window: Window, tile: Tile, config: AcceleratorConfig) -> dict[str, int]:
    """Descriptor fields for reading the windows of a tile of whole output rows from a dense map."""
    height, width, channels = source.shape
    row_bytes = window.kernel[1] * channels
    start_y = tile.y * window.stride[0] - window.padding.top
    start_byte = -window.padding.left * channels
    return {
        "kernel_y": window.kernel[0],
        "kernel_x": 1,
        "channel_words": 1,
        "pixels_y": tile.rows,
        "pixels_x": tile.cols,
        "pixels": tile.pixels,
        "start_y": start_y,
        "start_x": start_byte,
        "height": height,
        "width": width * channels,
        "stride_y": window.stride[0],
        "stride_x": window.stride[1] * channels,
        "dilation_y": window.dilation[0],
        "dilation_x": 0,
        "act_address": (source.base + start_y * source.words_per_row) % ADDRESS_SPACE,
        "step_x": 0,
        "step_y": window.stride[0] * source.words_per_row,
        "step_kernel_x": 0,
        "step_kernel_y": window.dilation[0] * source.words_per_row,
        "dense": 1,
        "dense_byte": start_byte + row_bytes - 1,
        "dense_shift": config.rows + 1 - row_bytes,
    }


def pack_descriptors(
    source: Placement, packed: Placement, window: Window, pad_value: int, config: AcceleratorConfig, *, param_address: int
) -> tuple[Mapping[str, int], ...]:
    """A descriptor for each kernel row and pixel tile: its windows go past the array into their bytes of the packed pixels."""
    row_bytes = window.kernel[1] * source.shape[2]
    descriptors = []
    for tap_y in range(window.kernel[0]):
        word, byte = divmod(tap_y * row_bytes, config.rows)
        for tile in tiles(Tile(0, 0, *packed.shape[:2]), config.acc_depth):
            fields = dense_walk(source, window, tile, config)
            fields["start_y"] += tap_y * window.dilation[0]
            fields["act_address"] = (fields["act_address"] + tap_y * fields["step_kernel_y"]) % ADDRESS_SPACE
            to = store(packed, tile, channels=row_bytes, group_channels=config.pool_channels, lanes=config.lanes)
            descriptors.append(
                {
                    **fixed_fields(Operation.MAX_POOL, pad_value=pad_value),
                    "param_address": param_address,
                    **fields,
                    "kernel_y": 1,
                    **to,
                    "output_address": to["output_address"] + word,
                    "lane_place": byte // config.lanes,
                }
            )
    return tuple(descriptors)
