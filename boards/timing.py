"""Timing after place and route: the clock that is reached, and the critical path in terms of the accelerator's components."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from golden.errors import ToolFailedError

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
class Step:
    """Consecutive cells of a path that belong to one signal.

    place:      component and signal, such as "array.row_3.pe_2.psum"; the component alone where the signal has no name.
    cells:      of them.
    logic_ns:   delay in cells.
    routing_ns: delay in the wires that lead away from them.
    """

    place: str
    cells: int
    logic_ns: float
    routing_ns: float


@dataclass(frozen=True)
class CriticalPath:
    """The path that decides on the clock."""

    steps: tuple[Step, ...]

    @property
    def logic_ns(self) -> float:
        """Delay in cells."""
        return sum(step.logic_ns for step in self.steps)

    @property
    def routing_ns(self) -> float:
        """Delay in wires."""
        return sum(step.routing_ns for step in self.steps)

    def lines(self) -> list[str]:
        """The path for people, a step a line."""
        width = max(len(step.place) for step in self.steps)
        return [
            f"{'from' if index == 0 else 'to  ' if index == len(self.steps) - 1 else 'via '} {step.place:{width}}  "
            f"{step.logic_ns:5.2f} ns in {step.cells} {'cell' if step.cells == 1 else 'cells'}, {step.routing_ns:5.2f} ns of wires"
            for index, step in enumerate(self.steps)
        ]

    def to_json(self) -> list[dict[str, Any]]:
        """The steps."""
        return [
            {"place": step.place, "cells": step.cells, "logic_ns": round(step.logic_ns, 3), "routing_ns": round(step.routing_ns, 3)}
            for step in self.steps
        ]


@dataclass(frozen=True)
class TimingReport:
    """What nextpnr reports of a placed and routed design.

    clock:       the net of the slowest clock.
    mhz:         that it reaches.
    path:        that decides on it; None where nextpnr gives none.
    utilization: by resource, (used, available).
    """

    clock: str
    mhz: float
    path: CriticalPath | None
    utilization: Mapping[str, tuple[int, int]]

    def meets(self, mhz: float) -> bool:
        """Whether a clock of `mhz` is safe."""
        return self.mhz >= mhz

    def slack_ns(self, mhz: float) -> float:
        """What is left of the clock's period after the slowest path; negative where the clock is not met."""
        return 1000 / mhz - 1000 / self.mhz


def read_timing(path: Path) -> TimingReport:
    """Reads nextpnr's `--report`.  Raises ToolFailedError where it has no clock."""
    data = json.loads(path.read_text(encoding="utf-8"))
    reached = {str(name): float(each["achieved"]) for name, each in data["fmax"].items()}
    if not reached:
        raise ToolFailedError(f"place and route reports no clock ({path.name}): the design has no registers left, which should not be")
    clock = min(reached, key=lambda name: reached[name])
    edge = f"posedge {clock}"
    paths = [each["path"] for each in data["critical_paths"] if (each["from"], each["to"]) == (edge, edge)]
    utilization = {str(name): (int(each["used"]), int(each["available"])) for name, each in data["utilization"].items()}
    return TimingReport(clock, reached[clock], _path(paths[0]) if paths and paths[0] else None, utilization)


def place_of(cell: str) -> str:
    """Where a cell belongs, from the name that Yosys gave it: the component's path, and the signal where it has a name."""
    name = _CELL_ENDING.sub("", cell)
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    name = re.sub(r"\$\d+", "", name)
    parts = [part for part in name.split(".") if part and not _UNNAMED.match(part)]
    # What joins the units has no component of its own.
    return ".".join(parts if len(parts) > 1 or name.partition(".")[0] in _UNITS else ["core", *parts])


def _path(segments: Iterable[Mapping[str, Any]]) -> CriticalPath:
    """Steps of a path as nextpnr lists it: delays through cells and along wires in turn."""
    parts = list(_delays(segments))
    steps = []
    for place, group in groupby(parts, key=lambda part: part[0]):
        members = list(group)
        steps.append(Step(place, len({cell for _, cell, _, _ in members}), sum(x[2] for x in members), sum(x[3] for x in members)))
    return CriticalPath(tuple(steps))


def _delays(segments: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str, float, float]]:
    """(place, cell, delay in it, delay of the wire that leaves it)."""
    for segment in segments:
        cell, delay = str(segment["from"]["cell"]), float(segment["delay"])
        yield place_of(cell), cell, *((0.0, delay) if segment["type"] == "routing" else (delay, 0.0))
