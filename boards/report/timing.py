"""Timing as nextpnr reports it: the clocks, and the critical paths by the components that they go through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from boards.report.components import OTHER, Component
from boards.timing import place_of
from golden.errors import InputError


@dataclass(frozen=True)
class Clock:
    """A clock: what it reaches and what was asked for, in MHz."""

    name: str
    reached_mhz: float
    asked_mhz: float

    @property
    def met(self) -> bool:
        """Whether the clock runs as fast as was asked for."""
        return self.reached_mhz >= self.asked_mhz


@dataclass(frozen=True)
class Step:
    """Consecutive cells of a path that belong to one signal.

    component:  that they are part of.
    place:      instance and signal, as `boards.timing.place_of` says them.
    cells:      of them.
    logic_ns:   delay in cells.
    routing_ns: delay on the wires that lead away from them.
    """

    component: str
    place: str
    cells: int
    logic_ns: float
    routing_ns: float


@dataclass(frozen=True)
class CriticalPath:
    """The slowest path between two clock edges, `start` and `end`."""

    start: str
    end: str
    steps: tuple[Step, ...]

    @property
    def ns(self) -> float:
        """Its delay, set-up time included."""
        return sum(step.logic_ns + step.routing_ns for step in self.steps)

    @property
    def routing_ns(self) -> float:
        """Of that, on wires."""
        return sum(step.routing_ns for step in self.steps)

    @property
    def route(self) -> str:
        """The components in the order in which the path goes through them."""
        return " -> ".join(name for name, _ in groupby(step.component for step in self.steps))

    def to_json(self) -> dict[str, Any]:
        """The fields and the sums."""
        return {**asdict(self), "ns": round(self.ns, 3), "routing_ns": round(self.routing_ns, 3), "route": self.route}


@dataclass(frozen=True)
class Timing:
    """Clocks and critical paths; `available` has the device's cells by nextpnr's type."""

    clocks: tuple[Clock, ...]
    paths: tuple[CriticalPath, ...]
    available: Mapping[str, int]


class _End(msgspec.Struct, frozen=True):
    cell: str = ""
    port: str = ""


class _Part(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    delay: float
    type: str
    from_: _End = _End()
    to: _End = _End()


class _Path(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    from_: str
    to: str
    path: list[_Part]


class _Clock(msgspec.Struct, frozen=True):
    achieved: float
    constraint: float


class _Used(msgspec.Struct, frozen=True):
    available: int
    used: int


class _Report(msgspec.Struct, frozen=True):
    fmax: dict[str, _Clock]
    critical_paths: list[_Path] = []
    utilization: dict[str, _Used] = {}


def read_timing(path: Path, owners: Mapping[str, Component]) -> Timing:
    """Reads nextpnr's `--report`; `owners` are the components of the placed cells.

    Raises InputError for a file that cannot be read or that is no such report.
    """
    try:
        report = msgspec.json.decode(path.read_bytes(), type=_Report)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); build the design again with `weft build`") from error
    except msgspec.MsgspecError as error:
        raise InputError(f"{path} is no report of nextpnr ({error}); build the design again with `weft build`") from error
    return Timing(
        tuple(Clock(_plain(name), clock.achieved, clock.constraint) for name, clock in report.fmax.items()),
        tuple(_path(each, owners) for each in report.critical_paths if each.path),
        {name: used.available for name, used in report.utilization.items()},
    )


def _plain(name: str) -> str:
    return name.removeprefix("$glbnet$")


def _path(path: _Path, owners: Mapping[str, Component]) -> CriticalPath:
    """Delays count for the cell that they are in, or whose output's wire they are on."""

    def place(part: _Part) -> tuple[str, str]:
        return owners.get(part.from_.cell, OTHER).name, place_of(part.from_.cell)

    steps = []
    for (component, signal), group in groupby(path.path, key=place):
        parts = list(group)
        routing = sum(part.delay for part in parts if part.type == "routing")
        logic = sum(part.delay for part in parts if part.type != "routing")
        steps.append(Step(component, signal, len({part.from_.cell for part in parts}), round(logic, 3), round(routing, 3)))
    return CriticalPath(_edge(path.from_), _edge(path.to), tuple(steps))


def _edge(text: str) -> str:
    words = text.split()
    return " ".join([*words[:-1], _plain(words[-1])]) if words else text
