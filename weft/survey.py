"""Where every operator of a network runs: also of a float network before its quantization, and of one that cannot be imported.

A float network is quantized with ranges that are made up: where its operators run does not depend on the data.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from golden.calibration import Range
from golden.errors import InputError
from golden.float_graph import FloatBatchNorm, FloatGraph, FloatMaxPool2d, FloatOp, FloatPad, FloatReshape, FloatWeightedOp
from golden.graph import Graph
from golden.importers.partial import RefusedNetworkError
from golden.passes.pipeline import prepare
from golden.recipe import Recipe
from hwgen.compiler import support
from hwgen.compiler.analysis import Place, places
from weft.network import read_network

#: What `Place.where` says of operators that another one takes over, that nothing runs, and that read what such a one makes.
FOLDED, UNSUPPORTED, NOT_JUDGED = "folded", "unsupported", "not judged"
_BEHIND = "it follows an operator that is not supported; check again without that"


@dataclass(frozen=True)
class Survey:
    """Every operator of a network.

    quantized: whether the network is, so that it can be run as it is.
    places:    of every operator, and of whatever else cannot be imported, in the order of the network.
    """

    quantized: bool
    places: tuple[Place, ...]

    @property
    def unsupported(self) -> tuple[Place, ...]:
        """What neither the accelerator nor the host can run."""
        return tuple(place for place in self.places if place.where == UNSUPPORTED)

    @property
    def supported(self) -> bool:
        """Whether everything runs."""
        return not self.unsupported


def survey(network: Graph | FloatGraph | Path) -> Survey:
    """Every operator of a network, or of that in a file.

    Raises InputError for a file that cannot be read; what is in it and cannot be imported is among the operators instead.
    """
    try:
        found = read_network(network) if isinstance(network, Path) else network
    except RefusedNetworkError as error:
        return survey_refused(error)
    return Survey(isinstance(found, Graph), tuple(_places(found, ())))


def survey_refused(error: RefusedNetworkError) -> Survey:
    """Every operator of a network that could not."""
    reads = {name for refusal in error.refusals for name in refusal.reads}
    found = [] if error.partial is None else _places(error.partial, reads)
    for refusal in sorted(error.refusals, key=lambda each: each.position)[::-1]:
        where = UNSUPPORTED if refusal.reason else NOT_JUDGED
        found.insert(refusal.position, Place(refusal.name, refusal.kind, where, refusal.reason or _BEHIND))
    return Survey(error.quantized, tuple(found))


def _places(network: Graph | FloatGraph, cut: Collection[str]) -> list[Place]:
    """Every operator; `cut` names the outputs of the network that operators read which are not there."""
    return _integer_places(network, cut) if isinstance(network, Graph) else _float_places(network, cut)


def _integer_places(graph: Graph, cut: Collection[str]) -> list[Place]:
    """The compiler's places, but for what the host could only run at the end of the network."""
    inside = set(cut)
    for op in reversed(graph.ops):
        if op.output in inside:
            inside.update(op.inputs)
    refused = support.by_operator(graph)
    return [
        Place(place.name, place.kind, UNSUPPORTED, "; ".join(refused[op.name])) if op.output in inside and op.name in refused else place
        for op, place in zip(graph.ops, places(graph), strict=True)
    ]


def _float_places(graph: FloatGraph, cut: Collection[str]) -> list[Place]:
    """The place of the integer operator of the same name, or the operator that takes it over."""
    from golden.quantize import quantize_graph  # it loads PyTorch

    low = prepare(graph)
    try:
        integers = quantize_graph(low, {name: Range(-1.0, 1.0) for name in low.tensors}, Recipe())
    except InputError as error:
        return [Place(graph.name, "network", UNSUPPORTED, reason) for reason in error.problems or (error.message,)]
    ends = {low.outputs[at] for at, name in enumerate(graph.outputs) if name in cut}
    found = {place.name: place for place in _integer_places(integers, ends)}
    return [_float_place(graph, low, op, found) for op in graph.ops]


def _float_place(graph: FloatGraph, low: FloatGraph, op: FloatOp, found: Mapping[str, Place]) -> Place:
    if op.name in found:
        return Place(op.name, op.kind, found[op.name].where, found[op.name].why)
    taker = _taker(graph, {other.name: other for other in low.ops}, op)
    return Place(op.name, op.kind, FOLDED, f"into {taker}" if taker else "")


def _taker(graph: FloatGraph, low: Mapping[str, FloatOp], op: FloatOp) -> str:
    """The operator that does the work of one that is gone: the nearest before it whose numbers have changed, else those that read it."""
    at = None if isinstance(op, FloatPad) else graph.producer(op.inputs[0])
    while at is not None:
        after = low.get(at.name)
        if after is not None and _changed(at, after):
            return at.name
        if after is not None and (isinstance(op, FloatBatchNorm) or not isinstance(at, (FloatReshape, FloatMaxPool2d))):
            break  # a clamp may move before these
        at = graph.producer(at.inputs[0])
    return ", ".join(reader.name for reader in graph.consumers(op.output))


def _changed(before: FloatOp, after: FloatOp) -> bool:
    """Whether an operator got another clamp or other weights."""
    if (before.low, before.high) != (after.low, after.high):
        return True
    return isinstance(before, FloatWeightedOp) and isinstance(after, FloatWeightedOp) and before.weight is not after.weight
