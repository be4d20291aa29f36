"""In a shift-only network tensors that are added have scales whose ratios are powers of two; the others are free."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from golden.checker import SOFTMAX_OUTPUT
from golden.float_graph import FloatAdd, FloatFullyConnected, FloatGraph, FloatMaxPool2d, FloatOp, FloatSoftmax, FloatTensor
from golden.graph import Padding, Window
from golden.tied_scales import bases, next_scale, tied_tensors, widening


def network() -> FloatGraph:
    """x -> fc -> a; a + x -> b; b -> fc -> c -> softmax -> y, and c itself."""
    tensors = {name: FloatTensor(name, (2,)) for name in "xabcy"}
    weights = {"weight": np.eye(2), "bias": np.zeros(2)}
    ops: tuple[FloatOp, ...] = (
        FloatFullyConnected("first", ("x",), "a", **weights),
        FloatAdd("sum", ("a", "x"), "b"),
        FloatFullyConnected("second", ("b",), "c", **weights),
        FloatSoftmax("softmax", ("c",), "y"),
    )
    return FloatGraph("g", tensors, ("x",), ("y",), ops)


def test_what_is_added_is_tied_and_layers_with_weights_tie_nothing() -> None:
    assert tied_tensors(network()) == (frozenset("xab"), frozenset("c"), frozenset("y"))


def test_a_pool_between_two_sums_ties_them() -> None:
    shapes = {"x": (4, 4, 1), "a": (4, 4, 1), "p": (2, 2, 1), "b": (2, 2, 1)}
    tensors = {name: FloatTensor(name, shape) for name, shape in shapes.items()}
    pool = FloatMaxPool2d("pool", ("a",), "p", window=Window((2, 2), (2, 2), (1, 1), Padding(0, 0, 0, 0)))
    graph = FloatGraph("g", tensors, ("x",), ("b",), (FloatAdd("one", ("x", "x"), "a"), pool, FloatAdd("two", ("p", "p"), "b")))
    assert tied_tensors(graph) == (frozenset("xapb"),)


def test_the_base_is_that_with_the_least_widening() -> None:
    """Wanted 1, 1.9 and 3.9: from 1 on 1, 2, 4 widen by little; from 1.9 on, 1 would become 1.9."""
    found = bases(network(), {"x": 1.0, "a": 1.9, "b": 3.9, "c": 0.3})
    assert found == {"x": 1.0, "a": 1.0, "b": 1.0}
    assert [next_scale(wanted, 1.0) for wanted in (1.0, 1.9, 3.9)] == [1.0, 2.0, 4.0]
    assert np.isclose(widening(np.array([1.0, 1.9, 3.9]), 1.0), np.log2(2 / 1.9) + np.log2(4 / 3.9))


def test_what_is_added_to_a_softmax_follows_its_scale() -> None:
    graph = network()
    added = FloatAdd("more", ("y", "c"), "z")
    graph = FloatGraph("g", graph.tensors | {"z": FloatTensor("z", (2,))}, ("x",), ("z",), (*graph.ops, added))
    found = bases(graph, {"x": 1.0, "a": 1.0, "b": 1.0, "c": 0.3, "z": 0.7})
    assert {found[name] for name in "cyz"} == {SOFTMAX_OUTPUT.scale}


@given(st.floats(1e-30, 1e30), st.floats(1e-30, 1e30))
def test_the_next_scale_is_a_power_of_two_times_the_base(wanted: float, base: float) -> None:
    ratio = next_scale(wanted, base) / base
    assert 2.0 ** round(np.log2(ratio)) == ratio
    assert next_scale(wanted, base) >= wanted * (1 - 1e-15)
    assert next_scale(wanted, base) < 2 * wanted * (1 + 1e-15)
    assert next_scale(base, base) == base
