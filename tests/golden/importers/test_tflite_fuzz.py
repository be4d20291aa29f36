"""Damaged and hostile TensorFlow Lite files: an InputError or a graph, quickly, and nothing else."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from golden.errors import InputError
from golden.importers import tflite
from golden.interpreter import run
from tests.golden.importers.tflite_builder import FileBuilder

#: The seed of the short run; the long run goes on from it.
SEED = 20250

#: Numbers that offsets, lengths, types and sizes do not expect.
HOSTILE = (0, 1, 2, 3, 127, 128, 255, 2**15, 2**16, 2**20 + 1, 2**24, 2**28, 2**30, 2**31 - 1, 2**31, 2**32 - 1, 2**32 - 4)

#: Seconds that one file may take; a hang takes longer, and a busy machine does not.
PATIENCE = 20.0


def network() -> bytes:
    """One operator of every kind."""
    rng = np.random.default_rng(0)
    file = FileBuilder()

    def weights(*shape: int) -> int:
        return file.tensor(shape, 0.01, data=rng.integers(-127, 128, shape).astype(np.int8))

    x = file.tensor((1, 6, 6, 4), kind="FLOAT32", name="image")
    tensors = {name: file.tensor((1, 6, 6, 4), 0.1, 3, name=name) for name in "qcdampt"}
    padded, pooled = file.tensor((1, 8, 8, 4), 0.1, 3), file.tensor((1, 3, 3, 4), 0.1, 3)
    joined, lower, mean = file.tensor((1, 3, 3, 8), 0.1, 3), file.tensor((1, 3, 3, 4), 0.1, 3), file.tensor((1, 8), 0.05, -7)
    fc, table, tanh = file.tensor((1, 5), 0.2, 1), file.tensor((1, 5), 1 / 256, -128), file.tensor((1, 5), 1 / 128, 0)
    again, flat, last = file.tensor((1, 5), 0.02, 9), file.tensor((1, 1, 1, 5), 0.02, 9), file.tensor((1, 1, 1, 5), 1 / 256, -128)
    step = {"strideH": 1, "strideW": 1}
    pool = {"padding": 1, "strideH": 2, "strideW": 2, "filterHeight": 2, "filterWidth": 2}
    file.op("QUANTIZE", [x], [tensors["q"]], "QuantizeOptions")
    file.op("PAD", [tensors["q"], file.constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))], [padded], "PadOptions")
    bias = file.tensor((4,), 0.001, data=np.arange(4, dtype=np.int32), kind="INT32")
    file.op("CONV_2D", [padded, weights(4, 3, 3, 4), bias], [tensors["c"]], "Conv2DOptions", padding=1, **step)
    options = {"padding": 0, "depthMultiplier": 1, "dilationHFactor": 2, **step}
    file.op("DEPTHWISE_CONV_2D", [tensors["c"], weights(1, 3, 3, 4)], [tensors["d"]], "DepthwiseConv2DOptions", **options)
    file.op("ADD", [tensors["c"], tensors["d"]], [tensors["a"]], "AddOptions", fusedActivationFunction=1)
    file.op("RELU", [tensors["a"]], [tensors["m"]])
    file.op("MAX_POOL_2D", [tensors["m"]], [pooled], "Pool2DOptions", **pool)
    file.op("AVERAGE_POOL_2D", [tensors["m"]], [lower], "Pool2DOptions", **pool)
    file.op("CONCATENATION", [pooled, lower], [joined], "ConcatenationOptions", axis=3)
    file.op("MEAN", [joined, file.constant(np.array([1, 2], np.int32))], [mean], "ReducerOptions")
    file.op("FULLY_CONNECTED", [mean, weights(5, 8)], [fc], "FullyConnectedOptions")
    file.op("LOGISTIC", [fc], [table])
    file.op("TANH", [table], [tanh])
    file.op("QUANTIZE", [tanh], [again])
    file.op("RESHAPE", [again, file.constant(np.array([1, 1, 1, 5], np.int32))], [flat], "ReshapeOptions")
    file.op("SOFTMAX", [flat], [last], "SoftmaxOptions", beta=1.0)
    return file.file([x], [last, tanh])


def mutations(data: bytes, rng: np.random.Generator, count: int) -> Iterator[bytes]:
    """Files that differ from a sound one in a few places, mostly where its structure is: constants fill most of the bytes."""
    words = np.frombuffer(data[: len(data) // 4 * 4], np.uint32)
    structural = np.flatnonzero((words < len(data)) | (words > 2**32 - len(data))) * 4
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(int(rng.integers(1, 6))):
            place = int(rng.choice(structural)) if rng.integers(4) else int(rng.integers(len(changed)))
            kind = rng.integers(6)
            if kind == 0:
                changed[min(place, len(changed) - 1)] = int(rng.integers(256))
            elif kind == 1:
                changed[place : place + 4] = struct.pack("<I", int(rng.choice(HOSTILE)))
            elif kind == 2:
                changed[place : place + 2] = struct.pack("<H", int(rng.choice(HOSTILE)) & 0xFFFF)
            elif kind == 3:
                other = int(rng.choice(structural))
                changed[place : place + 4] = data[other : other + 4]
            elif kind == 4:
                number = struct.unpack("<I", data[place // 4 * 4 :][:4].ljust(4, b"\0"))[0]
                changed[place // 4 * 4 : place // 4 * 4 + 4] = struct.pack("<I", (number + int(rng.integers(-8, 9))) & 0xFFFFFFFF)
            elif rng.integers(4) == 0:
                del changed[max(8, int(rng.integers(len(changed)))) :]
            structural = structural[structural < len(changed)] if len(changed) < len(data) else structural
            if not len(structural):
                break
        yield bytes(changed)
        structural = np.flatnonzero((words < len(data)) | (words > 2**32 - len(data))) * 4


def survives(data: bytes) -> bool:
    """Imports a file, and runs it where it is small; whether it was sound.  Anything but InputError, and anything slow, fails the test."""
    start = time.monotonic()
    try:
        graph = tflite.import_bytes(data)
        sound = True
        if sum(tensor.size for tensor in graph.tensors.values()) < 10_000:
            run(graph, {name: np.zeros((1, *graph.tensors[name].shape), np.int8) for name in graph.inputs}, tensors=True)
    except InputError:
        sound = False
    assert time.monotonic() - start < PATIENCE
    return sound


REFERENCES: list[Callable[[], bytes]] = [
    lambda name=name: (Path(os.environ["WEFT_REFERENCE"]) / "models" / f"{name}_int8.tflite").read_bytes()  # type: ignore[misc]
    for name in ("ic_resnet8", "kws_dscnn", "vww_mobilenet", "ad_autoencoder")
]


def fuzz(data: bytes, seed: int, count: int) -> None:
    assert survives(data)
    sound = [survives(changed) for changed in mutations(data, np.random.default_rng(seed), count)]
    assert 0 < sum(sound) < count  # the mutations reach both ends


def test_a_file_of_every_operator() -> None:
    fuzz(network(), SEED, 1500)


@pytest.mark.slow
def test_a_file_of_every_operator_for_longer() -> None:
    fuzz(network(), SEED + 1, 60_000)


@pytest.mark.reference
@pytest.mark.parametrize("number", range(4))
def test_reference_networks(number: int) -> None:
    fuzz(REFERENCES[number](), SEED, 100)


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize("number", range(4))
def test_reference_networks_for_longer(number: int) -> None:
    fuzz(REFERENCES[number](), SEED + 1, 5_000)


@pytest.mark.parametrize(
    ("kind", "scales", "sound"),
    [("RELU", (1e38, 1e-38), False), ("RELU", (1e-38, 1e38), False), ("RELU6", (1e-39, 1e-39), True), ("RELU6", (3e38, 3e38), True)],
)
def test_scales_at_the_ends_of_float32(kind: str, scales: tuple[float, float], sound: bool) -> None:
    """Found by the longer runs: their quotients are infinite or zero."""
    file = FileBuilder()
    x, y = (file.tensor((1, 4), scale) for scale in scales)
    file.op(kind, [x], [y])
    assert survives(file.file([x], [y])) == sound


def test_every_truncation() -> None:
    data = network()
    for size in range(0, len(data), 7):
        assert not survives(data[:size]) or size > len(data) - 64


def test_noise() -> None:
    rng = np.random.default_rng(SEED)
    for size in (0, 1, 7, 8, 9, 100, 10_000):
        noise = rng.integers(0, 256, size).astype(np.uint8).tobytes()
        assert not survives(noise)
        assert not survives(noise[:4] + b"TFL3" + noise[8:])
