"""Low-rank factorization of a layer."""

from __future__ import annotations

import numpy as np
import pytest

from golden import float_interpreter
from golden.compression.low_rank import factorize, worthwhile
from golden.compression.rank import rank_report
from golden.errors import InputError
from golden.float_checker import violations
from tests.golden.compression.graphs import inputs, small_graph


@pytest.mark.parametrize(("layer", "full"), [("first", 8), ("second", 12), ("classes", 4)])
def test_full_rank_changes_nothing(layer: str, full: int) -> None:
    graph = small_graph()
    factored = factorize(graph, layer, full)
    assert violations(factored) == []
    assert len(factored.ops) == len(graph.ops) + 1
    before, after = (float_interpreter.run(each, {"x": inputs()}) for each in (graph, factored))
    for name, values in before.items():
        assert after[name] == pytest.approx(values, abs=1e-3)


@pytest.mark.parametrize(("layer", "rank"), [("first", 3), ("second", 5), ("classes", 2)])
def test_the_nearest_of_its_rank(layer: str, rank: int) -> None:
    """The squared error is that of the singular values left out (Eckart and Young 1936)."""
    graph = small_graph()
    factored = factorize(graph, layer, rank)
    assert violations(factored) == []
    source = next(op for op in graph.weighted_ops() if op.name == layer)
    reduce, expand = (op for op in factored.weighted_ops() if op.name.startswith(layer))
    rows = source.weight.reshape(len(source.weight), -1)
    product = expand.weight.reshape(-1, rank) @ reduce.weight.reshape(rank, -1)
    assert ((rows - product) ** 2).sum() == pytest.approx((rank_report(source).singular_values[rank:] ** 2).sum())
    assert np.array_equal(expand.bias, source.bias)
    assert (expand.low, expand.high) == (source.low, source.high)
    assert np.isinf([reduce.low, reduce.high]).all()
    assert factored.tensors[f"{source.output}.rank{rank}"].shape[-1] == rank


def test_what_it_saves() -> None:
    layer = small_graph().weighted_ops()[1]  # 12 x 72
    assert [worthwhile(layer, rank) for rank in (1, 10, 11)] == [True, True, False]


def test_impossible_factors_are_refused() -> None:
    with pytest.raises(InputError, match=r"no convolution or fully connected layer 'pool' .* first, second, classes"):
        factorize(small_graph(), "pool", 2)
    with pytest.raises(InputError, match="layer 'classes': the rank must be from 1 to 4, not 5"):
        factorize(small_graph(), "classes", 5)
