"""The Pareto front of accuracy against cost."""

from __future__ import annotations

from collections.abc import Sequence


def non_dominated(points: Sequence[tuple[float, float]]) -> tuple[int, ...]:
    """Indices of the points (cost, accuracy) that no other beats: none has less cost and as much accuracy, or the same cost and
    more.  In the order of their cost; of equal points the first.
    """
    best, front = float("-inf"), []
    for index in sorted(range(len(points)), key=lambda at: (points[at][0], -points[at][1], at)):
        if points[index][1] > best:
            best = points[index][1]
            front.append(index)
    return tuple(front)
