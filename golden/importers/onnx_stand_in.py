"""The shape of what an unsupported ONNX node makes, as far as it is known: what follows the node can then be judged as well."""

from __future__ import annotations

import math
from collections.abc import Mapping

from golden.importers.layout import MAX_AXIS, MAX_ELEMENTS, Layout, map_layout, vector_layout
from golden.importers.onnx_file import FileNode
from golden.importers.values import Constant, Value

#: Operators whose result has the shape of their first input.
_KEEPING_SHAPE = {
    *("Abs", "BatchNormalization", "Ceil", "Celu", "Clip", "Cos", "Dropout", "Elu", "Erf", "Exp", "Floor", "Gelu", "GroupNormalization"),
    *("HardSigmoid", "HardSwish", "Hardmax", "Identity", "InstanceNormalization", "LRN", "LayerNormalization", "LeakyRelu", "Log"),
    *("LogSoftmax", "LpNormalization", "Mish", "Neg", "PRelu", "Pow", "Reciprocal", "Relu", "Round", "Selu", "Shrink", "Sigmoid", "Sign"),
    *("Sin", "Softmax", "Softplus", "Softsign", "Sqrt", "Swish", "Tanh", "ThresholdedRelu"),
}


def result_layout(
    node: FileNode, values: Mapping[str, Value | Constant | None], shapes: Mapping[str, tuple[int | None, ...]]
) -> Layout | None:
    """A map or a vector, in the graph's order; None where the shape is not known, or where the result is nothing of the kind.

    values: what the network's tensors are.
    shapes: what the file says of its tensors, None for an axis without a number; not to be trusted.
    """
    sources = [value for name in node.inputs if isinstance(value := values.get(name), Value)]
    if not sources or not node.outputs or any(source.integer for source in sources):
        return None
    shape: tuple[int | None, ...] | None = shapes.get(node.outputs[0])
    if node.kind in _KEEPING_SHAPE:
        shape = sources[0].layout.shape
    if shape is None or len(shape) not in (2, 4) or shape[0] not in (None, 0, 1, -1):
        return None
    sizes = [size or 0 for size in shape[1:]]
    if not all(1 <= size <= MAX_AXIS for size in sizes) or math.prod(sizes) > MAX_ELEMENTS:
        return None
    return vector_layout(sizes[0]) if len(sizes) == 1 else map_layout(sizes[0], sizes[1], sizes[2])
