"""What the accelerator cannot run is said for the whole network at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from golden.affine import Affine
from golden.errors import InputError
from golden.graph import Add, DepthwiseConv2d, Graph, Pad, Softmax, Tensor, Window
from golden.rescale import TFLITE, Rescale, RescaleFormat
from hwgen.compiler import compile_graph
from hwgen.compiler.support import problems
from hwgen.config import AcceleratorConfig

CONFIG = AcceleratorConfig(rows=4, cols=4, lanes=1)
FORMATS = "quantize with the accelerator's format or generate an accelerator with the network's"


def test_everything_that_the_accelerator_lacks(network):
    """Another rescale format, and a softmax before the end; no more than that: weights may have zero points, channels may be padded, and
    a reshape may move them."""
    format = RescaleFormat.parse("fixed16")
    one = Rescale.from_real(format, [0.5])
    built = network(4, 4, 4, format=format).conv(4, Window((1, 1)), weight_zero_point=np.array([0, 0, 1, 0], np.int32))
    conv_out = built.current
    constants = built.weighted(np.ones((4, 1, 1, 1), np.int8), {})
    constants["weight"] = np.ones((1, 1, 4), np.int8)
    built.add(DepthwiseConv2d("depth", (built.current,), "depth.out", window=Window((1, 1)), **constants), (4, 4, 4))
    built.add(Add("sum", (conv_out, built.current), "sum.out", left_shift=20, rescale_a=one, rescale_b=one, rescale_out=one), (4, 4, 4))
    built.add(Pad("pad", (built.current,), "pad.out", channels=(1, 3)), (4, 4, 8))
    built.add(Softmax("softmax", (built.current,), "softmax.out", multiplier=1 << 30, left_shift=20), (4, 4, 8))
    built.reshape(2, 4, 16).conv(1, Window((1, 1)))
    found = problems(built.graph(), CONFIG)
    assert found == [
        f"the network rescales in format fixed16, the accelerator in tflite; {FORMATS}",
        "layer softmax: softmax runs in the golden model only; the accelerator has no hardware for it",
    ]
    with pytest.raises(InputError) as caught:
        compile_graph(built.graph(), CONFIG)
    assert caught.value.problems == tuple(found)
    assert caught.value.message == "network test: the accelerator cannot run 2 part(s) of it"


def test_reshapes_alone(network):
    """One that moves channels is work, one that moves nothing is none."""
    assert problems(network(2, 2, 4).reshape(16).graph(), CONFIG) == ["the network has no layer that computes anything"]
    assert problems(network(2, 2, 4).reshape(16).reshape(1, 1, 16).graph(), CONFIG) == []


def test_a_network_that_computes_nothing():
    tensor = Tensor("x", (1, 1, 4), Affine(1.0, 0))
    graph = Graph("empty", TFLITE, {"x": tensor}, ("x",), ("x",), ())
    assert problems(graph, CONFIG) == ["the network has no layer that computes anything"]


def test_what_the_accelerator_has_passes(digits_like):
    graph = digits_like.graph()
    assert problems(graph, CONFIG) == []
    assert problems(replace(graph, format=RescaleFormat.parse("shift")), CONFIG) != []
