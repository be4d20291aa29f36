"""A small network with every kind of layer, and an accelerator for it."""

from __future__ import annotations

import numpy as np

from golden.affine import Affine
from golden.checker import check
from golden.graph import AveragePool2d, Conv2d, FullyConnected, Graph, MaxPool2d, Op, Padding, Reshape, Tensor, Window
from golden.rescale import TFLITE, Rescale
from hwgen.config import AcceleratorConfig

SMALL = AcceleratorConfig(
    rows=4, cols=4, lanes=2, acc_depth=32, act_depth=128, weight_depth=512, param_depth=64, program_depth=256, max_layers=8
)


def weights(rng: np.random.Generator, shape: tuple[int, ...]) -> dict[str, object]:
    """Random weights, int8[Cout, ...], with a rescale that spreads the results over the int8 range."""
    outputs, depth = shape[0], int(np.prod(shape[1:]))
    return {
        "weight": rng.integers(-127, 128, shape).astype(np.int8),
        "weight_zero_point": np.zeros(outputs, np.int32),
        "weight_scale": np.ones(outputs),
        "bias": rng.integers(-3000, 3000, outputs).astype(np.int32),
        "rescale": Rescale.from_real(TFLITE, rng.uniform(0.7, 1.4, outputs) / (73 * depth**0.5)),
    }


def small_network() -> Graph:
    """5 x 4 x 3 -> conv 6 -> conv 9, stride 2 -> max pool -> average pool -> flatten -> fully connected 5."""
    rng = np.random.default_rng(5)
    tensors = {
        name: Tensor(name, shape, Affine(scale, zero_point))
        for name, shape, scale, zero_point in (
            ("x", (5, 4, 3), 1 / 255, -7),
            ("a", (5, 4, 6), 0.1, -5),
            ("b", (3, 2, 9), 0.1, 3),
            ("c", (2, 2, 9), 0.1, 3),
            ("d", (1, 2, 9), 0.1, 3),
            ("e", (18,), 0.1, 3),
            ("y", (5,), 0.2, -1),
        )
    }
    around = Padding(1, 1, 1, 1)
    ops: tuple[Op, ...] = (
        Conv2d("first", ("x",), "a", window=Window((3, 3), padding=around), act_min=-5, **weights(rng, (6, 3, 3, 3))),  # type: ignore[arg-type]
        Conv2d("second", ("a",), "b", window=Window((3, 3), (2, 2), around), **weights(rng, (9, 3, 3, 6))),  # type: ignore[arg-type]
        MaxPool2d("largest", ("b",), "c", window=Window((2, 1))),
        AveragePool2d("mean", ("c",), "d", window=Window((2, 1))),
        Reshape("flatten", ("d",), "e"),
        FullyConnected("last", ("e",), "y", **weights(rng, (5, 18))),  # type: ignore[arg-type]
    )
    graph = Graph("small", TFLITE, tensors, ("x",), ("y",), ops)
    check(graph)
    return graph
