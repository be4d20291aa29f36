"""The executable definition of a sound float graph; it runs after the import and after every pass (SPEC section 7)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from golden.errors import InputError
from golden.float_graph import FloatAdd, FloatBatchNorm, FloatConcatenation, FloatDepthwiseConv2d, FloatGraph, FloatOp, FloatWeightedOp
from golden.structure import Violation, shape_problems, structure, where


def check(graph: FloatGraph, after: str) -> None:
    """Raises InputError with every violation of a graph; `after` names the pass that made it."""
    found = violations(graph)
    if found:
        raise InputError(f"network {graph.name!r} is not sound after {after}", [str(violation) for violation in found])


def violations(graph: FloatGraph) -> list[Violation]:
    """Every broken rule of a graph; empty for a sound graph."""
    found = list(structure(graph))
    for op in graph.ops:
        if all(name in graph.tensors for name in (*op.inputs, op.output)):
            found += [Violation(rule, where(op), message) for rule, message in _operator(graph, op)]
    return found


def _operator(graph: FloatGraph, op: FloatOp) -> Iterator[tuple[str, str]]:
    if isinstance(op, FloatConcatenation):
        if len(op.inputs) < 2:
            yield "arity", f"takes 2 inputs or more, not {len(op.inputs)}"
            return
    elif len(op.inputs) != (arity := 2 if isinstance(op, FloatAdd) else 1):
        yield "arity", f"takes {arity} input{'s' * (arity - 1)}, not {len(op.inputs)}"
        return
    sources = [graph.tensors[name] for name in op.inputs]
    target = graph.tensors[op.output]
    if not op.low <= op.high:
        yield "act-range", f"clamp must satisfy low <= high, not {op.low} to {op.high}"
    yield from shape_problems(op, sources, target)
    if isinstance(op, FloatWeightedOp):
        channels = op.weight.shape[-1 if isinstance(op, FloatDepthwiseConv2d) else 0] if op.weight.ndim else 0
        if op.bias.shape != (channels,):
            yield "channel-vectors", f"bias must have the shape ({channels},), not {op.bias.shape}"
    if isinstance(op, FloatBatchNorm) and not op.scale.shape == op.offset.shape == target.shape[-1:]:
        yield "channel-vectors", f"scale and offset must have the shape {target.shape[-1:]}, not {op.scale.shape} and {op.offset.shape}"
    for name, value in vars(op).items():
        if isinstance(value, np.ndarray) and not np.isfinite(value).all():
            count = int((~np.isfinite(value)).sum())
            yield "finite-constants", f"{name} has {count} NaN or infinite values; train the network again or repair its weights"
