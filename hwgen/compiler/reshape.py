"""Reshapes that move channels: the array joins pixels to larger ones, or divides them (SPEC section 2)."""

from __future__ import annotations

import math
from collections.abc import Mapping

from golden.graph import Reshape, Window
from hwgen.compiler.lowered import Lowered, Pass, identity_record
from hwgen.compiler.placement import Placement
from hwgen.compiler.selection import Selections
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import BY_NAME

#: Pixels that a window can join.
_MOST = BY_NAME["kernel_x"].high


def _units(shape: tuple[int, int, int], rows: int) -> set[int]:
    """Elements of the pieces, each from the start of a word on, that a map can be seen as a row of: its pixels; its words, where
    these follow each other without gaps."""
    height, width, channels = shape
    return {channels, rows} if channels % rows == 0 or (height * width == 1 and channels > rows) else {channels}


def _plan(source: tuple[int, int, int], target: tuple[int, int, int], rows: int) -> tuple[int, int, int]:
    """Elements of the pieces in which the source is read, of those between, and of those in which the target is written.

    Pieces of the source are whole numbers of those of the target, or the other way round; else both are of pieces of their common
    divisor, which then have a map of their own.
    """
    pairs = [(a, b) for a in sorted(_units(source, rows)) for b in sorted(_units(target, rows))]
    direct = [(max(a, b) // min(a, b), a, b) for a, b in pairs if (a % b == 0 or b % a == 0) and b // a <= _MOST]
    if direct:
        _, a, b = min(direct)
        return a, min(a, b), b
    _, a, b = min((a // math.gcd(a, b) + b // math.gcd(a, b), a, b) for a, b in pairs)
    return a, math.gcd(a, b), b


def divided_name(op: Reshape) -> str:
    """Name of the map between."""
    return f"{op.name} (divided)"


def divided_shape(source: tuple[int, int, int], target: tuple[int, int, int], config: AcceleratorConfig) -> tuple[int, int, int] | None:
    """Shape of the map between, where a reshape needs one."""
    a, between, b = _plan(source, target, config.rows)
    return None if between in (a, b) else (1, math.prod(source) // between, between)


def lower_reshape(op: Reshape, source: Placement, target: Placement, divided: Placement | None, config: AcceleratorConfig) -> Lowered:
    """Lowers a reshape that moves channels; divided: the map between, where there is one."""
    a, between, b = _plan(source.shape, target.shape, config.rows)
    made = Selections(config)
    passes = []
    if divided is not None:
        passes.append(Pass(divided_name(op), op.kind, divided_name(op), _divide(made, source, a, divided, between, config)))
        source, a = divided, between
    move = _divide if a > b else _join
    passes.append(Pass(op.name, op.kind, op.output, move(made, source, a, target, b, config)))
    return Lowered(tuple(passes), made.weights, identity_record(config))


def _row(place: Placement, unit: int) -> Placement:
    """A map as a row of pieces."""
    count = place.shape[0] * place.shape[1]
    if unit == place.shape[2]:
        return Placement(place.base, (1, count, unit), place.words_per_pixel)
    return Placement(place.base, (1, count * place.words_per_pixel, unit), 1)


def _divide(
    made: Selections, source: Placement, larger: int, target: Placement, smaller: int, config: AcceleratorConfig
) -> tuple[Mapping[str, int], ...]:
    """Each piece of the source to `larger / smaller` pieces of the target: of all source pieces the first, then of all the second ..."""
    begin, pieces, size = len(made.descriptors), _row(source, larger), math.prod(source.shape)
    step = _row(target, smaller).words_per_pixel
    for part in range(larger // smaller):
        count = -(-(size - part * smaller) // larger)  # the last word of a vector may have fewer
        if count > 0:
            every = Placement(target.base + part * step, (1, count, smaller), step * (larger // smaller), channel_words=step)
            made.add(range(part * smaller, (part + 1) * smaller), pieces, Window((1, 1)), every, (1, count))
    return tuple(made.descriptors[begin:])


def _join(
    made: Selections, source: Placement, smaller: int, target: Placement, larger: int, config: AcceleratorConfig
) -> tuple[Mapping[str, int], ...]:
    """Pieces of the source side by side; the last piece of the target, a vector's last word, may be shorter."""
    begin, pieces, taps = len(made.descriptors), _row(source, smaller), larger // smaller
    bytes_of_tap = pieces.words_per_pixel * config.rows
    positions = [tap * bytes_of_tap + byte for tap in range(taps) for byte in range(smaller)]
    count, rest = divmod(math.prod(source.shape), larger)
    to = _row(target, larger)
    if count:
        made.add(positions, pieces, Window((1, taps), (1, taps)), to, (1, count))
    if rest:
        begins = Placement(pieces.base + count * taps * pieces.words_per_pixel, (1, rest // smaller, smaller), pieces.words_per_pixel)
        ends = Placement(to.base + count * to.words_per_pixel, (1, 1, rest), to.words_per_pixel)
        made.add(positions[:rest], begins, Window((1, taps), (1, taps)), ends, (1, 1))
    return tuple(made.descriptors[begin:])
