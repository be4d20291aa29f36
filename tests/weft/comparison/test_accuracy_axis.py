"""The axis on which errors have equal distances."""

from __future__ import annotations

import pytest

from weft.comparison.pictures.accuracy_axis import backward, forward, limits, ticks


@pytest.mark.parametrize("accuracy", [0.0, 0.1, 0.5, 0.9, 0.995, 1.0])
def test_there_and_back(accuracy: float) -> None:
    assert float(backward(forward(accuracy))) == pytest.approx(accuracy)


def test_a_tenth_of_the_errors_is_nearly_the_same_distance_everywhere() -> None:
    assert float(forward(0.9) - forward(0.0)) == pytest.approx(1, abs=0.01)
    assert float(forward(0.99) - forward(0.9)) == pytest.approx(1, abs=0.1)


def test_everything_has_a_place_and_ticks_are_inside() -> None:
    low, high = limits([0.4, 1.0, 0.9])
    assert low < float(forward(0.4)) < float(forward(1.0)) < high
    chosen = ticks(low, high)
    assert chosen[0] == 1
    assert chosen[-1] >= 0.4
    assert all(low <= float(forward(tick)) <= high for tick in chosen)


def test_one_accuracy_alone() -> None:
    low, high = limits([0.85, 0.85])
    assert low < high
    assert ticks(low, high) == [0.85]
