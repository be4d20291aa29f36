"""Turns clamps that could not be fused into 1 x 1 max pools, which the integer graph has."""

from __future__ import annotations

from golden.float_graph import FloatClamp, FloatGraph, FloatMaxPool2d, FloatOp, FloatReshape, FloatTensor
from golden.graph import Window


def lower_clamp(graph: FloatGraph) -> FloatGraph:
    """A graph without separate clamps.  A vector passes through a (1, 1, N) map for it."""
    ops: list[FloatOp] = []
    new: list[FloatTensor] = []
    for op in graph.ops:
        if not isinstance(op, FloatClamp):
            ops.append(op)
            continue
        shape = graph.tensors[op.output].shape
        source, target = op.inputs[0], op.output
        if len(shape) == 1:
            source, target = f"{op.output}.map", f"{op.output}.clamped"
            new += [FloatTensor(source, (1, 1, *shape)), FloatTensor(target, (1, 1, *shape))]
            ops.append(FloatReshape(f"{op.name}.map", op.inputs, source))
        ops.append(FloatMaxPool2d(op.name, (source,), target, low=op.low, high=op.high, window=Window((1, 1))))
        if len(shape) == 1:
            ops.append(FloatReshape(f"{op.name}.vector", (target,), op.output))
    return graph.with_ops(ops, new=new)
