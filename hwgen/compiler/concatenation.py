"""Concatenation: its inputs are written where they belong in the output, or copied there (SPEC section 8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from golden.graph import Add, Concatenation, Graph, Op, Reshape, Window
from hwgen.compiler.elementwise import copy_descriptors
from hwgen.compiler.lowered import Box, Lowered, Pass, identity_record, no_weights
from hwgen.compiler.placement import Inside, Placement, map_shape, stored_as
from hwgen.compiler.selection import Selections
from hwgen.config import AcceleratorConfig

#: Kind of a pass that gathers inputs, as a layer.
GATHER = "gather"

Corner = tuple[int, int, int]


@dataclass(frozen=True)
class Piece:
    """An input of a concatenation, and the map that it goes to: at which row, column and channel of the output, or of a gathered map."""

    tensor: str
    shape: Corner
    into: str
    at: Corner


@dataclass(frozen=True)
class Gathered:
    """A map in which inputs lie side by side, each from the start of a word on; the array closes the gaps between them.

    channel:   of the output at which its channels begin.
    positions: for every channel of its inputs, in order, where it is in the map.
    """

    name: str
    shape: Corner
    channel: int
    positions: tuple[int, ...]


@dataclass(frozen=True)
class Join:
    """What a concatenation takes: pieces that lie where they belong need no pass."""

    pieces: tuple[Piece, ...]
    gathered: tuple[Gathered, ...]


def nest(graph: Graph) -> Graph:
    """The same network, in which a concatenation whose inputs contain all those of an earlier one, side by side, has that one's output
    instead of them, as in a DenseNet: fewer pieces."""
    ops: list[Op] = []
    earlier: list[tuple[tuple[str, ...], int, str]] = []
    for op in graph.ops:
        if not isinstance(op, Concatenation):
            ops.append(op)
            continue
        inputs = op.inputs
        for run, axis, output in sorted(earlier, key=lambda item: -len(item[0])):
            start = next((i for i in range(len(inputs) - len(run) + 1) if inputs[i : i + len(run)] == run), None)
            if start is not None and axis == op.axis and len(run) < len(inputs):
                inputs = (*inputs[:start], output, *inputs[start + len(run) :])
        earlier.append((op.inputs, op.axis, op.output))
        ops.append(replace(op, inputs=inputs))
    return replace(graph, ops=tuple(ops))


def divide(graph: Graph, op: Concatenation, config: AcceleratorConfig) -> Join:
    """The pieces of a concatenation.

    Lanes write whole lane groups.  Inputs of which one ends and the next begins within a lane group are gathered in a map of their own.
    """
    shapes = [map_shape(tensor) for tensor in graph.op_inputs(op)]
    height, width, channels = map_shape(graph.op_output(op))
    axis = 2 if len(graph.op_output(op).shape) == 1 else op.axis
    starts = [sum(shape[axis] for shape in shapes[:i]) for i in range(len(shapes) + 1)]
    pieces: list[Piece] = []
    gathered: list[Gathered] = []
    first = 0
    for end in range(1, len(shapes) + 1):
        if end < len(shapes) and axis == 2 and starts[end] % config.lanes:
            continue
        run = range(first, end)
        if len(run) == 1:
            at = (starts[first] if axis == 0 else 0, starts[first] if axis == 1 else 0, starts[first] if axis == 2 else 0)
            pieces.append(Piece(op.inputs[first], shapes[first], op.output, at))
        else:
            name = f"{op.name} (gathered{f' {len(gathered) + 1}' if gathered else ''})"
            positions: list[int] = []
            word = 0
            for i in run:
                pieces.append(Piece(op.inputs[i], shapes[i], name, (0, 0, word * config.rows)))
                positions += range(word * config.rows, word * config.rows + shapes[i][2])
                word += -(-shapes[i][2] // config.rows)
            gathered.append(Gathered(name, (height, width, positions[-1] + 1), starts[first], tuple(positions)))
        first = end
    assert starts[-1] == (height, width, channels)[axis]
    return Join(tuple(pieces), tuple(gathered))


def joins(graph: Graph, config: AcceleratorConfig) -> dict[str, Join]:
    """Every concatenation of a network, by the operator's name."""
    return {op.name: divide(graph, op, config) for op in graph.ops if isinstance(op, Concatenation)}


def inside_others(graph: Graph, divided: Mapping[str, Join], config: AcceleratorConfig) -> dict[str, Inside]:
    """The tensors whose producers can write them straight to where a concatenation wants them.

    The last concatenation comes first, so that one which feeds another has a place before its own inputs get theirs.
    """
    places = _Places(graph, divided, config)
    for op in reversed(graph.ops):
        if not isinstance(op, Concatenation):
            continue
        for piece in divided[op.name].pieces:
            spot = spot_of(piece, places.inside)
            if op.inputs.count(piece.tensor) == 1 and places.allows(piece.tensor, spot, op):
                places.inside[piece.tensor] = spot
    return places.inside


def spot_of(piece: Piece, inside: Mapping[str, Inside]) -> Inside:
    """Where a piece lies if its producer writes it where it belongs."""
    whole = inside.get(piece.into, Inside(piece.into))
    return Inside(whole.whole, whole.y + piece.at[0], whole.x + piece.at[1], whole.byte + piece.at[2])


class _Places:
    """The places given so far, and which others they allow."""

    def __init__(self, graph: Graph, divided: Mapping[str, Join], config: AcceleratorConfig) -> None:
        self.graph, self.config = graph, config
        self.owner = stored_as(graph)
        self.kept = {*graph.inputs, *(self.owner[name] for name in graph.outputs)}  # the host finds these as they are
        self.inside: dict[str, Inside] = {}
        self.shapes = {name: map_shape(tensor) for name, tensor in graph.tensors.items()}
        self.shapes |= {gathered.name: gathered.shape for join in divided.values() for gathered in join.gathered}

    def allows(self, name: str, spot: Inside, joining: Concatenation) -> bool:
        """Whether a tensor can lie there: an operator makes it, it has no place yet, and what reads it can walk over it.

        joining: the concatenation that wants it there.
        """
        if name in self.kept or name in self.inside or self.owner[name] != name:
            return False
        views = [view for view, owner in self.owner.items() if owner == name]
        readers = [op for view in views for op in self.graph.consumers(view)]
        if spot.byte % self.config.rows and readers != [joining]:
            return False  # what is read begins with a word
        reshapes = [op for op in readers if isinstance(op, Reshape) and len(self.graph.op_output(op).shape) == 3]
        moving = [op for op in self.graph.ops if isinstance(op, Reshape) and self.owner[op.output] == op.output]
        if (reshapes and self.shapes[spot.whole][1] != self.shapes[name][1]) or any(op in readers or op.output == name for op in moving):
            return False  # rows of another length, and the array's pieces, need pixels without gaps between them
        # A residual add reads both operands with the same steps.
        others = {self.owner[other] for op in readers if isinstance(op, Add) for other in op.inputs} - {name}
        return all(self._steps(self.inside.get(other, Inside(other)).whole) == self._steps(spot.whole) for other in others)

    def _steps(self, whole: str) -> tuple[int, int]:
        """Words to the next pixel, and to the next row, of a map and of what lies in it."""
        words = -(-self.shapes[whole][2] // self.config.rows)
        return words, self.shapes[whole][1] * words


def lower_concatenation(
    op: Concatenation, join: Join, inside: Mapping[str, Inside], placements: Mapping[str, Placement], config: AcceleratorConfig
) -> Lowered:
    """Passes for what does not lie where it belongs: copies into gathered maps, from these through the array, copies into the output.

    inside: which tensors have been placed where; no pass is left where all have.
    """
    target = placements[op.output]
    left = [piece for piece in join.pieces if inside.get(piece.tensor, Inside(piece.tensor)) != spot_of(piece, inside)]

    def copies(into: str) -> tuple[Mapping[str, int], ...]:
        pieces = [piece for piece in left if piece.into == into]
        return tuple(
            fields for piece in pieces for fields in copy_descriptors(placements[piece.tensor], placements[into], config, at=piece.at)
        )

    passes = []
    for gathered in join.gathered:
        if descriptors := copies(gathered.name):
            passes.append(Pass(gathered.name, GATHER, gathered.name, descriptors))
    selections = Selections(config)
    for gathered in join.gathered:
        selections.add(gathered.positions, placements[gathered.name], Window((1, 1)), target, target.shape[:2], channel=gathered.channel)
    closed = [Box((0, 0, gathered.channel), (*target.shape[:2], len(gathered.positions))) for gathered in join.gathered]
    copied = [Box(piece.at, piece.shape) for piece in left if piece.into == op.output]
    whole = [Box((0, 0, 0), target.shape)]
    if closed:
        passes.append(Pass(op.name, op.kind, op.output, tuple(selections.descriptors), () if closed == whole else tuple(closed)))
    if copied:
        everything = not closed and len(copied) == len(join.pieces)
        name = f"{op.name} (copy)" if closed else op.name
        passes.append(Pass(name, op.kind, op.output, copies(op.output), () if everything else tuple(copied)))
    return Lowered(tuple(passes), selections.weights if closed else no_weights(config), identity_record(config) if passes else ())
