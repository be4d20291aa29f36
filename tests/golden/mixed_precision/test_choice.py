"""The integer program against every choice."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.errors import InputError
from golden.mixed_precision import Limit, choose_bits, non_dominated

BITS = (2, 4, 8)


def exhaustive(scores: dict[str, dict[int, float]], limits: list[Limit], ties: list[list[str]], fixed: dict[str, int]) -> float:
    """The least sum of scores of all allowed choices; infinite if there is none."""
    best, layers = math.inf, list(scores)
    for choice in itertools.product(BITS, repeat=len(layers)):
        bits = dict(zip(layers, choice, strict=True))
        if any(len({bits[layer] for layer in group}) > 1 for group in ties) or any(bits[name] != value for name, value in fixed.items()):
            continue
        if all(sum(limit.costs[name][bits[name]] for name in layers) <= limit.most for limit in limits):
            best = min(best, sum(scores[name][bits[name]] for name in layers))
    return best


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_against_every_choice(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    layers = [f"layer{i}" for i in range(count)]
    scores = {name: dict(zip(BITS, sorted(rng.exponential(size=3), reverse=True), strict=True)) for name in layers}
    limits = []
    for what in ("bytes", "bit operations")[: rng.integers(0, 3)]:
        costs = {name: {b: float(b * rng.integers(1, 50)) for b in BITS} for name in layers}
        least, most = (sum(end(costs[name].values()) for name in layers) for end in (min, max))
        limits.append(Limit(what, costs, float(rng.integers(int(least), int(most) + 1))))
    ties = [[str(name) for name in rng.choice(layers, 2, replace=False)]] if count > 1 and rng.random() < 0.5 else []
    fixed = {layers[0]: int(rng.choice(BITS))} if rng.random() < 0.3 else {}
    best = exhaustive(scores, limits, ties, fixed)
    if math.isinf(best):
        with pytest.raises(InputError, match="no choice of bits"):
            choose_bits(scores, limits, ties=ties, fixed=fixed)
        return
    bits = choose_bits(scores, limits, ties=ties, fixed=fixed)
    assert list(bits) == layers
    assert sum(scores[name][bits[name]] for name in layers) == pytest.approx(best, rel=1e-6)
    assert all(sum(limit.costs[name][bits[name]] for name in layers) <= limit.most + 1e-6 for limit in limits)
    assert all(len({bits[name] for name in group}) == 1 for group in ties)
    assert all(bits[name] == value for name, value in fixed.items())


def test_without_limits_every_layer_takes_what_it_minds_least() -> None:
    assert choose_bits({"a": {2: 3.0, 8: 0.0}, "b": {2: 0.0, 8: 1e-12}}) == {"a": 8, "b": 2}


def test_an_impossible_limit_says_what_is_possible() -> None:
    costs = {"a": {2: 10.0, 8: 40.0}, "b": {2: 5.0, 8: 20.0}}
    with pytest.raises(InputError, match="no choice of bits") as caught:
        choose_bits({"a": {2: 1.0, 8: 0.0}, "b": {2: 1.0, 8: 0.0}}, [Limit("bytes of weights", costs, 40)], fixed={"a": 8})
    assert list(caught.value.problems) == ["bytes of weights: at most 40 are allowed; the least possible is 45"]


def test_what_is_spent_anyway_counts() -> None:
    scores, costs = {"a": {2: 1.0, 8: 0.0}}, {"a": {2: 10.0, 8: 40.0}}
    assert choose_bits(scores, [Limit("cycles", costs, 50, rest=10)]) == {"a": 8}
    assert choose_bits(scores, [Limit("cycles", costs, 49, rest=10)]) == {"a": 2}
    with pytest.raises(InputError) as caught:
        choose_bits(scores, [Limit("cycles", costs, 19, rest=10)])
    assert list(caught.value.problems) == ["cycles: at most 19 are allowed; the least possible is 20"]


def test_fixed_bits_must_be_candidates() -> None:
    with pytest.raises(InputError, match="cannot be chosen") as caught:
        choose_bits({"a": {2: 1.0}}, fixed={"a": 8, "z": 8})
    assert len(caught.value.problems) == 2


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_the_front_is_what_nothing_beats(points: list[tuple[int, int]]) -> None:
    front = non_dominated([(float(cost), float(accuracy)) for cost, accuracy in points])
    chosen = [points[index] for index in front]
    assert chosen == sorted(set(chosen))
    beaten = {p for p in points if any((q[0] <= p[0] and q[1] > p[1]) or (q[0] < p[0] and q[1] >= p[1]) for q in points)}
    assert set(chosen) == set(points) - beaten
