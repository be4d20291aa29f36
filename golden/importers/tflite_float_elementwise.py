"""Float TensorFlow Lite operators without windows: arithmetic, activations, shapes, concatenation, softmax, stored weights."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from golden.float_graph import FloatAdd, FloatBatchNorm, FloatClamp, FloatConcatenation, FloatFunction, FloatReshape, FloatSoftmax
from golden.importers.tflite_call import graph_axis, graph_shape
from golden.importers.tflite_file import FileOperator
from golden.importers.tflite_float_builder import FloatBuilder
from golden.importers.values import UnsupportedError
from golden.scalar_function import ScalarFunction


def clamp(low: float, high: float) -> Callable[[FloatBuilder, FileOperator], None]:
    """RELU and its relatives."""
    return lambda graph, op: graph.finish(op, FloatClamp, (graph.source(op).name,), low=low, high=high)


def function(what: ScalarFunction) -> Callable[[FloatBuilder, FileOperator], None]:
    """LOGISTIC and its relatives."""
    return lambda graph, op: graph.finish(op, FloatFunction, (graph.source(op).name,), function=what)


def arithmetic(graph: FloatBuilder, op: FileOperator) -> None:
    """The sum of two activations, or a constant per channel added, subtracted or multiplied."""
    constant = [position for position in (0, 1) if graph.is_constant(op, position)]
    if not constant:
        a, b = graph.source(op, 0), graph.source(op, 1)
        if op.kind != "ADD" or a.shape != b.shape:
            raise UnsupportedError("of two activations only the sum, of equal shapes, is supported")
        graph.finish(op, FloatAdd, (a.name, b.name))
        return
    if op.kind == "SUB" and constant == [0]:
        raise UnsupportedError("only a constant can be subtracted, not from one")
    source, values = graph.source(op, 1 - constant[0]), graph.constant(op, constant[0])
    channels = source.shape[-1]
    if values is None or values.size not in (1, channels) or (values.size > 1 and values.shape[-1] != channels):
        raise UnsupportedError("its constant must be one value, or one per channel")
    vector = np.broadcast_to(values.ravel(), channels)
    scale, offset = (vector, np.zeros(channels)) if op.kind == "MUL" else (np.ones(channels), vector if op.kind == "ADD" else -vector)
    graph.finish(op, FloatBatchNorm, (source.name,), scale=scale, offset=offset)


def reshape(graph: FloatBuilder, op: FileOperator) -> None:
    """RESHAPE, SQUEEZE and EXPAND_DIMS, to the shape that the file gives the output."""
    source, target = graph.source(op), graph.model.tensors[op.outputs[0]]
    if graph_shape(target) == source.shape:
        graph.names[target.index] = source.name
    else:
        graph.finish(op, FloatReshape, (source.name,))


def concatenation(graph: FloatBuilder, op: FileOperator) -> None:
    """CONCATENATION."""
    names = tuple(graph.source(op, position).name for position in range(len(op.inputs)))
    axis = graph_axis(graph.model.tensors[op.outputs[0]], int(op.options.get("Axis", 0)))
    graph.finish(op, FloatConcatenation, names, axis=axis)


def softmax(graph: FloatBuilder, op: FileOperator) -> None:
    """SOFTMAX over the last axis."""
    beta = float(op.options.get("Beta", 0.0))
    if not 0 < beta < math.inf:
        raise UnsupportedError(f"its beta is {beta}; it must be greater than 0")
    graph.finish(op, FloatSoftmax, (graph.source(op).name,), beta=beta)


def dequantize(graph: FloatBuilder, op: FileOperator) -> None:
    """Weights that are stored in float16 or int8."""
    values = graph.constant(op, 0)
    if values is None:
        raise UnsupportedError("its input 0 is missing")
    graph.constants[op.outputs[0]] = values
