"""Every TensorFlow Lite operator, with random parameters, against TensorFlow Lite Micro: no integer may differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from golden.graph import Graph
from golden.importers.tflite import import_bytes
from golden.interpreter import run
from golden.rescale import TFLITE, Rescale
from tests.golden.importers.tflite_builder import Array, FileBuilder, tflite_micro

SAME, VALID = 0, 1
ACTIVATIONS = {"none": 0, "relu": 1, "relu_n1_to_1": 2, "relu6": 3}
SEEDS = range(24)


def batch(rng: np.random.Generator, shape: tuple[int, ...], count: int = 6) -> Array:
    """Random images, and two of nothing but the extremes."""
    x = rng.integers(-128, 128, (count, *shape)).astype(np.int8)
    x[0], x[1] = -128, 127
    return x


def compared(data: bytes, *inputs: Array) -> Graph:
    """Runs a file in both, and compares every output."""
    graph = import_bytes(data)
    given = {name: x.reshape(len(x), *graph.tensors[name].shape) for name, x in zip(graph.inputs, inputs, strict=True)}
    values = run(graph, given, tensors=True)
    expected = tflite_micro(data, *inputs)
    assert len(expected) == len(graph.outputs)
    for name, reference in zip(graph.outputs, expected, strict=True):
        mine = values[name]
        if reference.dtype == np.uint8:
            reference = (reference.astype(np.int16) - 128).astype(np.int8)
        assert reference.dtype == np.int8
        assert mine.ravel().tolist() == reference.ravel().tolist()
    return graph


def scale(rng: np.random.Generator, low: float = 0.002, high: float = 0.2) -> float:
    return float(np.float32(np.exp(rng.uniform(np.log(low), np.log(high)))))


def zero(rng: np.random.Generator) -> int:
    return int(rng.choice([-128, 127, 0, int(rng.integers(-128, 128))]))


def extent(size: int, kernel: int, stride: int, dilation: int, padding: int) -> int:
    """Output size by TensorFlow Lite's formulas."""
    return -(-size // stride) if padding == SAME else (size + stride - ((kernel - 1) * dilation + 1)) // stride


WINDOWS = [(1, 1), (3, 3), (2, 2), (1, 15), (10, 4), (5, 1), (4, 3)]


def window(rng: np.random.Generator, dilate: bool = True) -> tuple[tuple[int, int], dict[str, int], tuple[int, int], tuple[int, int]]:
    """A kernel, its options, the size of a map that it fits, and of the output."""
    kernel = WINDOWS[rng.integers(len(WINDOWS))]
    dilation = (1, 1) if not dilate or rng.integers(2) else (int(rng.integers(1, 4)), int(rng.integers(1, 3)))
    stride = (1, 1) if dilation != (1, 1) else (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    padding = int(rng.integers(2))
    least = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)] if padding == VALID else [1, 1]
    size = (int(least[0] + rng.integers(0, 8)), int(least[1] + rng.integers(0, 8)))
    out = tuple(extent(*values, padding) for values in zip(size, kernel, stride, dilation, strict=True))
    options = {"padding": padding, "strideH": stride[0], "strideW": stride[1]}
    if dilate:
        options |= {"dilationHFactor": dilation[0], "dilationWFactor": dilation[1]}
    return kernel, options, size, (out[0], out[1])


def weights(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.integers(-127, 128, shape).astype(np.int8)


def output_scale(rng: np.random.Generator, source: float, weight: Array, count: int) -> float:
    """A scale at which random sums fill int8, give or take."""
    return float(np.float32(source * weight.max() * 127 * np.sqrt(count) * rng.uniform(0.3, 3)))


def convolution(rng: np.random.Generator, kind: str) -> tuple[bytes, tuple[int, ...]]:
    kernel, options, size, out = window(rng)
    groups = int(rng.choice([1, 1, 2])) if kind == "CONV_2D" else 1
    channels = int(rng.integers(1, 6)) * groups
    outputs = int(rng.integers(1, 6)) * (channels if kind == "DEPTHWISE_CONV_2D" else groups)
    shape = (outputs, *kernel, channels // groups) if kind == "CONV_2D" else (1, *kernel, outputs)
    axis = 0 if kind == "CONV_2D" else 3
    source_scale = scale(rng)
    weight_scale = rng.uniform(0.001, 0.02, outputs if rng.integers(3) else 1).astype(np.float32)
    target_scale = output_scale(rng, source_scale, weight_scale, kernel[0] * kernel[1] * (shape[3] if axis == 0 else 1))
    file = FileBuilder()
    x = file.tensor((1, *size, channels), source_scale, zero(rng))
    w = file.tensor(shape, weight_scale.tolist(), data=weights(rng, shape), axis=axis)
    b = file.tensor((outputs,), 1.0, data=rng.integers(-20000, 20000, outputs).astype(np.int32), kind="INT32")
    y = file.tensor((1, *out, outputs), target_scale, zero(rng))
    fields: dict[str, Any] = dict(options, fusedActivationFunction=int(rng.integers(4)))
    if kind == "DEPTHWISE_CONV_2D":
        fields["depthMultiplier"] = outputs // channels
    file.op(kind, [x, w, b] if rng.integers(4) else [x, w], [y], "Conv2DOptions" if axis == 0 else "DepthwiseConv2DOptions", **fields)
    return file.file([x], [y]), (*size, channels)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_convolutions(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    data, shape = convolution(rng, kind)
    compared(data, batch(rng, shape))


@pytest.mark.parametrize("seed", range(40))
def test_fully_connected(seed: int) -> None:
    """One scale or one per channel, weight zero points, inputs that are maps, an output that keeps its axes."""
    rng = np.random.default_rng(seed)
    shape: tuple[int, ...] = [(30,), (2, 3, 5), (1, 1, 30), (1, 30)][rng.integers(4)]
    outputs = int(rng.integers(1, 20))
    channelwise = bool(rng.integers(2))
    source_scale = scale(rng)
    weight_scale = rng.uniform(0.001, 0.02, outputs if channelwise else 1).astype(np.float32)
    file = FileBuilder()
    x = file.tensor((1, *shape), source_scale, zero(rng))
    w = file.tensor(
        (outputs, 30), weight_scale.tolist(), 0 if channelwise else int(rng.integers(-128, 128)), data=weights(rng, (outputs, 30))
    )
    bias = rng.integers(-20000, 20000, outputs).astype(np.int32)
    b = file.tensor((outputs,), source_scale * float(weight_scale[0]), data=bias, kind="INT32")
    y = file.tensor((1, outputs), output_scale(rng, source_scale, weight_scale, 30), zero(rng))
    file.op("FULLY_CONNECTED", [x, w, b], [y], "FullyConnectedOptions", fusedActivationFunction=int(rng.integers(4)))
    compared(file.file([x], [y]), batch(rng, shape))


@pytest.mark.parametrize("seed", range(6))
def test_fully_connected_over_the_last_axis(seed: int) -> None:
    rng = np.random.default_rng(seed)
    file = FileBuilder()
    x = file.tensor((1, 5, 7), 0.1, zero(rng))
    w = file.tensor((3, 7), 0.01, data=weights(rng, (3, 7)))
    y = file.tensor((1, 5, 3), 0.2, zero(rng))
    file.op("FULLY_CONNECTED", [x, w], [y], "FullyConnectedOptions", keepNumDims=True)
    assert compared(file.file([x], [y]), batch(rng, (5, 7))).ops[0].kind == "conv2d"


@pytest.mark.parametrize("seed", SEEDS)
def test_add(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape: tuple[int, ...] = [(4, 5, 3), (60,)][rng.integers(2)]
    file = FileBuilder()
    a = file.tensor((1, *shape), scale(rng), zero(rng))
    b = file.tensor((1, *shape), scale(rng), zero(rng))
    y = file.tensor((1, *shape), scale(rng), zero(rng))
    file.op("ADD", [a, b], [y], "AddOptions", fusedActivationFunction=int(rng.integers(4)))
    compared(file.file([a, b], [y]), batch(rng, shape, 40), batch(rng, shape, 40)[::-1].copy())


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("each", ["one", "per channel"])
def test_add_of_a_constant(each: str, seed: int) -> None:
    """On either side; a table for one constant, an add of a constant map for one per channel."""
    rng = np.random.default_rng(seed)
    shape: tuple[int, ...] = [(4, 5, 3), (60,)][rng.integers(2)]
    size = (1,) if each == "one" else (shape[-1],)
    size = (1,) * int(rng.integers(len(shape) + 1)) + size
    file = FileBuilder()
    x = file.tensor((1, *shape), scale(rng), zero(rng))
    c = file.tensor(size, scale(rng), zero(rng), data=rng.integers(-128, 128, size).astype(np.int8))
    y = file.tensor((1, *shape), scale(rng), zero(rng))
    operands = [x, c] if rng.integers(2) else [c, x]
    file.op("ADD", operands, [y], "AddOptions", fusedActivationFunction=int(rng.integers(4)))
    graph = compared(file.file([x], [y]), batch(rng, shape, 40))
    assert [op.kind for op in graph.ops if op.kind != "reshape"] == (["lookup"] if each == "one" else ["depthwise_conv2d", "add"])


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("kind", ["MAX_POOL_2D", "AVERAGE_POOL_2D"])
def test_pools(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    kernel, options, size, out = window(rng, dilate=False)
    channels, meaning = int(rng.integers(1, 6)), (scale(rng), zero(rng))
    file = FileBuilder()
    x = file.tensor((1, *size, channels), *meaning)
    y = file.tensor((1, *out, channels), *meaning)
    fields = dict(options, filterHeight=kernel[0], filterWidth=kernel[1], fusedActivationFunction=int(rng.integers(4)))
    file.op(kind, [x], [y], "Pool2DOptions", **fields)
    compared(file.file([x], [y]), batch(rng, (*size, channels)))


@pytest.mark.parametrize("seed", range(60))
def test_mean(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = tuple(int(value) for value in rng.integers(1, 12, 3))
    axes = [[1, 2], [2, 1], [1], [2], [-3, -2], [3], [1, 2, 3], [-1, 1], [2, 3]][rng.integers(9)]
    keep = bool(rng.integers(2))
    full = (1, *size)
    reduced = {axis % 4 for axis in axes}
    shape = tuple(1 if axis in reduced else n for axis, n in enumerate(full) if keep or axis not in reduced)
    source = (scale(rng), zero(rng))
    file = FileBuilder()
    x = file.tensor(full, *source)
    y = file.tensor(shape, *(source if rng.integers(4) == 0 else (source[0] * float(rng.uniform(0.2, 1.5)), zero(rng))))
    file.op("MEAN", [x, file.constant(np.array(axes, np.int32))], [y], "ReducerOptions", keepDims=keep)
    compared(file.file([x], [y]), batch(rng, size, 30))


@pytest.mark.parametrize("seed", SEEDS)
def test_pad_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = tuple(int(value) for value in rng.integers(1, 5, 3))
    counts = np.zeros((4, 2), np.int32)
    counts[1:] = rng.integers(0, 3, (3, 2))
    meaning = (scale(rng), zero(rng))
    file = FileBuilder()
    x = file.tensor((1, *size), *meaning)
    y = file.tensor(tuple(int(n) for n in np.add((1, *size), counts.sum(axis=1))), *meaning)
    file.op("PAD", [x, file.constant(counts)], [y], "PadOptions")
    compared(file.file([x], [y]), batch(rng, size))


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D", "AVERAGE_POOL_2D"])
@pytest.mark.parametrize("padding", [SAME, VALID])
def test_pad_before_a_window(kind: str, padding: int) -> None:
    """A convolution takes the padding over; a pool must not, because it leaves padding out."""
    rng = np.random.default_rng(3)
    counts = np.array([[0, 0], [1, 2], [0, 1], [0, 0]], np.int32)
    size, padded, meaning = (5, 6, 2), (8, 7, 2), (0.05, 100)
    file = FileBuilder()
    x = file.tensor((1, *size), *meaning)
    p = file.tensor((1, *padded), *meaning)
    out = tuple(extent(n, 3, 2, 1, padding) for n in padded[:2])
    y = file.tensor((1, *out, 2), *meaning)
    file.op("PAD", [x, file.constant(counts)], [p], "PadOptions")
    fields = {"padding": padding, "strideH": 2, "strideW": 2}
    if "POOL" in kind:
        file.op(kind, [p], [y], "Pool2DOptions", filterHeight=3, filterWidth=3, **fields)
    else:
        shape = (2, 3, 3, 2) if kind == "CONV_2D" else (1, 3, 3, 2)
        w = file.tensor(shape, 0.01, data=weights(rng, shape))
        extra = {} if kind == "CONV_2D" else {"depthMultiplier": 1}
        file.op(kind, [p, w], [y], "Conv2DOptions" if kind == "CONV_2D" else "DepthwiseConv2DOptions", **fields, **extra)
    graph = compared(file.file([x], [y]), batch(rng, size))
    assert ("pad" in [op.kind for op in graph.ops]) == ("POOL" in kind)


def test_pad_that_others_read_stays() -> None:
    rng = np.random.default_rng(4)
    file = FileBuilder()
    x = file.tensor((1, 4, 4, 2), 0.1, 5)
    p = file.tensor((1, 6, 6, 2), 0.1, 5)
    y, z = file.tensor((1, 4, 4, 3), 0.3, 7), file.tensor((1, 5, 5, 2), 0.1, 5)
    w = file.tensor((3, 3, 3, 2), 0.01, data=weights(rng, (3, 3, 3, 2)))
    file.op("PAD", [x, file.constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))], [p], "PadOptions")
    file.op("CONV_2D", [p, w], [y], "Conv2DOptions", padding=VALID, strideH=1, strideW=1)
    file.op("MAX_POOL_2D", [p], [z], "Pool2DOptions", padding=VALID, strideH=1, strideW=1, filterHeight=2, filterWidth=2)
    graph = compared(file.file([x], [y, z]), batch(rng, (4, 4, 2)))
    assert [op.kind for op in graph.ops] == ["pad", "conv2d", "max_pool2d"]
    assert graph.ops[1].inputs == graph.ops[0].inputs


@pytest.mark.parametrize("seed", SEEDS)
def test_relu(seed: int) -> None:
    """Fused into the operator before, alone, and with another scale of the output."""
    rng = np.random.default_rng(seed)
    kind = ["RELU", "RELU6"][rng.integers(2)]
    shape: tuple[int, ...] = [(4, 5, 3), (60,)][rng.integers(2)]
    source = (scale(rng), zero(rng))
    target = source if kind == "RELU6" or rng.integers(2) else (scale(rng), zero(rng))
    file = FileBuilder()
    x = file.tensor((1, *shape), *source)
    y = file.tensor((1, *shape), *target)
    if rng.integers(2):
        file.op(kind, [x], [y])
        data = file.file([x], [y])
    else:
        a = file.tensor((1, *shape), 0.05, -3)
        file.op("QUANTIZE", [a], [x], "QuantizeOptions")
        file.op(kind, [x], [y])
        data = file.file([a], [y, x] if rng.integers(2) else [y])
    compared(data, batch(rng, shape, 20))


@pytest.mark.parametrize("seed", SEEDS)
def test_requantize(seed: int) -> None:
    rng = np.random.default_rng(seed)
    file = FileBuilder()
    x = file.tensor((1, 200), scale(rng), zero(rng))
    y = file.tensor((1, 200), scale(rng), zero(rng))
    file.op("QUANTIZE", [x], [y], "QuantizeOptions")
    compared(file.file([x], [y]), batch(rng, (200,), 10))


@pytest.mark.parametrize("seed", SEEDS)
def test_concatenation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    axis = int(rng.integers(1, 4))
    meaning = (scale(rng), zero(rng))
    file = FileBuilder()
    shapes = []
    for _ in range(int(rng.integers(2, 5))):
        shape = [3, 4, 2]
        shape[axis - 1] = int(rng.integers(1, 5))
        shapes.append(tuple(shape))
    total = list(shapes[0])
    total[axis - 1] = sum(shape[axis - 1] for shape in shapes)
    inputs = [file.tensor((1, *shape), *meaning) for shape in shapes]
    y = file.tensor((1, *total), *meaning)
    file.op("CONCATENATION", inputs, [y], "ConcatenationOptions", axis=axis if rng.integers(2) else axis - 4)
    compared(file.file(inputs, [y]), *[batch(rng, shape, 3) for shape in shapes])


EVERY_VALUE = np.arange(-128, 128).astype(np.int8).reshape(1, 256)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize(("kind", "meaning"), [("LOGISTIC", (1 / 256, -128)), ("TANH", (1 / 128, 0))])
def test_functions(kind: str, meaning: tuple[float, int], seed: int) -> None:
    """All 256 inputs, at scales from saturation everywhere to nowhere."""
    rng = np.random.default_rng(seed)
    file = FileBuilder()
    x = file.tensor((1, 256), scale(rng, 0.0005, 2.0), zero(rng))
    y = file.tensor((1, 256), *meaning)
    file.op(kind, [x], [y])
    compared(file.file([x], [y]), EVERY_VALUE)


@pytest.mark.parametrize("seed", range(40))
def test_softmax(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape: tuple[int, ...] = [(2,), (10,), (256,), (3, 4, 5), (1, 1, 7), (1,), (6, 9)][rng.integers(7)]
    beta = float(rng.choice([1.0, 0.5, 3.0]))
    file = FileBuilder()
    x = file.tensor((1, *shape), scale(rng, 0.0005, 2.0), zero(rng))
    y = file.tensor((1, *shape), 1 / 256, -128)
    file.op("SOFTMAX", [x], [y], "SoftmaxOptions", beta=beta)
    inputs = batch(rng, shape, 20)
    inputs[10:] //= 8
    compared(file.file([x], [y]), inputs)


def test_several_inputs_and_outputs() -> None:
    rng = np.random.default_rng(1)
    file = FileBuilder()
    a, b = file.tensor((1, 4, 4, 2), 0.1, 3, name="same"), file.tensor((1, 4, 4, 2), 0.2, -3, name="same")
    s, p, f = file.tensor((1, 4, 4, 2), 0.15, 0), file.tensor((1, 2, 2, 2), 0.15, 0), file.tensor((1, 8), 0.15, 0)
    file.op("ADD", [a, b], [s], "AddOptions")
    file.op("MAX_POOL_2D", [s], [p], "Pool2DOptions", padding=VALID, strideH=2, strideW=2, filterHeight=2, filterWidth=2)
    file.op("RESHAPE", [p, file.constant(np.array([1, 8], np.int32))], [f], "ReshapeOptions")
    graph = compared(file.file([a, b], [f, s, p]), batch(rng, (4, 4, 2)), batch(rng, (4, 4, 2))[::-1].copy())
    assert graph.inputs == ("same", "same.2")
    assert len(graph.outputs) == 3


@pytest.mark.parametrize("border", ["uint8", "float"])
def test_borders(border: str) -> None:
    """Networks whose inputs and outputs are uint8 or real: the graph's are the int8 tensors."""
    rng = np.random.default_rng(2)
    kind = {"uint8": "UINT8", "float": "FLOAT32"}[border]
    meaning: Any = (0.1, 131) if border == "uint8" else ()
    file = FileBuilder()
    outer = file.tensor((1, 20), *meaning, kind=kind, name="image")
    x, m, y = file.tensor((1, 20), 0.1, 3), file.tensor((1, 20), 0.1, 3), file.tensor((1, 20), 0.07, -5)
    end = file.tensor((1, 20), *((0.07, 123) if border == "uint8" else ()), kind=kind, name="result")
    file.op("QUANTIZE", [outer], [x], "QuantizeOptions")
    file.op("RELU", [x], [m])
    file.op("QUANTIZE", [m], [y], "QuantizeOptions")
    file.op("QUANTIZE" if border == "uint8" else "DEQUANTIZE", [y], [end])
    data = file.file([outer], [end])
    graph = import_bytes(data)
    steps = batch(rng, (20,))
    mine = run(graph, steps)
    if border == "uint8":
        expected = tflite_micro(data, (steps.astype(np.int16) + 128).astype(np.uint8))[0]
        assert (mine.astype(np.int16) + 128).tolist() == expected.reshape(-1, 20).tolist()
    else:
        expected = tflite_micro(data, ((steps.astype(np.float32) - 3) * np.float32(0.1)))[0]
        assert ((mine.astype(np.float32) + 5) * np.float32(0.07)).tolist() == expected.reshape(-1, 20).tolist()
    assert graph.inputs == ("image",)


def test_shape_arithmetic_is_left_out() -> None:
    """Converters compute the shape of a flatten from that of its input, at run time."""
    rng = np.random.default_rng(5)
    file = FileBuilder()
    x = file.tensor((1, 2, 3, 4), 0.1, 3)
    shape, batch_size, target = (file.tensor(size, kind="INT32") for size in ((4,), (1,), (2,)))
    y = file.tensor((1, 24), 0.1, 3)
    file.op("SHAPE", [x], [shape], "ShapeOptions")
    numbers = [file.constant(np.array([value], np.int32)) for value in (0, 1, 1)]
    file.op("STRIDED_SLICE", [shape, *numbers], [batch_size], "StridedSliceOptions")
    file.op("CONCATENATION", [batch_size, file.constant(np.array([24], np.int32))], [target], "ConcatenationOptions")
    file.op("RESHAPE", [x, target], [y], "ReshapeOptions")
    graph = import_bytes(file.file([x], [y]))
    assert [op.kind for op in graph.ops] == ["reshape"]
    inputs = batch(rng, (2, 3, 4))
    assert (run(graph, inputs) == inputs.reshape(-1, 24)).all()


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "FULLY_CONNECTED per channel"])
@pytest.mark.parametrize("seed", range(4))
def test_factors_are_computed_in_the_precision_of_the_kernels(kind: str, seed: int) -> None:
    """Biases at which a factor of a product in float32 and one in float64 give different outputs; the input contributes nothing."""
    rng = np.random.default_rng(seed)
    while True:
        source, weight = np.float32(rng.uniform(0.01, 0.1)), np.float32(rng.uniform(0.001, 0.01))
        target = np.float32(float(source) * float(weight) * 2.0**23 * rng.uniform(1, 1.9))
        factors = [float(source) * float(weight) / float(target), float(source * weight) / float(target)]
        exact, rounded = (Rescale.from_real(TFLITE, factor) for factor in factors)
        biases = np.arange(-110, 111) / factors[0] + 0.5 / factors[0]
        near = (biases[:, None] + np.arange(-40, 41)).astype(np.int64).ravel()
        differing = near[(exact.apply(near[:, None]) != rounded.apply(near[:, None]))[:, 0]]
        if len(differing) >= 8:
            break
    outputs = len(differing)
    shape, axis = {"CONV_2D": ((outputs, 1, 1, 1), 0), "DEPTHWISE_CONV_2D": ((1, 1, 1, outputs), 3)}.get(kind, ((outputs, 1), 0))
    scales = [float(weight)] * (1 if kind == "FULLY_CONNECTED" else outputs)
    file = FileBuilder()
    x = file.tensor((1, 1, 1, 1), float(source), 7)
    w = file.tensor(shape, scales, data=weights(rng, shape), axis=axis)
    b = file.tensor((outputs,), float(source) * float(weight), data=differing.astype(np.int32), kind="INT32")
    y = file.tensor((1, outputs) if "FULLY" in kind else (1, 1, 1, outputs), float(target), 0)
    options = {"CONV_2D": "Conv2DOptions", "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions"}.get(kind, "FullyConnectedOptions")
    fields = {} if "FULLY" in kind else {"padding": VALID, "strideH": 1, "strideW": 1}
    file.op(kind.split()[0], [x, w, b], [y], options, **fields, **({"depthMultiplier": outputs} if "DEPTH" in kind else {}))
    compared(file.file([x], [y]), np.full((1, 1, 1, 1), 7, np.int8))
