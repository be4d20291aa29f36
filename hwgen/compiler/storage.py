"""What lies where in activation memory: tensors, the program's own maps, and what concatenations put into each other."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from golden.graph import Conv2d, Graph, Reshape
from hwgen.compiler.concatenation import Join, inside_others, joins
from hwgen.compiler.packing import dense_inputs, packed_name, packed_shape, packs
from hwgen.compiler.placement import Inside, Placement, map_shape, place, stored_as
from hwgen.compiler.reshape import divided_name, divided_shape
from hwgen.config import AcceleratorConfig


@dataclass(frozen=True, eq=False)
class Storage:
    """Where everything lies.

    placements: of every tensor, and of the maps that pack passes, concatenations and reshapes fill for themselves.
    words:      of activation memory that they take in all.
    joins:      what each concatenation takes, by the operator's name.
    inside:     tensors that lie in others, so that no concatenation has to copy them.
    shared:     outputs of reshapes that move nothing.
    """

    placements: Mapping[str, Placement]
    words: int
    joins: Mapping[str, Join]
    inside: Mapping[str, Inside]
    shared: Collection[str]


def store(graph: Graph, config: AcceleratorConfig) -> Storage:
    """Gives everything a place.

    A tensor inside another saves the copy, but the other's memory is taken from then on: where that is more than there is, and less
    without, concatenations copy.
    """
    dense = dense_inputs(graph, config)
    joined = joins(graph, config)
    scratch = {
        packed_name(op): (op.name, packed_shape(op, graph.op_inputs(op)[0].shape[2], graph.op_output(op).shape))
        for op in graph.ops
        if isinstance(op, Conv2d) and op.inputs[0] in dense and packs(op, graph.op_inputs(op)[0].shape[2], config)
    }
    scratch |= {gathered.name: (name, gathered.shape) for name, join in joined.items() for gathered in join.gathered}
    owner = stored_as(graph)
    for op in graph.ops:
        if isinstance(op, Reshape) and owner[op.output] == op.output:
            shapes = map_shape(graph.tensors[owner[op.inputs[0]]]), map_shape(graph.op_output(op))
            if (between := divided_shape(*shapes, config)) is not None:
                scratch[divided_name(op)] = (op.name, between)
    shared = {name for name, other in owner.items() if name != other}
    inside = inside_others(graph, joined, config)
    found = Storage(*place(graph, config, dense=dense, scratch=scratch, inside=inside), joined, inside, shared)
    if found.words > config.act_depth and inside:
        copying = Storage(*place(graph, config, dense=dense, scratch=scratch), joined, {}, shared)
        return min(found, copying, key=lambda storage: storage.words)
    return found
