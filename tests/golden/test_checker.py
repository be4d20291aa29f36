"""Every named rule of the integer graph refuses what it is there for, and all violations are listed at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from golden.affine import Affine
from golden.checker import check, violations
from golden.errors import InputError
from golden.graph import (
    Add,
    Concatenation,
    Conv2d,
    DepthwiseConv2d,
    FullyConnected,
    Graph,
    Lookup,
    MaxPool2d,
    Mean,
    Op,
    Pad,
    Padding,
    Requantize,
    Reshape,
    Softmax,
    Tensor,
    Window,
)
from golden.rescale import SHIFT, TFLITE, Rescale, RescaleFormat, RescaleKind

AFFINE = Affine(0.5, 3)


def constants(shape: tuple[int, ...], channels: int) -> dict[str, Any]:
    return {
        "weight": np.ones(shape, np.int8),
        "weight_zero_point": np.zeros(channels, int),
        "weight_scale": np.ones(channels),
        "bias": np.zeros(channels, int),
        "rescale": Rescale.from_real(TFLITE, np.full(channels, 0.01)),
    }


def network() -> Graph:
    """conv -> depthwise -> add -> max pool -> flatten -> fully connected."""
    shapes = {"x": (6, 6, 2), "c": (6, 6, 4), "d": (6, 6, 4), "s": (6, 6, 4), "p": (3, 3, 4), "f": (36,), "y": (5,)}
    around = Window((3, 3), padding=Padding(1, 1, 1, 1))
    half = Rescale.from_real(TFLITE, 0.5)
    ops: tuple[Op, ...] = (
        Conv2d("conv", ("x",), "c", window=around, **constants((4, 3, 3, 2), 4)),
        DepthwiseConv2d("depthwise", ("c",), "d", window=around, **constants((3, 3, 4), 4)),
        Add("add", ("c", "d"), "s", left_shift=20, rescale_a=half, rescale_b=half, rescale_out=Rescale.from_real(TFLITE, 2.0**-19)),
        MaxPool2d("pool", ("s",), "p", window=Window((2, 2), (2, 2))),
        Reshape("flat", ("p",), "f"),
        FullyConnected("fc", ("f",), "y", **constants((5, 36), 5)),
    )
    tensors = {name: Tensor(name, shape, AFFINE) for name, shape in shapes.items()}
    return Graph("net", TFLITE, tensors, ("x",), ("y",), ops)


def changed(where: str, /, **fields: Any) -> Callable[[Graph], Graph]:
    """A graph with other fields in one operator."""
    return lambda graph: replace(graph, ops=tuple(replace(op, **fields) if op.name == where else op for op in graph.ops))


def tensor(key: str, /, **fields: Any) -> Callable[[Graph], Graph]:
    """A graph with other fields in one tensor."""
    return lambda graph: replace(graph, tensors=graph.tensors | {key: replace(graph.tensors[key], **fields)})


def test_a_sound_graph_has_no_violations() -> None:
    assert violations(network()) == []
    check(network())


FIXED8 = RescaleFormat(RescaleKind.FIXED, 8)

FAULTS: list[tuple[str, str, Callable[[Graph], Graph]]] = [
    ("has-input", "net", lambda g: replace(g, inputs=())),
    ("has-output", "net", lambda g: replace(g, outputs=())),
    ("has-operators", "net", lambda g: replace(g, ops=())),
    ("tensor-name", "c", tensor("c", name="other")),
    ("tensor-shape", "x", tensor("x", shape=(6, 6))),
    ("tensor-shape", "f", tensor("f", shape=(0,))),
    ("tensor-bits", "x", tensor("x", bits=9)),
    ("tensor-bits", "conv", tensor("c", bits=4)),
    ("weight-bits", "conv", lambda g: changed("conv", weight_bits=2, weight=np.full_like(g.ops[0].weight, 2))(g)),  # type: ignore[attr-defined]
    ("weight-bits", "conv", changed("conv", weight_bits=1)),
    ("unique-names", "conv", changed("depthwise", name="conv")),
    ("tensor-declared", "conv", changed("conv", inputs=("nowhere",))),
    ("tensor-declared", "conv", changed("conv", output="nowhere")),
    ("tensor-defined", "depthwise", lambda g: replace(g, ops=(g.ops[1], g.ops[0], *g.ops[2:]))),
    ("single-assignment", "depthwise", changed("depthwise", output="c")),
    ("single-assignment", "conv", changed("conv", output="x")),
    ("output-written", "net", lambda g: replace(g, outputs=("y", "z"))),
    ("tensor-used", "extra", lambda g: replace(g, tensors=g.tensors | {"extra": Tensor("extra", (1,), AFFINE)})),
    ("tensor-used", "d", changed("add", inputs=("c", "c"))),
    ("arity", "add", changed("add", inputs=("c",))),
    ("arity", "pool", changed("pool", inputs=("c", "d"))),
    ("act-range", "conv", changed("conv", act_min=5, act_max=4)),
    ("act-range", "conv", changed("conv", act_max=128)),
    ("weight-shape", "conv", changed("conv", weight=np.ones((4, 3, 3, 3), np.int8))),
    ("weight-shape", "conv", changed("conv", weight=np.ones((4, 3, 1, 2), np.int8))),
    ("weight-shape", "depthwise", changed("depthwise", weight=np.ones((3, 3, 6), np.int8))),
    ("weight-shape", "fc", changed("fc", weight=np.ones((5, 35), np.int8))),
    ("output-shape", "conv", changed("conv", window=Window((3, 3)))),
    ("output-shape", "fc", tensor("y", shape=(4,))),
    ("output-shape", "add", tensor("s", shape=(6, 4, 6))),
    ("output-shape", "flat", tensor("f", shape=(35,))),
    ("input-shape", "pool", tensor("s", shape=(144,))),
    ("window", "pool", changed("pool", window=Window((2, 2), (0, 2)))),
    ("window", "pool", changed("pool", window=Window((2, 2), (2, 2), Padding(-1, 0, 0, 0)))),
    ("window", "pool", changed("pool", window=Window((9, 9)))),
    ("channel-vectors", "conv", changed("conv", bias=np.zeros(3, int))),
    ("channel-vectors", "conv", changed("conv", rescale=Rescale.from_real(TFLITE, [0.5, 0.5]))),
    ("weight-zero-point", "conv", changed("conv", weight_zero_point=np.full(4, 128))),
    ("weight-scale", "conv", changed("conv", weight_scale=np.array([1, 1, 1, np.nan]))),
    ("rescale-format", "conv", changed("conv", rescale=Rescale.from_real(SHIFT, np.full(4, 0.5)))),
    ("rescale-format", "add", changed("add", rescale_b=Rescale.from_real(FIXED8, 0.5))),
    ("rescale-range", "conv", changed("conv", rescale=Rescale(TFLITE, np.full(4, 2**30), np.full(4, -32)))),
    ("rescale-range", "conv", changed("conv", rescale=Rescale(TFLITE, np.full(4, 2**31), np.full(4, -8)))),
    ("rescale-range", "conv", changed("conv", rescale=Rescale(TFLITE, np.full(4, -1), np.full(4, -8)))),
    ("left-shift", "add", changed("add", left_shift=-1)),
    ("same-affine", "pool", tensor("p", affine=Affine(0.5, 4))),
    ("same-affine", "flat", tensor("f", affine=Affine(0.25, 3))),
    ("copy-clamp", "flat", changed("flat", act_min=0)),
    ("acc-bound", "conv", changed("conv", bias=np.full(4, 2**31 - 1))),
    ("rescale-overflow", "conv", changed("conv", rescale=Rescale.from_real(TFLITE, np.full(4, 2.0**20)))),
    ("rescale-overflow", "add", changed("add", rescale_a=Rescale.from_real(TFLITE, 16.0))),
]


@pytest.mark.parametrize(("rule", "where", "fault"), FAULTS, ids=[f"{rule}-{index}" for index, (rule, _, _) in enumerate(FAULTS)])
def test_each_rule_refuses_its_fault_and_names_the_place(rule: str, where: str, fault: Callable[[Graph], Graph]) -> None:
    found = violations(fault(network()))
    assert any(violation.rule == rule and f"'{where}'" in str(violation) for violation in found), [str(v) for v in found]


def second_network() -> Graph:
    """pad -> requantize -> mean; concatenation -> lookup -> softmax."""
    shapes = {"x": (3, 4, 2), "p": (4, 4, 3), "r": (4, 4, 3), "m": (1, 4, 3), "c": (4, 4, 6), "t": (4, 4, 6), "y": (4, 4, 6)}
    half = Rescale.from_real(TFLITE, 0.5)
    ops: tuple[Op, ...] = (
        Pad("pad", ("x",), "p", padding=Padding(1), channels=(0, 1)),
        Requantize("again", ("p",), "r", rescale=half),
        Mean("mean", ("r",), "m", axes=(0,), rescale=half),
        Concatenation("join", ("p", "r"), "c", axis=2),
        Lookup("table", ("c",), "t", table=np.arange(256) - 128),
        Softmax("last", ("t",), "y", multiplier=2**30, left_shift=20),
    )
    tensors = {name: Tensor(name, shape, AFFINE) for name, shape in shapes.items()} | {"y": Tensor("y", shapes["y"], Affine(1 / 256, -128))}
    return Graph("net", TFLITE, tensors, ("x",), ("m", "y"), ops)


MORE_FAULTS: list[tuple[str, str, Callable[[Graph], Graph]]] = [
    ("arity", "join", changed("join", inputs=("p",))),
    ("input-shape", "join", tensor("c", shape=(96,))),
    ("concat-axis", "join", changed("join", axis=3)),
    ("output-shape", "join", changed("join", axis=1)),
    ("output-shape", "join", tensor("c", shape=(4, 4, 7))),
    ("same-affine", "join", tensor("r", affine=Affine(0.5, 4))),
    ("same-affine", "pad", tensor("x", affine=Affine(0.5, 4))),
    ("copy-clamp", "pad", changed("pad", act_min=0)),
    ("copy-clamp", "join", changed("join", act_max=0)),
    ("window", "pad", changed("pad", padding=Padding(-1))),
    ("window", "pad", changed("pad", channels=(1, 2, 3))),
    ("output-shape", "pad", changed("pad", channels=(1, 1))),
    ("input-shape", "pad", tensor("x", shape=(24,))),
    ("mean-axes", "mean", changed("mean", axes=(2,))),
    ("output-shape", "mean", changed("mean", axes=(1,))),
    ("input-shape", "mean", tensor("r", shape=(48,))),
    ("rescale-format", "mean", changed("mean", rescale=Rescale.from_real(SHIFT, 0.5))),
    ("channel-vectors", "again", changed("again", rescale=Rescale.from_real(TFLITE, [0.5, 0.5, 0.5]))),
    ("rescale-overflow", "again", changed("again", rescale=Rescale.from_real(TFLITE, 2.0**25))),
    ("output-shape", "again", tensor("r", shape=(4, 4, 4))),
    ("lookup-table", "table", changed("table", table=np.zeros(255, int))),
    ("softmax-affine", "last", tensor("y", affine=AFFINE)),
    ("softmax-scale", "last", changed("last", multiplier=5)),
    ("softmax-scale", "last", changed("last", left_shift=32)),
]


def test_the_second_network_is_sound() -> None:
    assert violations(second_network()) == []


@pytest.mark.parametrize(("rule", "where", "fault"), MORE_FAULTS, ids=[f"{rule}-{index}" for index, (rule, _, _) in enumerate(MORE_FAULTS)])
def test_each_rule_of_the_second_network(rule: str, where: str, fault: Callable[[Graph], Graph]) -> None:
    found = violations(fault(second_network()))
    assert any(violation.rule == rule and f"'{where}'" in str(violation) for violation in found), [str(v) for v in found]


def test_sums_beyond_their_accumulators_are_refused() -> None:
    """A mean over 2^24 pixels, and a softmax over more elements than 12 integer bits hold."""
    half = Rescale.from_real(TFLITE, 0.5)
    shapes = {"x": (2**12, 2**12, 1), "y": (1, 1, 1)}
    large = {name: Tensor(name, shape, AFFINE) for name, shape in shapes.items()}
    mean = Mean("mean", ("x",), "y", axes=(0, 1), rescale=half)
    assert [v.rule for v in violations(Graph("net", TFLITE, large, ("x",), ("y",), (mean,)))] == ["acc-bound"]
    for length, rules in ((4095, []), (4096, ["softmax-length"])):
        long = {"x": Tensor("x", (length,), AFFINE), "y": Tensor("y", (length,), Affine(1 / 256, -128))}
        last = Softmax("last", ("x",), "y", multiplier=2**30, left_shift=20)
        assert [v.rule for v in violations(Graph("net", TFLITE, long, ("x",), ("y",), (last,)))] == rules


def test_a_pool_window_of_padding_alone_is_refused() -> None:
    graph = network()
    window = Window((2, 2), (2, 2), Padding(2, 0, 0, 0))
    tall = tensor("p", shape=(4, 3, 4))(changed("pool", window=window)(graph))
    assert "pool-window" in {violation.rule for violation in violations(tall)}


def test_an_unknown_kind_of_operator_is_refused() -> None:
    graph = network()
    found = violations(replace(graph, ops=(*graph.ops[:-1], Op("odd", ("f",), "y"))))
    assert [(violation.rule, violation.where) for violation in found] == [("op-kind", "operator 'odd'")]


def test_a_shift_to_the_left_may_not_overflow() -> None:
    graph = network()
    shifts = Rescale(SHIFT, np.zeros(4), np.full(4, -24))
    only = Graph("net", SHIFT, {name: graph.tensors[name] for name in "xc"}, ("x",), ("c",), (replace(graph.ops[0], rescale=shifts),))
    assert [violation.rule for violation in violations(only)] == ["rescale-overflow"]


def test_a_fixed_factor_above_what_its_bits_hold_is_refused() -> None:
    graph = network()
    factor = Rescale.from_real(FIXED8, np.full(4, 200.0))
    only = Graph("net", FIXED8, {name: graph.tensors[name] for name in "xc"}, ("x",), ("c",), (replace(graph.ops[0], rescale=factor),))
    assert [violation.rule for violation in violations(only)] == ["rescale-range"]


def test_all_violations_are_listed_at_once_with_the_pass_that_made_them() -> None:
    graph = changed("fc", act_max=200)(changed("conv", bias=np.zeros(3, int))(network()))
    with pytest.raises(InputError) as caught:
        check(graph, after="a test")
    assert caught.value.message == "network 'net' is not sound after a test"
    assert [problem.split("[")[-1] for problem in caught.value.problems] == ["channel-vectors]", "act-range]"]
    assert "conv2d 'conv'" in caught.value.problems[0]
    assert "fully_connected 'fc'" in caught.value.problems[1]


@pytest.mark.parametrize(
    ("field", "value"), [("weight", np.full((4, 3, 3, 2), 200)), ("bias", np.full(4, 2.5)), ("bias", np.full(4, 2**31))]
)
def test_constants_that_do_not_fit_their_type_are_refused(field: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"conv2d 'conv': {field} has values that are not"):
        changed("conv", **{field: value})(network())
