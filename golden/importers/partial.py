"""What remains of a network that cannot be imported as a whole: its refused parts, and a sound graph of all the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from golden import checker, float_checker
from golden.errors import InputError
from golden.float_graph import FloatGraph, FloatOp, FloatTensor
from golden.graph import Graph, Op, Tensor
from golden.rescale import RescaleFormat
from golden.structure import Violation, where

#: Most problems that a message lists one by one.
LISTED = 100


@dataclass(frozen=True)
class Refusal:
    """An operator, an input or an output of the network that cannot be imported.

    name, kind: as the file calls it.
    reason:     why, and what to do; empty for an operator that cannot be judged, because it reads what a refused one makes.
    text:       the same as one line of a message.
    position:   how many operators of the partial network come before it.
    reads:      the tensors of the partial network that it reads.
    """

    name: str
    kind: str
    reason: str
    text: str
    position: int
    reads: tuple[str, ...] = ()


class RefusedNetworkError(InputError):
    """The network has parts that cannot be imported; `problems` has a line for each.

    network:   its name.
    refusals:  the parts, in the order of the file, and operators that could not be judged.
    partial:   all the others.  A tensor that a refused operator makes is a network input there, and one that it reads an
               output.  None where there is nothing, or nothing sound.
    quantized: whether the network is quantized.
    """

    def __init__(self, network: str, refusals: Iterable[Refusal], partial: Graph | FloatGraph | None, quantized: bool) -> None:
        self.network = network
        self.quantized = quantized
        self.refusals = tuple(refusals)
        self.partial = partial
        problems = [refusal.text for refusal in self.refusals if refusal.reason]
        listed = problems[:LISTED] + ([f"and {len(problems) - LISTED} more"] if len(problems) > LISTED else [])
        super().__init__(f"network {network!r} cannot be imported: {len(problems)} problem(s)", listed)


def integer_rest(
    name: str, format: RescaleFormat, tensors: Mapping[str, Tensor], ops: Sequence[Op], outputs: Iterable[str], refusals: Sequence[Refusal]
) -> RefusedNetworkError:
    """The error for an integer network, of which these operators could be imported."""

    def graph(kept: Mapping[str, Tensor], inputs: tuple[str, ...], ends: tuple[str, ...], sound: Sequence[Op]) -> Graph:
        return Graph(name, format, dict(kept), inputs, ends, tuple(sound))

    partial, found = _rest(graph, checker.violations, tensors, ops, outputs, refusals)
    return RefusedNetworkError(name, found, partial, True)


def float_rest(
    name: str, tensors: Mapping[str, FloatTensor], ops: Sequence[FloatOp], outputs: Iterable[str], refusals: Sequence[Refusal]
) -> RefusedNetworkError:
    """The error for a float network, of which these operators could be imported."""

    def graph(kept: Mapping[str, FloatTensor], inputs: tuple[str, ...], ends: tuple[str, ...], sound: Sequence[FloatOp]) -> FloatGraph:
        return FloatGraph(name, dict(kept), inputs, ends, tuple(sound))

    partial, found = _rest(graph, float_checker.violations, tensors, ops, outputs, refusals)
    return RefusedNetworkError(name, found, partial, False)


class _Operator(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def inputs(self) -> tuple[str, ...]: ...
    @property
    def output(self) -> str: ...


P = TypeVar("P", bound=_Operator)
T = TypeVar("T")
G = TypeVar("G", Graph, FloatGraph)


def _rest(
    make: Callable[[Mapping[str, T], tuple[str, ...], tuple[str, ...], Sequence[P]], G],
    violations: Callable[[G], list[Violation]],
    tensors: Mapping[str, T],
    ops: Sequence[P],
    outputs: Iterable[str],
    refusals: Sequence[Refusal],
) -> tuple[G | None, list[Refusal]]:
    """The graph, and the refusals with those of operators that break a rule."""
    graph, found = _graph(make, tensors, ops, outputs, refusals), list(refusals)
    if graph is None:
        return None, found
    broken = violations(graph)
    if broken:
        places = {where(op): at for at, op in enumerate(ops)}
        for violation in broken:
            at = places.get(violation.where)
            kind, name, reads = ("network", violation.where, ()) if at is None else (ops[at].kind, ops[at].name, ops[at].inputs)
            found.append(
                Refusal(name, kind, f"{violation.message} [{violation.rule}]", str(violation), len(ops) if at is None else at, reads)
            )
        bad = {places[violation.where] for violation in broken if violation.where in places}
        kept = [op for at, op in enumerate(ops) if at not in bad]
        found = [replace(each, position=each.position - sum(at < each.position for at in bad)) for each in found]
        found.sort(key=lambda refusal: refusal.position)
        graph = _graph(make, tensors, kept, outputs, found)
        if graph is not None and violations(graph):
            return None, found
    return graph, found


def _graph(
    make: Callable[[Mapping[str, T], tuple[str, ...], tuple[str, ...], Sequence[P]], G],
    tensors: Mapping[str, T],
    ops: Sequence[P],
    outputs: Iterable[str],
    refusals: Sequence[Refusal],
) -> G | None:
    if not ops:
        return None
    read, made = {name for op in ops for name in op.inputs}, {op.output for op in ops}
    ends = {*outputs, *(name for refusal in refusals for name in refusal.reads)} & (read | made)
    used = {name: tensor for name, tensor in tensors.items() if name in read | made}
    results = tuple(name for name in used if name in ends or name not in read)
    return make(used, tuple(name for name in used if name not in made), results, ops)
