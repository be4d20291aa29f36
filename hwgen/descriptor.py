"""The layer descriptor: the program word of the accelerator, declared once (SPEC section 6).

Gateware, compiler, disassembly and documents derive from `FIELDS`.  A program is a list of
descriptors, one for each layer or pixel tile of a layer; a descriptor is `WORDS` 32-bit words.
Fields are packed in the order declared; none straddles a 32-bit word.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

WORD_BITS = 32


class Operation(enum.IntEnum):
    """What the array and the post-processor do with the activations that the feeder streams."""

    CONV = 0  #: weights in the array, psums accumulated
    MAX_POOL = 1  #: past the array; the accumulator keeps the largest
    AVERAGE_POOL = 2  #: past the array; the accumulator sums, the post-processor divides magnitudes
    SUM = 3  #: past the array; the accumulator sums, the post-processor rescales like a convolution's
    ADD = 4  #: past the array, through the tables; tap 0 is the first operand, tap 1 the second
    DEPTHWISE = 5  #: weights in the array, each column takes its own channel


#: Operations whose words go through the array; the others go past it.
ARRAY_OPERATIONS = (Operation.CONV, Operation.DEPTHWISE)


@dataclass(frozen=True)
class Field:
    """One descriptor field: `bits` wide, two's complement if `signed`; `word` and `offset` say where it lies."""

    name: str
    bits: int
    signed: bool
    unit: str
    doc: str
    word: int = 0
    offset: int = 0

    @property
    def low(self) -> int:
        """Smallest value."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """Largest value."""
        return (1 << (self.bits - self.signed)) - 1


_DECLARED: tuple[tuple[str, int, bool, str, str], ...] = (
    # name, bits, signed, unit, doc
    (
        "operation",
        4,
        False,
        "all",
        "0 convolution or fully connected, 1 max pooling, 2 average pooling, 3 sum, 4 residual add, 5 depthwise convolution",
    ),
    ("barrier", 1, False, "feeder", "wait for the last write of everything before"),
    ("last", 1, False, "sequencer", "last descriptor of the program"),
    ("layer", 8, False, "counters", "layer index, for the counters and the write log"),
    ("pad_value", 8, True, "feeder", "what padding holds: the input's zero point"),
    ("param_step", 1, False, "post", "1: a record per output channel; 0: one record for all"),
    ("groups", 16, False, "feeder, post", "output groups"),
    ("kernel_y", 8, False, "feeder", "kernel rows"),
    ("kernel_x", 8, False, "feeder", "kernel columns"),
    ("channel_words", 16, False, "feeder", "activation words per input pixel that are read"),
    ("pixels_y", 16, False, "feeder, post", "output rows of the pixel tile"),
    ("pixels_x", 16, False, "feeder, post", "output columns of the pixel tile"),
    ("pixels", 17, False, "post", "pixels_y * pixels_x"),
    ("start_y", 15, True, "feeder", "input row of the first tap of the first pixel; negative in the padding"),
    ("start_x", 16, True, "feeder", "input column of the same"),
    ("height", 16, False, "feeder", "input rows"),
    ("width", 16, False, "feeder", "input columns"),
    ("stride_y", 8, False, "feeder", "input rows per output row"),
    ("stride_x", 8, False, "feeder", "input columns per output column"),
    ("dilation_y", 8, False, "feeder", "input rows per kernel row"),
    ("dilation_x", 8, False, "feeder", "input columns per kernel column"),
    ("act_address", 24, False, "feeder", "word of the first tap of the first pixel, modulo 2^24"),
    ("lane_place", 8, False, "post", "place in the output word, in units of lanes, at which the first group starts"),
    ("step_x", 24, True, "feeder", "words to the next output column"),
    ("lane_groups", 8, False, "post", "lane groups of an output group: ceil(channels / lanes)"),
    ("step_y", 24, True, "feeder", "words from the first pixel of an output row to that of the next"),
    ("lane_groups_last", 8, False, "post", "the same of the last output group"),
    ("step_kernel_x", 24, True, "feeder", "words from the last channel word of a tap to the first of the next"),
    ("output_zero_point", 8, True, "post", "added after the rescale"),
    ("step_kernel_y", 24, True, "feeder", "words from the last tap of a kernel row to the first of the next"),
    ("act_min", 8, True, "post", "lower clamp"),
    ("output_address", 24, False, "post", "word of the first output pixel's first channels"),
    ("act_max", 8, True, "post", "upper clamp"),
    ("output_step_y", 24, True, "post", "words from the first pixel of an output row to that of the next"),
    ("output_step_x", 16, False, "post", "words to the next output pixel"),
    ("param_address", 16, False, "post", "parameter record of the first output channel"),
    ("weight_address", 24, False, "loader", "word of the first weight tile"),
    ("tiles", 24, False, "loader", "weight tiles of the descriptor, all groups together"),
    ("table", 8, False, "pooling", "table of a residual add"),
    ("stream_x", 16, False, "feeder", "depthwise: words read for an output row"),
    ("decimate", 8, False, "feeder", "depthwise: input columns per output column"),
    ("extra_walks", 2, False, "feeder", "times that a group's kernel is walked again, with weights of its own"),
    ("paired", 1, False, "feeder, post", "depthwise at stride 2: a group is two slices of a word, whose pixels alternate"),
    ("dense", 1, False, "feeder", "the map is dense: width, start_x and stride_x count bytes, several taps are one word"),
    ("dense_byte", 7, False, "feeder", "dense: byte, in its memory word, of the last byte of an output row's first window"),
    ("dense_shift", 8, False, "feeder", "dense: R + 1 - bytes of a window"),
)


def _pack(declared: tuple[tuple[str, int, bool, str, str], ...]) -> tuple[Field, ...]:
    fields, word, offset = [], 0, 0
    for name, bits, signed, unit, doc in declared:
        if offset + bits > WORD_BITS:
            word, offset = word + 1, 0
        fields.append(Field(name, bits, signed, unit, doc, word, offset))
        offset += bits
    return tuple(fields)


FIELDS = _pack(_DECLARED)
BY_NAME = {field.name: field for field in FIELDS}
WORDS = FIELDS[-1].word + 1


def out_of_range(values: Mapping[str, int]) -> list[str]:
    """Says for each value that its field cannot hold what it is and what the field can; empty if all fit."""
    return [
        f"{field.name} is {values[field.name]}, but the descriptor holds {field.low} to {field.high}"
        for field in FIELDS
        if not field.low <= values[field.name] <= field.high
    ]


def encode(values: Mapping[str, int]) -> tuple[int, ...]:
    """Packs a value for every field into `WORDS` unsigned 32-bit words.  Raises ValueError for other fields or a value out of range."""
    if set(values) != set(BY_NAME):
        raise ValueError(f"fields differ: {sorted(set(values) ^ set(BY_NAME))}")
    if problems := out_of_range(values):
        raise ValueError("; ".join(problems))
    words = [0] * WORDS
    for field in FIELDS:
        words[field.word] |= (values[field.name] & ((1 << field.bits) - 1)) << field.offset
    return tuple(words)


def decode(words: tuple[int, ...]) -> dict[str, int]:
    """Unpacks what `encode` packed."""
    values = {}
    for field in FIELDS:
        raw = (words[field.word] >> field.offset) & ((1 << field.bits) - 1)
        values[field.name] = raw - (1 << field.bits) if field.signed and raw >> (field.bits - 1) else raw
    return values
