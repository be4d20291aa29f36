"""Timing as nextpnr reports it after place and route: the clocks, and the slowest paths in terms of the accelerator's components."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from golden.errors import InputError, ToolFailedError

#: What Yosys' `autoname` appends to the name of the signal that a cell has to do with: the cell's type and port.
_CELL_ENDING = re.compile(
    r"(?:_|\$)(?:TRELLIS|LUT|CCU2C|PFUMX|L6MUX|DP16KD|MULT\d|ALU|SB_|DFF|MUX2|ALUT|BLUT|PADD|RAM\d|SP_|SDPB?_|nextpnr|lc|DSP).*$"
)
#: Instances around the core, which say nothing.
_PREFIXES = ("weft.", "accelerator.", "core.")
_UNITS = {"feeder", "array", "post", "pooling", "accumulator", "loader", "sequencer", "counters", "host", "bridge", "replay"}
#: Signals that Amaranth or Yosys named.
_UNNAMED = re.compile(r"^\$|^_\d+_$|^ram_cell$|^signal$")


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

    place:      instance and signal, such as "array.row_3.pe_2.psum"; the instance alone where the signal has no name.
    cells:      of them.
    logic_ns:   delay in cells.
    routing_ns: delay on the wires that lead away from them.
    component:  that they are part of; empty where the report was read without components.
    """

    place: str
    cells: int
    logic_ns: float
    routing_ns: float
    component: str = ""

    def to_json(self) -> dict[str, Any]:
        """The fields, delays to the picosecond; `component` only where it is known."""
        delays = {"logic_ns": round(self.logic_ns, 3), "routing_ns": round(self.routing_ns, 3)}
        return {**({"component": self.component} if self.component else {}), "place": self.place, "cells": self.cells, **delays}


@dataclass(frozen=True)
class CriticalPath:
    """The slowest path between two clock edges, `start` and `end`."""

    start: str
    end: str
    steps: tuple[Step, ...]

    @property
    def ns(self) -> float:
        """Its delay, set-up time included."""
        return self.logic_ns + self.routing_ns

    @property
    def logic_ns(self) -> float:
        """Of that, in cells."""
        return sum(step.logic_ns for step in self.steps)

    @property
    def routing_ns(self) -> float:
        """Of that, on wires."""
        return sum(step.routing_ns for step in self.steps)

    @property
    def route(self) -> str:
        """The components in the order in which the path goes through them."""
        return " -> ".join(name for name, _ in groupby(step.component for step in self.steps))

    def lines(self) -> list[str]:
        """The path for people, a step a line."""
        width = max(len(step.place) for step in self.steps)
        return [
            f"{'from' if index == 0 else 'to  ' if index == len(self.steps) - 1 else 'via '} {step.place:{width}}  "
            f"{step.logic_ns:5.2f} ns in {step.cells} {'cell' if step.cells == 1 else 'cells'}, {step.routing_ns:5.2f} ns of wires"
            for index, step in enumerate(self.steps)
        ]

    def to_json(self) -> dict[str, Any]:
        """The fields and the sums."""
        sums = {"ns": round(self.ns, 3), "routing_ns": round(self.routing_ns, 3), "route": self.route}
        return {"start": self.start, "end": self.end, "steps": [step.to_json() for step in self.steps], **sums}


@dataclass(frozen=True)
class TimingReport:
    """What nextpnr reports of a placed and routed design.

    clocks:      at least one.
    paths:       the slowest ones between each two clock edges that have any.
    utilization: by nextpnr's type of cell, (used, available).
    """

    clocks: tuple[Clock, ...]
    paths: tuple[CriticalPath, ...]
    utilization: Mapping[str, tuple[int, int]]

    @property
    def slowest(self) -> Clock:
        """The clock that reaches least."""
        return min(self.clocks, key=lambda clock: clock.reached_mhz)

    @property
    def mhz(self) -> float:
        """What the slowest clock reaches."""
        return self.slowest.reached_mhz

    @property
    def path(self) -> CriticalPath | None:
        """The path that decides on the slowest clock; None where nextpnr gives none."""
        edge = f"posedge {self.slowest.name}"
        return max((path for path in self.paths if path.start == path.end == edge), key=lambda path: path.ns, default=None)

    def meets(self, mhz: float) -> bool:
        """Whether a clock of `mhz` is safe."""
        return self.mhz >= mhz

    def slack_ns(self, mhz: float) -> float:
        """What is left of the clock's period after the slowest path; negative where the clock is not met."""
        return 1000 / mhz - 1000 / self.mhz


class _Cell(msgspec.Struct, frozen=True):
    cell: str = ""


class _Delay(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    delay: float
    type: str
    from_: _Cell = _Cell()


class _Path(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    from_: str
    to: str
    path: list[_Delay]


class _Clock(msgspec.Struct, frozen=True):
    achieved: float
    constraint: float


class _Used(msgspec.Struct, frozen=True):
    used: int
    available: int


class _Report(msgspec.Struct, frozen=True):
    fmax: dict[str, _Clock]
    critical_paths: list[_Path] = []
    utilization: dict[str, _Used] = {}


def read_timing(path: Path, component_of: Callable[[str], str] = lambda cell: "") -> TimingReport:
    """Reads nextpnr's `--report`; `component_of` says what component a cell is part of, by the cell's name.

    Raises InputError for a file that cannot be read or that is no such report, ToolFailedError for a report without a clock.
    """
    try:
        report = msgspec.json.decode(path.read_bytes(), type=_Report)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); build the design again with `weft build`") from error
    except msgspec.MsgspecError as error:
        raise InputError(f"{path} is no report of nextpnr ({error}); build the design again with `weft build`") from error
    if not report.fmax:
        raise ToolFailedError(f"place and route reports no clock ({path.name}): the design has no registers left, which should not be")
    return TimingReport(
        tuple(Clock(_plain(name), clock.achieved, clock.constraint) for name, clock in report.fmax.items()),
        tuple(_path(each, component_of) for each in report.critical_paths if each.path),
        {name: (each.used, each.available) for name, each in report.utilization.items()},
    )


def place_of(cell: str) -> str:
    """Where a cell belongs, from the name that Yosys gave it: the component's path, and the signal where it has a name."""
    name = _CELL_ENDING.sub("", cell)
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    name = re.sub(r"\$\d+", "", name)
    parts = [part for part in name.split(".") if part and not _UNNAMED.match(part)]
    # What joins the units has no component of its own.
    return ".".join(parts if len(parts) > 1 or name.partition(".")[0] in _UNITS else ["core", *parts])


def _path(path: _Path, component_of: Callable[[str], str]) -> CriticalPath:
    """Delays count for the cell that they are in, or whose output's wire they are on."""

    def key(part: _Delay) -> tuple[str, str]:
        return component_of(part.from_.cell), place_of(part.from_.cell)

    steps = []
    for (component, place), group in groupby(path.path, key=key):
        parts = list(group)
        routing = sum(part.delay for part in parts if part.type == "routing")
        logic = sum(part.delay for part in parts if part.type != "routing")
        steps.append(Step(place, len({part.from_.cell for part in parts}), logic, routing, component))
    return CriticalPath(_edge(path.from_), _edge(path.to), tuple(steps))


def _edge(text: str) -> str:
    """A clock edge as nextpnr names it, such as "posedge $glbnet$clk", with the clock's plain name."""
    words = text.split()
    return " ".join([*words[:-1], _plain(words[-1])]) if words else text


def _plain(name: str) -> str:
    """A clock's name, without what nextpnr puts before that of a net that it promotes."""
    return name.removeprefix("$glbnet$")
