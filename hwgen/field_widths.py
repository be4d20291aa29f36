"""Bits of the descriptor's fields that an accelerator looks at (SPEC section 6)."""

from __future__ import annotations

from collections.abc import Mapping

from hwgen.config import AcceleratorConfig
from hwgen.descriptor import BY_NAME, Field

_SIZES = ("groups", "channel_words", "pixels_y", "pixels_x", "height", "width", "stream_x")
_PLACES = ("start_y", "start_x")
_SMALL = ("kernel_y", "kernel_x", "stride_y", "stride_x", "dilation_y", "dilation_x", "decimate")


def field_bits(config: AcceleratorConfig, name: str) -> int:
    """Lowest bits of a field that the units have registers and counters for; all others are copies of the sign, or 0."""
    bits = BY_NAME[name].bits
    if name in _SIZES or name in _SMALL:
        return min(bits, config.size_bits)
    if name in _PLACES:
        return min(bits, config.place_bits)
    if name == "pixels":
        return min(bits, config.acc_depth.bit_length())
    if name == "tiles":  # of a word at least
        return min(bits, config.weight_depth.bit_length())
    return bits


def too_large(config: AcceleratorConfig, values: Mapping[str, int]) -> list[str]:
    """Says for each value of a descriptor that the accelerator's registers are too narrow for it; empty if all fit."""
    found = []
    for name in (*_SIZES, *_PLACES, *_SMALL):
        value, bits = values[name], field_bits(config, name)
        if bits == BY_NAME[name].bits:
            continue  # as the descriptor itself refuses it
        narrow = Field(name, bits, BY_NAME[name].signed, "", "")
        if not narrow.low <= value <= narrow.high:
            found.append(f"{name} is {value}, but with size_bits = {config.size_bits} it can be {narrow.low} to {narrow.high}")
    return found
