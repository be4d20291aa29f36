"""Singular values and ranks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.compression.rank import rank_report, rank_reports
from golden.float_graph import FloatFullyConnected
from tests.golden.compression.graphs import small_graph


def layer(weight: np.ndarray) -> FloatFullyConnected:
    return FloatFullyConnected("fc", ("x",), "y", weight=weight, bias=np.zeros(len(weight)))


@given(st.integers(1, 8))
def test_a_matrix_of_known_rank(rank: int) -> None:
    random = np.random.default_rng(rank)
    report = rank_report(layer(random.normal(size=(10, rank)) @ random.normal(size=(rank, 20))))
    assert report.rank == rank
    assert 1 <= report.effective_rank <= rank + 1e-9
    assert report.rank_for_energy(1.0) == rank


def test_equal_singular_values() -> None:
    report = rank_report(layer(np.eye(6, 9) * 3))
    assert report.singular_values == pytest.approx(np.full(6, 3.0))
    assert report.effective_rank == pytest.approx(6)
    assert [report.rank_for_energy(share) for share in (0.5, 0.6, 1.0)] == [3, 4, 6]


def test_unequal_singular_values() -> None:
    report = rank_report(layer(np.diag([3.0, 2.0, 1.0])))
    assert [report.rank_for_energy(share) for share in (0.5, 9 / 14, 0.7, 13 / 14, 0.95)] == [1, 1, 2, 2, 3]
    shares = np.array([3, 2, 1]) / 6
    assert report.effective_rank == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))


def test_zeros_have_no_rank() -> None:
    report = rank_report(layer(np.zeros((3, 4))))
    assert (report.rank, report.effective_rank, report.rank_for_energy(0.9)) == (0, 0.0, 0)


def test_every_layer_of_a_graph() -> None:
    assert [(report.name, report.shape) for report in rank_reports(small_graph())] == [
        ("first", (8, 27)),
        ("second", (12, 72)),
        ("classes", (4, 12)),
    ]
