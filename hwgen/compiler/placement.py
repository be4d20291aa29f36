"""Activation memory: where every tensor lies, with reuse of what is no longer needed (SPEC section 8)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from golden.graph import Graph, Reshape, Tensor
from hwgen.config import AcceleratorConfig


@dataclass(frozen=True)
class Placement:
    """A tensor in activation memory.

    base:            word of its first pixel.
    shape:           (H, W, C) as stored: a map's own; for a vector (1, 1, N), or that of the map which it flattens.
    words_per_pixel: ceil(C / R).  Channel c of pixel p is byte c % R of word base + p * words_per_pixel + c // R.
    dense_row:       0, or the map is stored without gaps, each row of W * C bytes in so many words of its own: channel c of pixel
                     (y, x) is byte b % R of word base + y * dense_row + b // R, with b = x * C + c.
    """

    base: int
    shape: tuple[int, int, int]
    words_per_pixel: int
    dense_row: int = 0

    @property
    def dense(self) -> bool:
        """Whether it is stored without gaps."""
        return self.dense_row > 0

    @property
    def words_per_row(self) -> int:
        """Words from a row to the next."""
        return self.dense_row or self.shape[1] * self.words_per_pixel

    @property
    def words(self) -> int:
        """Words that it takes."""
        return self.shape[0] * self.words_per_row


@dataclass(frozen=True)
class Buffer:
    """A piece of memory before it has a place: its size, and the first and last operator at which it must hold."""

    name: str
    words: int
    first: int
    last: int


def map_shape(tensor: Tensor) -> tuple[int, int, int]:
    """(H, W, C) of a tensor; a vector is one pixel."""
    if len(tensor.shape) == 3:
        return tensor.shape
    return (1, 1, tensor.size)


def stored_as(graph: Graph) -> dict[str, str]:
    """For every tensor the one whose storage it shares: reshapes move nothing."""
    owner = {name: name for name in graph.tensors}
    for op in graph.ops:
        if isinstance(op, Reshape):
            owner[op.output] = owner[op.inputs[0]]
    return owner


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
    return replace(stored, shape=tensor.shape)


def place(
    graph: Graph,
    config: AcceleratorConfig,
    *,
    dense: Collection[str] = (),
    scratch: Mapping[str, tuple[str, tuple[int, int, int]]] | None = None,
) -> tuple[dict[str, Placement], int]:
    """The placement of every tensor, and the words of activation memory that it takes in all.

    dense:   inputs to store without gaps.
    scratch: further maps, by name: the operator that needs one while it runs, and its shape.

    Inputs hold from the start to their last use, outputs to the end, everything else from the operator that makes it to the last
    that reads it.
    """
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
    sizes = {name: _placement(0, shape, config.rows, name in dense) for name, shape in shapes.items()}
    buffers = [Buffer(name, size.words, first[name], last.get(name, -1)) for name, size in sizes.items()]
    bases = arrange(buffers)
    own = {name: replace(size, base=bases[name]) for name, size in sizes.items()}
    peak = max((bases[buffer.name] + buffer.words for buffer in buffers), default=0)
    # A map that is a reshape of another has the same pixels in rows of its own length; a vector keeps the shape of what it flattens.
    views = {name: _view(own[owner[name]], tensor) for name, tensor in graph.tensors.items()}
    return {**views, **{name: own[name] for name in scratch or {}}}, peak
