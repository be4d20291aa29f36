"""The network of the demonstration, trained once for all benchmarks that measure it."""

from __future__ import annotations

import functools

from golden.graph import Graph, Int8
from weft import api
from weft.arrays import make_samples
from weft.benchmarks.registry import Progress
from weft.network_inputs import int8_inputs


def digits_network(progress: Progress) -> tuple[Graph, Int8]:
    """The quantized network and its 360 held-out images, int8[360, 8, 8, 1]."""
    progress("training", 0, 1)
    trained = _trained()
    progress("training", 1, 1)
    return trained


@functools.cache
def _trained() -> tuple[Graph, Int8]:
    from weft.demo.data import digits
    from weft.demo.train import train

    split = digits()
    graph = api.quantize(train(split), split.train_x, layout="nhwc", name="digits")
    (x,) = int8_inputs(graph, {graph.inputs[0]: make_samples("held-out images", split.test_x)}).values()
    return graph, x
