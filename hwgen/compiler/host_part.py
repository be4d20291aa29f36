"""What the host computes: operators after the last one of the accelerator (SPEC section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from golden import interpreter
from golden.graph import Graph, Int8, Lookup, Op, Requantize, Reshape, Softmax

#: What the accelerator cannot do, and what the host does as well if it comes after that.
HOST: tuple[type[Op], ...] = (Softmax,)
FOLLOWING: tuple[type[Op], ...] = (Reshape, Requantize, Lookup)


@dataclass(frozen=True, eq=False)
class Division:
    """A network in two parts: what the accelerator runs, and the operators that the host runs on its outputs."""

    device: Graph
    host: tuple[Op, ...]


def divide(graph: Graph) -> Division:
    """Takes host operators off the end of a network; one with an operator of the accelerator after it stays, and is refused there."""
    ops = list(graph.ops)
    host: list[Op] = []
    outputs = list(graph.outputs)
    while True:
        final = next(
            (op for op in reversed(ops) if op.output in outputs and isinstance(op, (*HOST, *FOLLOWING)) and _ends_in_host(op, ops)), None
        )
        if final is None or any(final.output in op.inputs for op in ops):
            break
        ops.remove(final)
        host.insert(0, final)
        outputs = [final.inputs[0] if name == final.output else name for name in outputs]
    kept = {*graph.inputs, *(op.output for op in ops)}
    tensors = {name: tensor for name, tensor in graph.tensors.items() if name in kept}
    return Division(replace(graph, ops=tuple(ops), outputs=tuple(dict.fromkeys(outputs)), tensors=tensors), tuple(host))


def finish(graph: Graph, outputs: Mapping[str, Int8]) -> dict[str, Int8]:
    """What the host makes of the accelerator's outputs, bit for bit what the golden model makes of the network.

    outputs: int8[N, *shape] for every output of the device's part, as read from the accelerator.
    Returns int8[N, *shape] for every output of the network.
    """
    rest = host_graph(graph)
    found = dict(outputs)
    if rest is not None:
        found |= interpreter.run(rest, {name: outputs[name] for name in rest.inputs}, tensors=True)
    return {name: found[name] for name in graph.outputs}


def host_graph(graph: Graph) -> Graph | None:
    """The host's operators as a network of their own, from the accelerator's outputs to the network's; None where there are none."""
    division = divide(graph)
    if not division.host:
        return None
    made = {op.output for op in division.host}
    names = tuple(dict.fromkeys(name for op in division.host for name in op.inputs if name not in made))
    tensors = {name: tensor for name, tensor in graph.tensors.items() if name in made or name in names}
    return replace(graph, tensors=tensors, inputs=names, outputs=tuple(name for name in graph.outputs if name in made), ops=division.host)


def _ends_in_host(op: Op, ops: list[Op]) -> bool:
    """Whether an operator at the end is the host's: one of its kind, or one that follows such a one."""
    while isinstance(op, FOLLOWING):
        before = next((other for other in ops if other.output == op.inputs[0]), None)
        if before is None:
            return False
        op = before
    return isinstance(op, HOST)
