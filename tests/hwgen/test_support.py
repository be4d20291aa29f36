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
from hwgen.compiler.support import check, problems
from hwgen.config import AcceleratorConfig

CONFIG = AcceleratorConfig(rows=4, cols=4, lanes=1)
MOVES = "would move channels; only flattening, and another division into rows, are free in hardware"
FORMATS = "quantize with the accelerator's format or generate an accelerator with the network's"


def test_everything_that_the_accelerator_lacks(network):
    """Another rescale format, padding of channels, a softmax before the end, a reshape that moves channels; no more than that: weights may
    have zero points."""
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
        "layer pad: padding of channels runs in the golden model only; pad rows and columns",
        "layer softmax: softmax runs in the golden model only; the accelerator has no hardware for it",
        f"layer reshape_5: a reshape of (4, 4, 8) to (2, 4, 16) {MOVES}",
    ]
    with pytest.raises(InputError) as caught:
        compile_graph(built.graph(), CONFIG)
    assert caught.value.problems == tuple(found)
    assert caught.value.message == "network test: the accelerator cannot run 4 part(s) of it"


def test_a_vector_cut_into_another_map_than_its_own(network):
    """Behind a flattening the channels are still where the map has them."""
    built = network(2, 2, 4).reshape(16).reshape(1, 1, 16)
    assert [p for p in problems(built.graph(), CONFIG) if "reshape" in p] == [
        f"layer reshape_1: a reshape of (2, 2, 4) to (1, 1, 16) {MOVES}"
    ]
    built = network(2, 2, 4).reshape(16).reshape(4, 1, 4).conv(1, Window((4, 1)))
    check(built.graph(), CONFIG)


def test_a_network_that_computes_nothing():
    tensor = Tensor("x", (1, 1, 4), Affine(1.0, 0))
    graph = Graph("empty", TFLITE, {"x": tensor}, ("x",), ("x",), ())
    assert problems(graph, CONFIG) == ["the network has no layer that computes anything"]


def test_what_the_accelerator_has_passes(digits_like):
    graph = digits_like.graph()
    assert problems(graph, CONFIG) == []
    assert problems(replace(graph, format=RescaleFormat.parse("shift")), CONFIG) != []
