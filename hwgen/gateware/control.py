"""What travels beside the data, from the feeder to the accumulators."""

from __future__ import annotations

from amaranth.lib import data

#: valid: the word counts; first: first tile of its group, the accumulator starts anew; tile_last: last pixel of a tile;
#: group_last: last pixel of the last tile of an output group.
Control = data.StructLayout({"valid": 1, "first": 1, "tile_last": 1, "group_last": 1})
