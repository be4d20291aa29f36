"""Ternary weights."""

from __future__ import annotations

import numpy as np
import pytest

from golden import float_interpreter
from golden.calibration import calibrate
from golden.compression.ternary import ternarize, ternary
from golden.graph import WeightedOp
from golden.integer_graph import build
from golden.parameters import choose
from golden.recipe import Recipe
from golden.schemes import Granularity, WeightScheme
from tests.golden.compression.graphs import inputs, small_graph


def test_worked_example() -> None:
    rows = np.array([[0.9, -0.4, 0.1], [-1.6, 0.2, -0.4]])  # mean magnitude 0.6
    integers, scale = ternary(rows)
    assert scale == pytest.approx([0.6, 0.6])
    assert integers.tolist() == [[1, -1, 0], [-1, 0, -1]]
    integers, scale = ternary(rows, per_channel=True)
    assert scale == pytest.approx([1.4 / 3, 2.2 / 3])
    assert integers.tolist() == [[1, -1, 0], [-1, 0, -1]]


def test_zeros() -> None:
    integers, scale = ternary(np.zeros((2, 3)), per_channel=True)
    assert not integers.any()
    assert not scale.any()


@pytest.mark.parametrize("rescale", ["tflite", "fixed8", "shift"])
@pytest.mark.parametrize("per_channel", [False, True])
def test_the_integer_network_has_exactly_these(rescale: str, per_channel: bool) -> None:
    graph = small_graph()
    granularity = Granularity.CHANNEL if per_channel else Granularity.TENSOR
    recipe = Recipe("ternary", weights=WeightScheme(bits=2, granularity=granularity), rescale=rescale)
    ternary_graph = ternarize(graph, per_channel=per_channel)
    integer = build(ternary_graph, choose(ternary_graph, calibrate(ternary_graph, {"x": inputs()}, recipe), recipe))
    for op, source in zip((op for op in integer.ops if isinstance(op, WeightedOp)), graph.weighted_ops(), strict=True):
        rows = source.weight.reshape(len(source.weight), -1)
        assert np.array_equal(op.weight.reshape(rows.shape), ternary(rows, per_channel=per_channel)[0])


def test_ends_may_stay() -> None:
    graph = small_graph()
    kept = {op.name: op.weight for op in ternarize(graph, keep_ends=True).weighted_ops()}
    assert [np.unique(np.abs(weight)).size <= 2 for weight in kept.values()] == [False, True, False]
    assert float_interpreter.run(ternarize(graph), {"x": inputs()})["y"].shape == (32, 4)
