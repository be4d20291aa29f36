"""Activation memory: where every tensor lies, with reuse of what is no longer needed (SPEC section 8)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from golden.graph import FullyConnected, Graph, Reshape, Tensor
from hwgen.config import AcceleratorConfig


@dataclass(frozen=True)
class Placement:
    """A tensor in activation memory.

    base:            word of its first pixel.
    shape:           (H, W, C) as stored: a map's own; for a vector (1, 1, N), or that of the map which it flattens.
    words_per_pixel: words from a pixel to the next.  Channel c of pixel (y, x) is byte c % R of word
                     base + y * words_per_row + x * words_per_pixel + c // R.
    dense_row:       0, or the map is stored without gaps, each row of W * C bytes in so many words of its own: channel c of pixel
                     (y, x) is byte b % R of word base + y * dense_row + b // R, with b = x * C + c.
    whole_row:       0, or the map lies within another, and this is how many words a row of that one takes.
    channel_words:   words of a pixel that hold its channels; 0 where they are all, as in every map that lies within no other.
    first_byte:      byte of its word in which channel 0 is; other than 0 only in maps that are read as part of another alone.
    """

    base: int
    shape: tuple[int, int, int]
    words_per_pixel: int
    dense_row: int = 0
    whole_row: int = 0
    channel_words: int = 0
    first_byte: int = 0

    @property
    def dense(self) -> bool:
        """Whether it is stored without gaps."""
        return self.dense_row > 0

    @property
    def words_per_row(self) -> int:
        """Words from a row to the next."""
        return self.dense_row or self.whole_row or self.shape[1] * self.words_per_pixel

    @property
    def pixel_words(self) -> int:
        """Words that hold the channels of a pixel."""
        return self.channel_words or self.words_per_pixel

    @property
    def words(self) -> int:
        """Words from the first to the last that it takes."""
        if self.dense:
            return self.shape[0] * self.dense_row
        return (self.shape[0] - 1) * self.words_per_row + (self.shape[1] - 1) * self.words_per_pixel + self.pixel_words


@dataclass(frozen=True)
class Buffer:
    """A piece of memory before it has a place: its size, and the first and last operator at which it must hold."""

    name: str
    words: int
    first: int
    last: int


@dataclass(frozen=True)
class Inside:
    """Where a tensor lies that has no storage of its own: in which map, and at which row, column and byte of a pixel of that."""

    whole: str
    y: int = 0
    x: int = 0
    byte: int = 0


def map_shape(tensor: Tensor) -> tuple[int, int, int]:
    """(H, W, C) of a tensor; a vector is one pixel."""
    if len(tensor.shape) == 3:
        return tensor.shape
    return (1, 1, tensor.size)


def stored_as(graph: Graph) -> dict[str, str]:
    """For every tensor the one whose storage it shares: reshapes that leave channels where they are move nothing."""
    owner = {name: name for name in graph.tensors}
    for op in graph.ops:
        if isinstance(op, Reshape) and _moves_nothing(graph, op, map_shape(graph.tensors[owner[op.inputs[0]]])):
            owner[op.output] = owner[op.inputs[0]]
    return owner


def _moves_nothing(graph: Graph, op: Reshape, stored: tuple[int, int, int]) -> bool:
    """Whether a reshape of a map that is stored so leaves it as it is: the same channels, or a vector that nothing reads as one."""
    shape = graph.op_output(op).shape
    if len(shape) == 3:
        return shape[2] == stored[2]
    return stored[:2] == (1, 1) or all(isinstance(reader, (FullyConnected, Reshape)) for reader in graph.consumers(op.output))


def arrange(buffers: list[Buffer]) -> dict[str, int]:
    """Base word of each buffer, so that no two that are needed at the same time overlap.

    Largest first, each at the lowest place that is free during its whole life: a greedy bound, not an optimum.
    """
    placed: list[tuple[int, Buffer]] = []
    for buffer in sorted(buffers, key=lambda b: (-b.words, b.first, b.name)):
        base = 0
        for start, other in sorted(placed, key=lambda item: item[0]):
            together = buffer.first <= other.last and other.first <= buffer.last
            if together and start < base + buffer.words and base < start + other.words:
                base = start + other.words
        placed.append((base, buffer))
    return {buffer.name: base for base, buffer in placed}


def _placement(base: int, shape: tuple[int, int, int], rows: int, dense: bool) -> Placement:
    return Placement(base, shape, -(-shape[2] // rows), -(-shape[1] * shape[2] // rows) if dense else 0)


def _view(stored: Placement, tensor: Tensor) -> Placement:
    """The storage as a tensor that shares it sees it."""
    if len(tensor.shape) != 3 or tensor.shape == stored.shape:
        return stored
    return replace(stored, shape=tensor.shape, whole_row=0)


def _part(whole: Placement, shape: tuple[int, int, int], inside: Inside, rows: int) -> Placement:
    """A map within another."""
    word, byte = divmod(inside.byte, rows)
    return Placement(
        base=whole.base + inside.y * whole.words_per_row + inside.x * whole.words_per_pixel + word,
        shape=shape,
        words_per_pixel=whole.words_per_pixel,
        whole_row=whole.words_per_row,
        channel_words=-(-(byte + shape[2]) // rows),
        first_byte=byte,
    )


def place(
    graph: Graph,
    config: AcceleratorConfig,
    *,
    dense: Collection[str] = (),
    scratch: Mapping[str, tuple[str, tuple[int, int, int]]] | None = None,
    inside: Mapping[str, Inside] | None = None,
) -> tuple[dict[str, Placement], int]:
    """The placement of every tensor, and the words of activation memory that it takes in all.

    dense:   inputs to store without gaps.
    scratch: further maps, by name: the operator that needs one while it runs, and its shape.
    inside:  tensors that lie in others, or in further maps.

    Inputs hold from the start to their last use, outputs to the end, everything else from the operator that makes it to the last
    that reads it; a map that others lie in from the first of them to the last.
    """
    inside = inside or {}
    owner = stored_as(graph)
    first = dict.fromkeys(graph.inputs, -1)
    last: dict[str, int] = {}
    for index, op in enumerate(graph.ops):
        for name in op.inputs:
            last[owner[name]] = index
        if owner[op.output] == op.output:
            first[op.output] = index
            last.setdefault(op.output, index)
    for name in graph.outputs:
        last[owner[name]] = len(graph.ops)

    shapes = {name: map_shape(graph.tensors[name]) for name in first}
    steps = {op.name: index for index, op in enumerate(graph.ops)}
    for name, (op_name, shape) in (scratch or {}).items():
        shapes[name], owner[name] = shape, name
        first[name] = last[name] = steps[op_name]
    for name, spot in inside.items():
        first[spot.whole] = min(first[spot.whole], first.pop(name))
        last[spot.whole] = max(last[spot.whole], last.get(name, -1))
    sizes = {name: _placement(0, shapes[name], config.rows, name in dense) for name in first}
    buffers = [Buffer(name, size.words, first[name], last.get(name, -1)) for name, size in sizes.items()]
    bases = arrange(buffers)
    own = {name: replace(size, base=bases[name]) for name, size in sizes.items()}
    peak = max((bases[buffer.name] + buffer.words for buffer in buffers), default=0)
    own |= {name: _part(own[spot.whole], shapes[name], spot, config.rows) for name, spot in inside.items()}
    # A map that is a reshape of another has the same pixels in rows of its own length; a vector keeps the shape of what it flattens.
    views = {name: _view(own[owner[name]], tensor) for name, tensor in graph.tensors.items()}
    return {**views, **{name: own[name] for name in scratch or {}}}, peak
