"""A small float graph for the tests of this folder: two convolutions, a pool, a fully connected layer, 4 classes."""

from __future__ import annotations

import numpy as np

from golden.float_graph import FloatAveragePool2d, FloatConv2d, FloatFullyConnected, FloatGraph, FloatOp, FloatReshape, FloatTensor
from golden.graph import Padding, Window

#: Inputs are 6 x 6 x 3.
SHAPE = (6, 6, 3)


def small_graph(seed: int = 1) -> FloatGraph:
    """The graph, with random weights."""
    random = np.random.default_rng(seed)
    window = Window((3, 3), padding=Padding(1, 1, 1, 1))
    shapes: dict[str, tuple[int, ...]] = {"x": SHAPE, "a": (6, 6, 8), "b": (3, 3, 12), "p": (1, 1, 12), "v": (12,), "y": (4,)}
    ops: list[FloatOp] = [
        FloatConv2d("first", ("x",), "a", low=0.0, weight=random.normal(size=(8, 3, 3, 3)), bias=random.normal(size=8), window=window),
        FloatConv2d(
            "second",
            ("a",),
            "b",
            low=0.0,
            weight=random.normal(size=(12, 3, 3, 8)),
            bias=random.normal(size=12),
            window=Window((3, 3), (2, 2), Padding(1, 1, 1, 1)),
        ),
        FloatAveragePool2d("pool", ("b",), "p", window=Window((3, 3))),
        FloatReshape("flatten", ("p",), "v"),
        FloatFullyConnected("classes", ("v",), "y", weight=random.normal(size=(4, 12)), bias=random.normal(size=4)),
    ]
    return FloatGraph("small", {name: FloatTensor(name, shape) for name, shape in shapes.items()}, ("x",), ("y",), tuple(ops))


def inputs(count: int = 32, seed: int = 2) -> np.ndarray:
    """Random inputs, float32[N, 6, 6, 3]."""
    return np.random.default_rng(seed).normal(size=(count, *SHAPE)).astype(np.float32)
