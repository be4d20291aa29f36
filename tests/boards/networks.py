"""Networks for the driver: one as large as that of `weft demo`, one of several inputs and outputs."""

from __future__ import annotations

import numpy as np

from golden.affine import Affine
from golden.checker import check
from golden.graph import (
    Add,
    AveragePool2d,
    Conv2d,
    FullyConnected,
    Graph,
    MaxPool2d,
    Op,
    Padding,
    Reshape,
    Softmax,
    Tensor,
    Window,
)
from golden.rescale import TFLITE, Rescale

_AROUND = Padding(1, 1, 1, 1)


def _weights(rng: np.random.Generator, shape: tuple[int, ...]) -> dict[str, object]:
    """Random weights, int8[Cout, ...], with a rescale that spreads the results over the int8 range."""
    outputs, depth = shape[0], int(np.prod(shape[1:]))
    return {
        "weight": rng.integers(-127, 128, shape).astype(np.int8),
        "weight_zero_point": np.zeros(outputs, np.int32),
        "weight_scale": np.ones(outputs),
        "bias": rng.integers(-3000, 3000, outputs).astype(np.int32),
        "rescale": Rescale.from_real(TFLITE, rng.uniform(0.7, 1.4, outputs) / (73 * depth**0.5)),
    }


def _graph(name: str, tensors: list[tuple[str, tuple[int, ...], float, int]], outputs: tuple[str, ...], ops: tuple[Op, ...]) -> Graph:
    named = {each: Tensor(each, shape, Affine(scale, zero_point)) for each, shape, scale, zero_point in tensors}
    made = {op.output for op in ops}
    graph = Graph(name, TFLITE, named, tuple(each for each in named if each not in made), outputs, ops)
    check(graph)
    return graph


def digits_size_network(seed: int = 1) -> Graph:
    """The layers of `weft demo`'s network, with random weights, and a softmax that the host computes.  The input is stored densely."""
    rng = np.random.default_rng(seed)
    shapes = {"x": (8, 8, 1), "a": (8, 8, 16), "b": (8, 8, 32), "c": (4, 4, 32), "d": (4, 4, 32), "e": (2, 2, 64), "f": (1, 1, 64)}
    tensors = [(name, shape, 1 / 255 if name == "x" else 0.1, -128 if name == "x" else -10) for name, shape in shapes.items()]
    tensors += [("g", (64,), 0.1, -10), ("scores", (10,), 0.1, 4), ("y", (10,), 1 / 256, -128)]
    ops: tuple[Op, ...] = (
        Conv2d("first", ("x",), "a", window=Window((3, 3), padding=_AROUND), act_min=-10, **_weights(rng, (16, 3, 3, 1))),  # type: ignore[arg-type]
        Conv2d("second", ("a",), "b", window=Window((3, 3), padding=_AROUND), act_min=-10, **_weights(rng, (32, 3, 3, 16))),  # type: ignore[arg-type]
        MaxPool2d("largest", ("b",), "c", window=Window((2, 2), (2, 2))),
        Conv2d("third", ("c",), "d", window=Window((3, 3), padding=_AROUND), act_min=-10, **_weights(rng, (32, 3, 3, 32))),  # type: ignore[arg-type]
        Conv2d("fourth", ("d",), "e", window=Window((3, 3), (2, 2), _AROUND), act_min=-10, **_weights(rng, (64, 3, 3, 32))),  # type: ignore[arg-type]
        AveragePool2d("mean", ("e",), "f", window=Window((2, 2))),
        Reshape("flatten", ("f",), "g"),
        FullyConnected("last", ("g",), "scores", **_weights(rng, (10, 64))),  # type: ignore[arg-type]
        Softmax("softmax", ("scores",), "y", multiplier=1 << 30, left_shift=24),
    )
    return _graph("digits-size", tensors, ("y",), ops)


def vectors_network(*lengths: int) -> Graph:
    """A fully connected layer for each of some vectors."""
    rng = np.random.default_rng(2)
    tensors = [(f"vector_{n}", (length,), 0.05, -20) for n, length in enumerate(lengths)]
    tensors += [(f"scores_{n}", (5 + n,), 0.1, 9) for n in range(len(lengths))]
    ops = tuple(
        FullyConnected(f"dense_{n}", (f"vector_{n}",), f"scores_{n}", **_weights(rng, (5 + n, length)))  # type: ignore[arg-type]
        for n, length in enumerate(lengths)
    )
    return _graph("vectors", tensors, tuple(op.output for op in ops), ops)


def branching_network() -> Graph:
    """Two inputs, a map and a vector; three outputs: a map, the scores, and what the host makes of them.  A residual add has a table."""
    rng = np.random.default_rng(2)
    tensors = [
        ("image", (4, 3, 6), 1 / 64, 5),
        ("vector", (7,), 0.05, -20),
        ("left", (4, 3, 6), 1 / 64, -3),
        ("map", (4, 3, 6), 1 / 64, 2),
        ("top", (2, 3, 6), 1 / 64, 2),
        ("scores", (5,), 0.1, 9),
        ("probabilities", (5,), 1 / 256, -128),
    ]
    half, back = (Rescale.from_real(TFLITE, factor) for factor in (0.5, 2**-19))
    ops: tuple[Op, ...] = (
        Conv2d("conv", ("image",), "left", window=Window((3, 3), padding=_AROUND), **_weights(rng, (6, 3, 3, 6))),  # type: ignore[arg-type]
        Add("add", ("image", "left"), "map", left_shift=20, rescale_a=half, rescale_b=half, rescale_out=back),
        MaxPool2d("largest", ("map",), "top", window=Window((2, 1), (2, 1))),
        FullyConnected("dense", ("vector",), "scores", **_weights(rng, (5, 7))),  # type: ignore[arg-type]
        Softmax("softmax", ("scores",), "probabilities", multiplier=1 << 30, left_shift=24),
    )
    return _graph("branching", tensors, ("probabilities", "top", "scores"), ops)
