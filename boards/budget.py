"""The largest accelerator for a network that a board's device, or a share of it, has room for, by the estimates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import floor

from boards.board import Board, Capacity
from boards.fit import shortages
from golden.errors import DoesNotFitError, InputError
from golden.graph import Graph
from hwgen.compiler.fitting import compile_least
from hwgen.compiler.program import Program
from hwgen.config import NAMED, AcceleratorConfig
from hwgen.estimate.estimate import Resources, estimate

#: The board's own accelerator among the candidates.
BOARDS_OWN = "the board's"


@dataclass(frozen=True, eq=False)
class Candidate:
    """An accelerator with the least memories that hold the network.

    name:      of the named configuration, or BOARDS_OWN.
    config:    the accelerator; with the memories of the named one where the network cannot run on it.
    program:   the compiled network; None where it cannot run on it.
    resources: what it is estimated to take, with a serial bridge; None without a program.
    lacks:     why it cannot be used, all reasons; empty where it can.
    """

    name: str
    config: AcceleratorConfig
    program: Program | None
    resources: Resources | None
    lacks: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether the device has room for it."""
        return not self.lacks


def share(capacity: Capacity, percent: float) -> Capacity:
    """So much of a device.  Raises InputError for a percentage that is none."""
    if not 0 < percent <= 100:
        raise InputError(f"the budget must be more than 0 and at most 100 per cent of the device, not {percent:g}")
    parts = {kind: floor(getattr(capacity, kind) * percent / 100) for kind in ("lut", "ff", "dsp", "block_ram", "big_ram")}
    return Capacity(**parts)


def candidates(board: Board, graph: Graph, percent: float = 100) -> tuple[Candidate, ...]:
    """The named configurations and the board's own with the family of the board, the largest array first."""
    room = share(board.capacity, percent)
    known = {BOARDS_OWN: board.config, **NAMED}
    made = [
        _candidate(name, replace(config.with_rescale(graph.format), family=board.family), graph, room) for name, config in known.items()
    ]
    return tuple(sorted(made, key=_order))


def largest(board: Board, graph: Graph, percent: float = 100) -> tuple[Candidate, tuple[Candidate, ...]]:
    """The first of the candidates that fits, and all of them.

    Raises DoesNotFitError where none fits, with what each lacks.
    """
    found = candidates(board, graph, percent)
    for each in found:
        if each.fits:
            return each, found
    of = "" if percent == 100 else f"{percent:g} % of "
    raise DoesNotFitError(
        f"no configuration with {graph.name} fits {of}{board.title}",
        [f"{each.name} ({each.config.rows} x {each.config.cols}): {'; '.join(each.lacks)}" for each in found],
    )


def _order(candidate: Candidate) -> tuple[int, int]:
    """Larger arrays first, then fewer cycles."""
    return -candidate.config.rows * candidate.config.cols, candidate.program.cycles if candidate.program is not None else 0


def _candidate(name: str, config: AcceleratorConfig, graph: Graph, room: Capacity) -> Candidate:
    try:
        program = compile_least(graph, config)
    except (InputError, DoesNotFitError) as error:
        return Candidate(name, config, None, None, error.problems or (error.message,))
    resources = estimate(program.config).total
    return Candidate(name, program.config, program, resources, tuple(shortages(resources.to_json(), room)))
