"""Float TensorFlow Lite files as float graphs, against TensorFlow Lite Micro, and quantized from there."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from golden import float_interpreter
from golden.errors import InputError
from golden.float_graph import FloatGraph
from golden.importers import tflite
from golden.importers.partial import RefusedNetworkError
from golden.importers.tflite_float import import_bytes, import_file
from golden.input_data import quantize_input
from golden.interpreter import run
from golden.quantize import quantize
from golden.rescale import SHIFT, TFLITE, RescaleFormat, RescaleKind
from tests.golden.importers.test_tflite_fuzz import PATIENCE, SEED, mutations
from tests.golden.importers.test_tflite_fuzz import network as int8_network
from tests.golden.importers.tflite_builder import Array, FileBuilder, tflite_micro

STEP = {"strideH": 1, "strideW": 1}


def network(rng: np.random.Generator, half: bool = False) -> bytes:
    """One operator of every kind; with `half`, weights in float16 behind a DEQUANTIZE."""
    file = FileBuilder()

    def activation(*shape: int) -> int:
        return file.tensor(shape, kind="FLOAT32")

    def weights(*shape: int) -> int:
        values = rng.normal(0, 0.4, shape).astype(np.float32)
        if not half:
            return file.constant(values)
        small = file.tensor(shape, data=values.astype(np.float16), kind="FLOAT16")
        wide = file.tensor(shape, kind="FLOAT32")
        file.op("DEQUANTIZE", [small], [wide], "DequantizeOptions")
        return wide

    x, padded, a, scaled, b = (activation(1, *s) for s in ((6, 5, 4), (8, 6, 4), (6, 4, 4), (6, 4, 4), (6, 4, 4)))
    c, d, p, q, j = (activation(1, *s) for s in ((6, 4, 4), (6, 4, 4), (3, 2, 4), (3, 2, 4), (3, 2, 8)))
    moved, m, v, f, g, h, y = (activation(1, *s) for s in ((3, 2, 8), (8,), (1, 1, 8), (5,), (5,), (5,), (5,)))
    file.op("PAD", [x, file.constant(np.array([[0, 0], [1, 1], [1, 0], [0, 0]], np.int32))], [padded], "PadOptions")
    file.op("CONV_2D", [padded, weights(4, 3, 3, 4), weights(4)], [a], "Conv2DOptions", padding=1, **STEP)
    file.op("MUL", [a, weights(4)], [scaled], "MulOptions")
    options = {"padding": 0, "depthMultiplier": 1, "fusedActivationFunction": 3, **STEP}
    file.op("DEPTHWISE_CONV_2D", [scaled, weights(1, 3, 2, 4), weights(4)], [b], "DepthwiseConv2DOptions", **options)
    file.op("ADD", [scaled, b], [c], "AddOptions")
    file.op("RELU", [c], [d])
    pool = {"padding": 0, "strideH": 2, "strideW": 2, "filterHeight": 3, "filterWidth": 2}
    file.op("MAX_POOL_2D", [d], [p], "Pool2DOptions", **pool)
    file.op("AVERAGE_POOL_2D", [c], [q], "Pool2DOptions", **pool)
    file.op("CONCATENATION", [p, q], [j], "ConcatenationOptions", axis=-1)
    file.op("ADD", [j, file.constant(rng.normal(0, 1, (1, 1, 1, 8)).astype(np.float32))], [moved], "AddOptions")
    file.op("MEAN", [moved, file.constant(np.array([1, 2], np.int32))], [m], "ReducerOptions")
    file.op("RESHAPE", [m, file.constant(np.array([1, 1, 1, 8], np.int32))], [v], "ReshapeOptions")
    file.op("FULLY_CONNECTED", [v, weights(5, 8)], [f], "FullyConnectedOptions")
    file.op("TANH", [f], [g])
    file.op("LOGISTIC", [g], [h])
    file.op("SOFTMAX", [h], [y], "SoftmaxOptions", beta=2.0)
    return file.file([x], [y, f])


def images(rng: np.random.Generator, count: int) -> Array:
    return rng.normal(0, 1, (count, 6, 5, 4)).astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
def test_every_operator(seed: int) -> None:
    """float32 sums in another order: equal to a few units of the last place."""
    rng = np.random.default_rng(seed)
    data = network(rng)
    graph = import_bytes(data)
    x = images(rng, 4)
    values = float_interpreter.run(graph, {graph.inputs[0]: x})
    for name, expected in zip(graph.outputs, tflite_micro(data, x), strict=True):
        np.testing.assert_allclose(values[name].ravel(), expected.ravel(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("groups", [2, 3, 6])
def test_groups(groups: int) -> None:
    """No kernel of TensorFlow Lite Micro has groups for real numbers: against one convolution for each."""
    rng = np.random.default_rng(groups)
    channels, outputs, size = 6, 12, 6 // groups
    weight, x = rng.normal(0, 1, (outputs, 3, 3, size)).astype(np.float32), rng.normal(0, 1, (2, 6, 5, channels)).astype(np.float32)

    def convolution(weight: Array, channels: int) -> bytes:
        file = FileBuilder()
        source, target = file.tensor((1, 6, 5, channels), kind="FLOAT32"), file.tensor((1, 4, 3, len(weight)), kind="FLOAT32")
        file.op("CONV_2D", [source, file.constant(weight)], [target], "Conv2DOptions", padding=1, **STEP)
        return file.file([source], [target])

    def result(data: bytes, x: Array) -> Array:
        graph = import_bytes(data)
        return float_interpreter.run(graph, {graph.inputs[0]: x})[graph.outputs[0]]

    step = outputs // groups
    parts = [
        tflite_micro(convolution(weight[step * n : step * (n + 1)], size), np.ascontiguousarray(x[..., size * n : size * (n + 1)]))[0]
        for n in range(groups)
    ]
    np.testing.assert_allclose(result(convolution(weight, channels), x), np.concatenate(parts, axis=-1)[:, 0], rtol=1e-4, atol=1e-5)


def test_weights_in_half_precision() -> None:
    half, full = (import_bytes(network(np.random.default_rng(3), half=half)) for half in (True, False))
    x = images(np.random.default_rng(4), 3)
    results = [float_interpreter.run(graph, {graph.inputs[0]: x})[graph.outputs[1]] for graph in (half, full)]
    assert 0 < np.abs(results[0] - results[1]).max() < 0.02


@pytest.mark.parametrize("format", [TFLITE, SHIFT, RescaleFormat(RescaleKind.FIXED, 16)], ids=str)
def test_quantized_afterwards(format: RescaleFormat) -> None:
    """The integer network follows the real one to a few steps of its output."""
    rng = np.random.default_rng(1)
    graph = import_bytes(network(rng))
    x = images(rng, 200)
    integers = quantize(graph, x, format=format)
    kinds = {op.kind for op in integers.ops}
    assert {"softmax", "lookup", "concatenation", "requantize"} < kinds
    real = float_interpreter.run(graph, {graph.inputs[0]: x})
    steps = quantize_input(integers, x)
    assert isinstance(steps, np.ndarray)
    values = run(integers, steps, tensors=True)
    for name in graph.outputs:
        affine = integers.tensors[name].affine
        error = np.abs((values[name].astype(float) - affine.zero_point) * affine.scale - real[name])
        assert error.max() < (40 if format == SHIFT else 12) * affine.scale


def test_everything_unsupported_at_once() -> None:
    file = FileBuilder()
    x, a, b, c = (file.tensor((1, 4), kind="FLOAT32") for _ in range(4))
    y = file.tensor((1, 4), 0.1)
    file.op("ELU", [x], [a])
    file.op("MUL", [x, x], [b], "MulOptions")
    file.op("RELU", [a], [c])
    file.op("QUANTIZE", [x], [y], "QuantizeOptions")
    with pytest.raises(InputError) as caught:
        import_bytes(file.file([x], [c, b, y]), "net")
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["operator 0 (ELU)", "operator 1 (MUL)", "operator 3 (QUANTIZE)"]


def test_faults_behind_unsupported_operators_are_named() -> None:
    file = FileBuilder()
    x, a, b, c, d = (file.tensor((1, 4), kind="FLOAT32") for _ in range(5))
    file.op("ELU", [x], [a])
    file.op("MUL", [a, x], [b], "MulOptions")
    file.op("RELU", [b], [c])
    file.op("CUMSUM", [c], [d])
    with pytest.raises(RefusedNetworkError) as caught:
        import_bytes(file.file([x], [d]), "net")
    assert [refusal.name for refusal in caught.value.refusals] == ["elu_0", "mul_1", "cumsum_3"]
    assert isinstance(caught.value.partial, FloatGraph)
    assert [op.name for op in caught.value.partial.ops] == ["relu_2"]
    assert not caught.value.quantized


def test_a_quantized_file_is_not_read() -> None:
    with pytest.raises(InputError, match="is quantized already"):
        import_bytes(int8_network(), "net")


def test_missing_stored_weights() -> None:
    """Found by fuzzing."""
    file = FileBuilder()
    x, y = file.tensor((1, 4), kind="FLOAT32"), file.tensor((1, 4), kind="FLOAT32")
    file.op("DEQUANTIZE", [-1], [y], "DequantizeOptions")
    with pytest.raises(InputError, match="its input 0 is missing"):
        import_bytes(file.file([x], [y]), "net")


def test_mutated_files_end_in_an_input_error() -> None:
    _fuzz(SEED, 600)


@pytest.mark.slow
def test_mutated_files_for_longer() -> None:
    _fuzz(SEED + 1, 30_000)


def _fuzz(seed: int, count: int) -> None:
    results: list[bool] = []
    for data in mutations(network(np.random.default_rng(0)), np.random.default_rng(seed), count):
        start = time.monotonic()
        try:
            import_bytes(data)
            results.append(True)
        except InputError:
            results.append(False)
        assert time.monotonic() - start < PATIENCE
    assert 0 < sum(results) < count


@pytest.mark.reference
@pytest.mark.parametrize(("name", "least"), [("ic_resnet8", 0.84), ("kws_dscnn", 0.89), ("vww_mobilenet", 0.83)])
def test_reference_networks_quantized_here(name: str, least: float) -> None:
    """Post-training quantization of the float networks reaches the accuracy of the published int8 ones, less a percent or two."""
    folder = Path(os.environ["WEFT_REFERENCE"])
    published = tflite.import_file(folder / "models" / f"{name}_int8.tflite")
    affine: Any = published.tensors[published.inputs[0]].affine
    samples = np.load(folder / "samples" / f"{name}_real.npz")
    graph = import_file(folder / "models" / f"{name}_float.tflite")
    shape = graph.tensors[graph.inputs[0]].shape
    x = ((samples["x"].astype(np.float32) - affine.zero_point) * np.float32(affine.scale)).reshape(-1, *shape)
    integers = quantize(graph, x[:100])
    steps = quantize_input(integers, x)
    assert isinstance(steps, np.ndarray)
    assert (run(integers, steps).argmax(axis=1) == samples["label"]).mean() >= least
