"""Places the macros, memory blocks and multipliers, of a netlist that fills its device with them, before place and route.

A large accelerator takes nearly all of an ECP5's blocks and multipliers and little of its logic.  The placer moves each macro to the
nearest free site of where it wants to be, one after the other, and the last ones come out at the other end of the device.  Here all are
assigned at once, and the placer then has logic alone to place, around macros that stand still: half of the wires, half of the time.

The wires are springs (quadratic placement); a cell is where its springs are in balance, a macro at a site:

1. Start: the two slowest modes of the springs, the eigenvectors of their Laplacian, spread over the device [1].
2. By turns, all macros are assigned to the sites nearest to them, a linear assignment problem, and all cells are set in balance while each
   macro is drawn to its site, more strongly from turn to turn [2].
3. By turns, the macros are assigned to the sites at which the boxes around their nets are the smallest, and the logic is set in balance.

The best placement of 2 and 3, by the half perimeter of the nets' boxes, is kept.

[1] K. M. Hall, "An r-dimensional quadratic placement algorithm", Management Science 17 (1970).
[2] M. Kim, D. Lee, I. Markov, "SimPL: an effective placement algorithm", IEEE Transactions on CAD 31 (2012).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sparse
from scipy.optimize import linear_sum_assignment
from scipy.sparse.linalg import cg

from boards.macro_sites import Site, Sites

Array = np.ndarray[Any, np.dtype[Any]]

#: Nets of more cells pull nothing: clock and reset.
_MOST_CELLS = 1000
_MODE_STEPS, _TURNS, _REFINEMENTS = 300, 50, 10
#: Share of a macro's springs with which its site draws it in the first turn, and how much it grows in each.
_DRAW = 0.02


@dataclass(frozen=True)
class PlacedMacros:
    """What came of it.

    length: half perimeter of all nets, in tiles.
    at:     where every cell is, float[2], by name: macros at their sites, all else where its wires are in balance.
    """

    length: float
    at: dict[str, Array]


def place_macros(netlist: dict[str, Any], top: str, sites: Sites, seed: int) -> PlacedMacros:
    """Gives every macro of the flat module `top` a site, as the attribute BEL, in place.

    netlist: Yosys's JSON.
    sites:   of every type of macro; at least as many as there are macros.
    seed:    of the start.
    """
    cells: dict[str, dict[str, Any]] = netlist["modules"][top]["cells"]
    plan = _Plan(list(cells.values()), sites)
    chosen = plan.solve(np.random.default_rng(seed))
    names = list(cells)
    for cell, site in chosen.sites.items():
        cells[names[cell]]["attributes"]["BEL"] = site.bel
    return PlacedMacros(chosen.length, dict(zip(names, chosen.at, strict=False)))


def fills(counts: Mapping[str, int], sites: Sites) -> bool:
    """Whether cells, counted by type, take more than half of the sites of a type, and find room: then their placement decides."""
    room = all(counts.get(kind, 0) <= len(places) for kind, places in sites.items())
    return room and any(2 * counts.get(kind, 0) > len(places) for kind, places in sites.items())


class _Chosen:
    """A placement: positions float[N, 2] of all cells, sites of the macros, and the length of its nets."""

    def __init__(self, at: Array, sites: dict[int, Site], length: float) -> None:
        self.at, self.sites, self.length = at, sites, length


class _Plan:
    """The springs between the cells, and the macros' sites."""

    def __init__(self, cells: Sequence[Mapping[str, Any]], sites: Sites) -> None:
        self.sites = sites
        self.macros = {kind: np.array([number for number, cell in enumerate(cells) if cell["type"] == kind], dtype=int) for kind in sites}
        self.all_macros = np.concatenate(list(self.macros.values()))
        nets = _nets(cells)
        sizes = np.array([len(net) for net in nets])
        self.weights = np.array([float(weight) for weight in nets.values()])
        self.pins = np.concatenate([np.array(net) for net in nets])  # the cells of a net stand together
        self.starts = np.concatenate([[0], np.cumsum(sizes)])
        self.nets_of: dict[int, list[int]] = defaultdict(list)
        for net, members in enumerate(nets):
            for cell in members:
                self.nets_of[cell].append(net)
        # Nets of up to three cells are springs between each two; of more, springs to a point of their own (a star).
        ends: list[tuple[int, int, float]] = []
        points = len(cells)
        for members, weight in nets.items():
            size = len(members)
            if size <= 3:
                ends += [(a, b, weight / (size - 1)) for place, a in enumerate(members) for b in members[:place]]
            else:
                ends += [(cell, points, weight * size / (size - 1)) for cell in members]
                points += 1
        first, second, strength = (np.array(column) for column in zip(*ends, strict=True))
        both = (np.concatenate([first, second]), np.concatenate([second, first]))
        self.springs = sparse.coo_matrix((np.concatenate([strength, strength]), both), shape=(points, points)).tocsr()
        self.strength = np.asarray(self.springs.sum(axis=1)).ravel()

    def solve(self, random: np.random.Generator) -> _Chosen:
        """The three steps."""
        at = self._modes(random)
        best: _Chosen | None = None
        for turn in range(1, _TURNS + 1):
            chosen = self._around(self._assign({kind: self._distances(kind, at) for kind in self.macros}), at)
            if best is None or chosen.length < best.length:
                best = chosen
            drawn = np.zeros(len(at))
            drawn[self.all_macros] = self.strength[self.all_macros] * _DRAW * turn
            at = self._balance(_positions(chosen.sites, len(at)), drawn, chosen.at if turn == 1 else at)
        assert best is not None
        chosen = best
        for _ in range(_REFINEMENTS):
            for kind in self.macros:
                chosen = self._around({**chosen.sites, **self._assign({kind: self._box_growth(kind, chosen.at)})}, chosen.at)
                if chosen.length < best.length:
                    best = chosen
        return best

    def _modes(self, random: np.random.Generator) -> Array:
        """The start: modes by power iteration, each coordinate then by rank, so that the macros are spread evenly."""
        modes = random.standard_normal((len(self.strength), 2))
        inverse = 1 / np.maximum(self.strength, 1e-9)
        for _ in range(_MODE_STEPS):
            modes = (modes + inverse[:, None] * (self.springs @ modes)) / 2
            modes -= (self.strength[:, None] * modes).sum(axis=0) / self.strength.sum()
            modes[:, 0] /= self._norm(modes[:, 0])
            modes[:, 1] -= modes[:, 0] * (self.strength * modes[:, 0] * modes[:, 1]).sum()
            modes[:, 1] /= self._norm(modes[:, 1])
        every = np.array([(site.x, site.y) for places in self.sites.values() for site in places])
        ranked = np.sort(modes[self.all_macros], axis=0)
        ends = [np.linspace(every[:, axis].min(), every[:, axis].max(), len(ranked)) for axis in range(2)]
        return np.stack([np.interp(modes[:, axis], ranked[:, axis], ends[axis]) for axis in range(2)], axis=1)

    def _norm(self, mode: Array) -> float:
        """In the springs' measure; not 0 where there is no such mode."""
        return max(float(np.sqrt((self.strength * mode**2).sum())), 1e-9)

    def _distances(self, kind: str, at: Array) -> Array:
        """Cost of every site of a kind for each of its macros: the distance, far ones costing more than in proportion."""
        places = np.array([(site.x, site.y) for site in self.sites[kind]], dtype=float)
        found: Array = np.abs(at[self.macros[kind]][:, None, :] - places[None]).sum(axis=2) ** 1.5
        return found

    def _box_growth(self, kind: str, at: Array) -> Array:
        """Cost of every site of a kind for each of its macros: how far it lies outside of the boxes around the other cells of its nets."""
        places = np.array([(site.x, site.y) for site in self.sites[kind]], dtype=float)
        costs = np.zeros((len(self.macros[kind]), len(places)))
        for row, cell in enumerate(self.macros[kind].tolist()):
            for net in self.nets_of[cell]:
                members = self.pins[self.starts[net] : self.starts[net + 1]]
                others = at[members[members != cell]]
                outside = np.maximum(others.min(axis=0) - places, 0) + np.maximum(places - others.max(axis=0), 0)
                costs[row] += self.weights[net] * outside.sum(axis=1)
        return costs

    def _assign(self, costs: Mapping[str, Array]) -> dict[int, Site]:
        """Sites for the macros of some kinds, the sum of the costs the least."""
        found = {}
        for kind, cost in costs.items():
            for row, column in zip(*linear_sum_assignment(cost), strict=True):
                found[int(self.macros[kind][row])] = self.sites[kind][column]
        return found

    def _around(self, sites: dict[int, Site], near: Array) -> _Chosen:
        """The placement with macros at their sites."""
        held = np.zeros(len(near))
        held[self.all_macros] = 1e4
        exact = _positions(sites, len(near))
        at = self._balance(exact, held, near)
        at[self.all_macros] = exact[self.all_macros]
        corners = [function.reduceat(at[self.pins], self.starts[:-1]) for function in (np.minimum, np.maximum)]
        return _Chosen(at, sites, float(((corners[1] - corners[0]).sum(axis=1) * self.weights).sum()))

    def _balance(self, to: Array, drawn: Array, near: Array) -> Array:
        """Where all springs are in balance, while cells are drawn to a place.  near: where the solver begins."""
        total = self.strength + drawn
        system = sparse.diags(total) - self.springs
        inverse = sparse.diags(1 / (total + 1e-9))
        axes = [cg(system, drawn * to[:, axis], x0=near[:, axis], rtol=1e-4, maxiter=500, M=inverse)[0] for axis in range(2)]
        return np.stack(axes, axis=1)


def _nets(cells: Sequence[Mapping[str, Any]]) -> Counter[tuple[int, ...]]:
    """The cells of every net, and how many nets have just these."""
    members: dict[int, set[int]] = defaultdict(set)
    for number, cell in enumerate(cells):
        for bits in cell["connections"].values():
            for bit in bits:
                if isinstance(bit, int):
                    members[bit].add(number)
    return Counter(tuple(sorted(net)) for net in members.values() if 2 <= len(net) <= _MOST_CELLS)


def _positions(sites: Mapping[int, Site], count: int) -> Array:
    """Of the sites, for their macros; 0 for all else."""
    found = np.zeros((count, 2))
    for cell, site in sites.items():
        found[cell] = site.x, site.y
    return found
