"""Small networks in ONNX that between them have every supported operator; (file, shape of the input in ONNX's layout)."""

from __future__ import annotations

from tests.golden.importers.onnx_builder import FileBuilder

Network = tuple[bytes, tuple[int, ...]]


def residual() -> Network:
    """Convolutions of every kind, batch normalization, a residual add, pools, softmax."""
    f = FileBuilder(1)
    x = f.input(("batch", 3, 13, 11))
    x = f.op("Relu", f.batch_norm(f.conv(x, 3, 8, auto_pad="SAME_UPPER", strides=[2, 2]), 8))
    y = f.op("Clip", f.batch_norm(f.conv(x, 8, 8, group=8, bias=False, pads=[1, 1, 1, 1]), 8), f.constant(0.0), f.constant(6.0))
    y = f.conv(y, 8, 8, (1, 1))
    x = f.op("Relu", f.op("Add", x, y))
    x = f.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    x = f.conv(x, 8, 12, (3, 1), group=4, dilations=[2, 1], pads=[2, 0, 1, 0])
    x = f.conv(x, 12, 12, (2, 2), auto_pad="SAME_LOWER")
    x = f.op("AveragePool", x, kernel_shape=[2, 2], strides=[1, 1], pads=[0, 1, 1, 0])
    x = f.op("Flatten", f.op("GlobalAveragePool", x))
    return f.file(f.op("Softmax", f.linear(x, 12, 5))), (3, 13, 11)


def perceptron() -> Network:
    """A map flattened into a matrix product, whose columns change their order; MatMul and Add; Reshape through Shape."""
    f = FileBuilder(2)
    x = f.input((1, 2, 9, 8))
    x = f.op("Pad", x, f.constant([0, 0, 1, 0, 0, 0, 0, 2], "int64"))
    x = f.op("MaxPool", f.op("Relu", f.conv(x, 2, 6, strides=[1, 2])), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    batch = f.op("Gather", f.op("Shape", x), f.constant([0], "int64"))
    x = f.op("Reshape", x, f.op("Concat", batch, f.constant([-1], "int64"), axis=0))
    x = f.op("Relu", f.op("Add", f.op("MatMul", x, f.random(6 * 4 * 2, 10, scale=0.1)), f.random(10, scale=0.3)))
    x = f.op("Dropout", x, f.constant(0.5))
    return f.file(f.linear(x, 10, 7)), (2, 9, 8)


def joined() -> Network:
    """Concatenations of maps and vectors, means, tables, two ways through one map."""
    f = FileBuilder(3)
    x = f.input(("n", 4, 8, 8))
    a = f.op("Relu", f.conv(x, 4, 6, pads=[1, 1, 1, 1]))
    b = f.op("Sigmoid", f.conv(x, 4, 3, (1, 1)))
    y = f.op("Concat", a, b, axis=1)
    y = f.op("AveragePool", y, kernel_shape=[2, 2], strides=[2, 2])
    mean = f.op("ReduceMean", y, axes=[2, 3], keepdims=0)
    top = f.op("Squeeze", f.op("GlobalMaxPool", y), f.constant([2, 3], "int64"))
    z = f.op("Concat", mean, top, axis=-1)
    z = f.op("Tanh", f.linear(z, 18, 6))
    return f.file(f.linear(z, 6, 4)), (4, 8, 8)


def channels_last() -> Network:
    """As converters from TensorFlow write it: NHWC outside, transposed inside, and a flattening in NHWC's order."""
    f = FileBuilder(4)
    x = f.op("Transpose", f.input((1, 7, 6, 3)), perm=[0, 3, 1, 2])
    x = f.op("Relu", f.conv(x, 3, 5, pads=[0, 1, 0, 1]))
    x = f.op("Reshape", f.op("Transpose", x, perm=[0, 2, 3, 1]), f.constant([1, -1], "int64"))
    return f.file(f.linear(x, 5 * 6 * 5, 4)), (7, 6, 3)


NETWORKS = {"residual": residual, "perceptron": perceptron, "joined": joined, "channels_last": channels_last}
