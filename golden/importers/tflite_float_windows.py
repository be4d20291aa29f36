"""Float TensorFlow Lite operators with windows and weights: convolutions, fully connected layers, pools, padding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from golden.float_graph import FloatAveragePool2d, FloatConv2d, FloatDepthwiseConv2d, FloatFullyConnected, FloatOp, FloatPad, FloatTensor
from golden.graph import Padding, Window
from golden.importers.convolution_weights import block_diagonal
from golden.importers.tflite_call import graph_axis
from golden.importers.tflite_file import FileOperator
from golden.importers.tflite_float_builder import Float64, FloatBuilder
from golden.importers.tflite_windows import window
from golden.importers.values import UnsupportedError


def conv(graph: FloatBuilder, op: FileOperator) -> None:
    """CONV_2D; groups become zeros in dense weights, which changes no sum."""
    source, (weight, bias) = _map(graph, op), _weights(graph, op, 4, 0)
    outputs, height, width, depth = weight.shape
    if not depth or source.shape[2] % depth or outputs % (source.shape[2] // depth):
        raise UnsupportedError(f"its weights take {depth} channels, which does not fit the {source.shape[2]} channels of its input")
    groups = source.shape[2] // depth
    moving = window(op, source.shape, (height, width))
    graph.spend(outputs * height * width * source.shape[2])
    weight = block_diagonal(weight, groups, np.zeros(outputs))
    graph.finish(op, FloatConv2d, (source.name,), weight=weight, bias=bias, window=moving)


def depthwise(graph: FloatBuilder, op: FileOperator) -> None:
    """DEPTHWISE_CONV_2D; the multiplier is in the shapes."""
    source, (weight, bias) = _map(graph, op), _weights(graph, op, 4, 3)
    if weight.shape[0] != 1:
        raise UnsupportedError(f"its weights have the shape {list(weight.shape)}; they must be [1, kh, kw, C]")
    moving = window(op, source.shape, (weight.shape[1], weight.shape[2]))
    graph.finish(op, FloatDepthwiseConv2d, (source.name,), weight=weight[0], bias=bias, window=moving)


def fully_connected(graph: FloatBuilder, op: FileOperator) -> None:
    """FULLY_CONNECTED over the whole input."""
    weight, bias = _weights(graph, op, 2, 0)
    vector = graph.reshaped(op, graph.source(op), (weight.shape[1],))
    graph.finish(op, FloatFullyConnected, (vector,), (weight.shape[0],), weight=weight, bias=bias)


def pool(kind: type[FloatOp]) -> Callable[[FloatBuilder, FileOperator], None]:
    """MAX_POOL_2D or AVERAGE_POOL_2D."""

    def imported(graph: FloatBuilder, op: FileOperator) -> None:
        source = _map(graph, op)
        kernel = int(op.options.get("FilterHeight", 0)), int(op.options.get("FilterWidth", 0))
        graph.finish(op, kind, (source.name,), window=window(op, source.shape, kernel))

    return imported


def mean(graph: FloatBuilder, op: FileOperator) -> None:
    """MEAN over rows, columns or both: a pool."""
    source = _map(graph, op)
    axes = {graph_axis(graph.tensor(op, 0), axis) for axis in graph.integers(op, 1)}
    if not axes or not axes <= {0, 1}:
        raise UnsupportedError(f"it reduces the axes {sorted(axes)} of {source.shape}; only rows and columns of a map are supported")
    kernel = (source.shape[0] if 0 in axes else 1, source.shape[1] if 1 in axes else 1)
    moving = Window(kernel)
    graph.finish(op, FloatAveragePool2d, (source.name,), (*moving.output_size(*source.shape[:2]), source.shape[2]), window=moving)


def pad(graph: FloatBuilder, op: FileOperator) -> None:
    """PAD and PADV2 with 0."""
    source, counts = _map(graph, op), graph.integers(op, 1)
    fill = graph.constant(op, 2)
    if fill is not None and np.any(fill != 0):
        raise UnsupportedError("it pads with another value than 0")
    if len(counts) != 8 or any(counts[:2] + counts[6:]) or min(counts) < 0:
        raise UnsupportedError(f"it pads by {counts}; only rows and columns of a map can be padded")
    graph.finish(op, FloatPad, (source.name,), padding=Padding(*counts[2:6]))


def _map(graph: FloatBuilder, op: FileOperator) -> FloatTensor:
    source = graph.source(op)
    if len(source.shape) != 3:
        raise UnsupportedError(f"its input has the shape {source.shape}; it needs a map (H, W, C)")
    return source


def _weights(graph: FloatBuilder, op: FileOperator, rank: int, axis: int) -> tuple[Float64, Float64]:
    """Weights and biases."""
    weight = graph.constant(op, 1)
    if weight is None or weight.ndim != rank:
        raise UnsupportedError(f"its weights must be a constant of {rank} axes")
    bias = graph.constant(op, 2)
    return weight, np.zeros(weight.shape[axis]) if bias is None else bias
