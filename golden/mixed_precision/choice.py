"""The choice of bits for every layer as an integer program (SPEC eq. 91).

Z. Yao et al., HAWQ-V3: Dyadic Neural Network Quantization, ICML 2021, section 3.4.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from golden.errors import InputError

#: By layer and number of bits.
Table = Mapping[str, Mapping[int, float]]


@dataclass(frozen=True)
class Limit:
    """What the layers may cost together.

    what:  for messages, such as "bytes of weights".
    costs: of every layer at every number of bits.
    most:  the greatest sum.
    rest:  what is spent whatever is chosen; it counts.
    """

    what: str
    costs: Table
    most: float
    rest: float = 0.0


def choose_bits(
    scores: Table,
    limits: Collection[Limit] = (),
    *,
    ties: Collection[Collection[str]] = (),
    fixed: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """The bits of each layer with the least sum of scores within all limits; of equal sums any.

    scores: of every layer at every number of bits; more is worse.
    ties:   groups of layers that must have the same number.
    fixed:  layers whose number is given.

    Raises InputError where no choice is within the limits, and says what the least is.
    """
    layers = list(scores)
    pairs = [(layer, bits) for layer in layers for bits in scores[layer]]
    column = {pair: index for index, pair in enumerate(pairs)}
    fixed = fixed or {}
    impossible = [
        f"{layer}: {bits} bits are not among {sorted(scores.get(layer, {}))}"
        for layer, bits in fixed.items()
        if (layer, bits) not in column
    ]
    if impossible:
        raise InputError("bits of layers are given that cannot be chosen", impossible)
    rows: list[np.ndarray] = []
    lows: list[float] = []
    highs: list[float] = []

    def add(entries: Mapping[tuple[str, int], float], low: float, high: float) -> None:
        row = np.zeros(len(pairs))
        for pair, value in entries.items():
            row[column[pair]] = value
        rows.append(row)
        lows.append(low)
        highs.append(high)

    for layer in layers:
        add({(layer, bits): 1.0 for bits in scores[layer]}, 1, 1)
    for layer, bits in fixed.items():
        add({(layer, bits): 1.0}, 1, 1)
    for group in ties:
        first, *others = group
        for other in others:
            for bits in sorted({*scores[first], *scores[other]}):
                entries = {(first, bits): 1.0} if (first, bits) in column else {}
                if (other, bits) in column:
                    entries[other, bits] = entries.get((other, bits), 0.0) - 1.0
                add(entries, 0, 0)
    for limit in limits:
        add({pair: limit.costs[pair[0]][pair[1]] for pair in pairs}, -np.inf, limit.most - limit.rest)
    wanted = np.array([scores[layer][bits] for layer, bits in pairs])
    # Scores of one layer only matter by their differences, and the solver's tolerances are absolute.
    scale = np.abs(wanted).max() or 1.0
    found = milp(
        wanted / scale,
        integrality=np.ones(len(pairs)),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(np.array(rows), lows, highs),
        options={"mip_rel_gap": 0.0},
    )
    if found.x is None:
        raise InputError("no choice of bits is within the limits", _least(limits, scores, fixed))
    return {layer: bits for (layer, bits), taken in zip(pairs, found.x, strict=True) if taken > 0.5}


def _least(limits: Collection[Limit], scores: Table, fixed: Mapping[str, int]) -> list[str]:
    """For each limit the least that the layers cost."""
    lines = []
    for limit in limits:
        least = limit.rest + sum(
            limit.costs[layer][fixed[layer]] if layer in fixed else min(limit.costs[layer][bits] for bits in scores[layer])
            for layer in scores
        )
        lines.append(f"{limit.what}: at most {limit.most:,.0f} are allowed; the least possible is {least:,.0f}")
    return lines
