"""How the feeder walks over a map: the address part of a descriptor, the same for convolution and pooling."""

from __future__ import annotations

from collections.abc import Mapping

from golden.graph import Window
from hwgen.compiler.placement import Placement
from hwgen.compiler.tiling import Tile
from hwgen.descriptor import BY_NAME

#: Addresses are taken modulo this.
ADDRESS_SPACE = 1 << BY_NAME["act_address"].bits


def walk(source: Placement, window: Window, tile: Tile, *, channel_words: int, first_tap: tuple[int, int] = (0, 0)) -> dict[str, int]:
    """Descriptor fields for reading every window of a tile's pixels.

    window.kernel counts the taps that are read; first_tap is the first of them where others are left out (pooling at borders).
    channel_words: words of a pixel that a tap reads one after the other (1 for pooling, whose groups walk along the words).
    Addresses in the padding are outside the map, or of another pixel; the feeder puts the zero point in their place.
    """
    height, width, _ = source.shape
    words, row = source.words_per_pixel, source.words_per_row
    (kernel_y, kernel_x), (stride_y, stride_x), (dilation_y, dilation_x) = window.kernel, window.stride, window.dilation
    start_y = tile.y * stride_y - window.padding.top + first_tap[0] * dilation_y
    start_x = tile.x * stride_x - window.padding.left + first_tap[1] * dilation_x
    back_over_words = channel_words - 1
    return {
        "kernel_y": kernel_y,
        "kernel_x": kernel_x,
        "channel_words": channel_words,
        "pixels_y": tile.rows,
        "pixels_x": tile.cols,
        "pixels": tile.pixels,
        "start_y": start_y,
        "start_x": start_x,
        "height": height,
        "width": width,
        "stride_y": stride_y,
        "stride_x": stride_x,
        "dilation_y": dilation_y,
        "dilation_x": dilation_x,
        "act_address": (source.base + start_y * row + start_x * words) % ADDRESS_SPACE,
        "step_x": stride_x * words,
        "step_y": stride_y * row,
        "step_kernel_x": dilation_x * words - back_over_words,
        "step_kernel_y": dilation_y * row - (kernel_x - 1) * dilation_x * words - back_over_words,
    }


def store(target: Placement, tile: Tile, *, channels: int, group_channels: int, lanes: int) -> dict[str, int]:
    """Descriptor fields for writing a tile's pixels: groups of group_channels channels, worked off in lane groups."""
    lane_groups = -(-channels // lanes)
    groups = -(-channels // group_channels)
    per_group = group_channels // lanes
    return {
        "groups": groups,
        "lane_groups": per_group,
        "lane_groups_last": lane_groups - (groups - 1) * per_group,
        "lane_place": target.first_byte // lanes,
        "output_address": target.base + tile.y * target.words_per_row + tile.x * target.words_per_pixel,
        "output_step_x": target.words_per_pixel,
        "output_step_y": target.words_per_row,
    }


def out_of_reach(fields: Mapping[str, int], place_bits: int) -> list[str]:
    """Says for each coordinate of a descriptor that the feeder cannot count to its last value, in the padding behind the map."""
    columns = fields["stream_x"] or fields["pixels_x"]
    found = []
    for axis, count in (("y", fields["pixels_y"]), ("x", columns)):
        last = (
            fields[f"start_{axis}"] + (count - 1) * fields[f"stride_{axis}"] + (fields[f"kernel_{axis}"] - 1) * fields[f"dilation_{axis}"]
        )
        if last >= 1 << (place_bits - 1):
            found.append(f"windows reach {axis} = {last}, but the feeder counts to {(1 << (place_bits - 1)) - 1}")
    return found
