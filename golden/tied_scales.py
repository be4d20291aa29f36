"""Scales whose ratios must be powers of two: those of tensors that a shift-only network adds or concatenates (SPEC section 10).

A layer with weights takes any two scales, for its weights' scale makes up the difference.  What has no weights cannot.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from golden.checker import SOFTMAX_OUTPUT
from golden.float_graph import (
    FloatAdd,
    FloatAveragePool2d,
    FloatConcatenation,
    FloatGraph,
    FloatMaxPool2d,
    FloatPad,
    FloatReshape,
    FloatSoftmax,
)

#: Operators that compute with their input's integers: their output has its scale and zero point.
KEEPS_INTEGERS = (FloatReshape, FloatMaxPool2d, FloatAveragePool2d, FloatPad)


def tied_tensors(graph: FloatGraph) -> tuple[frozenset[str], ...]:
    """The tensors of a prepared float graph in groups of those that have to agree, every tensor in one, in the order of the graph.

    Agreeing is to have one scale, where an operator computes with its input's integers, or ratios that are powers of two.
    """
    group = {name: {name} for name in graph.tensors}
    for op in graph.ops:
        if isinstance(op, (FloatAdd, FloatConcatenation, *KEEPS_INTEGERS)):
            together = set().union(*(group[name] for name in (*op.inputs, op.output)))
            group |= dict.fromkeys(together, together)
    return tuple(dict.fromkeys(frozenset(group[name]) for name in graph.tensors))


def bases(graph: FloatGraph, wanted: Mapping[str, float]) -> dict[str, float]:
    """For every tensor of a shift-only network that is tied to others a scale of which its own has to be a power of two times.

    wanted: the scale that each tensor's range asks for (tensors that share another's may be absent).
    It is the wanted scale of the tensor with which all of a group have to be widened least, in the product (SPEC eq. 72); or the
    one that a softmax fixes.
    """
    fixed = {op.output for op in graph.ops if isinstance(op, FloatSoftmax)}
    result: dict[str, float] = {}
    for names in tied_tensors(graph):
        scales = sorted(wanted[name] for name in names if name in wanted and name not in fixed)
        if len(names) > 1 and names & fixed:
            result |= dict.fromkeys(names, SOFTMAX_OUTPUT.scale)
        elif len(scales) > 1:
            result |= dict.fromkeys(names, min(scales, key=lambda base: widening(np.array(scales), base)))
    return result


def widening(scales: np.ndarray, base: float) -> float:
    """By how many powers of two scales are widened in all to become the next base * 2^k."""
    octaves = np.log2(scales / base)
    return float((np.ceil(octaves) - octaves).sum())


def next_scale(wanted: float, base: float) -> float:
    """The least base * 2^k that is not below a wanted scale."""
    fraction, exponent = math.frexp(wanted / base)
    return base * math.ldexp(1.0, exponent - (fraction == 0.5))
