"""What a benchmark is, which there are, and running them."""

from __future__ import annotations

import importlib
import os
import pkgutil
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import weft.benchmarks
from golden.errors import InputError, ToolMissingError
from golden.interpreter import cores

Progress = Callable[[str, int, int], None]
#: One line of a benchmark's table: figures by the name of their column, which is the same in every line.
Row = dict[str, str | int | float | bool]


class NotMeasuredError(Exception):
    """A benchmark that cannot run here; the message says what it lacks."""


@dataclass(frozen=True)
class Benchmark:
    """A measurement.

    name:    what it is called on the command line.
    title:   what its table shows.
    measure: makes the table; raises NotMeasuredError, or ToolMissingError, where it cannot.
    """

    name: str
    title: str
    measure: Callable[[Progress], list[Row]]


@dataclass(frozen=True)
class BenchmarkResult:
    """A benchmark's table, or why there is none."""

    name: str
    title: str
    rows: list[Row]
    not_measured: str | None


@dataclass(frozen=True)
class Machine:
    """Where it was measured; load: processes that wanted a core, the average of the minute before."""

    processor: str
    cores: int
    python: str
    load: float


@dataclass(frozen=True)
class BenchmarkReport:
    """All results, and where they were measured."""

    machine: Machine
    results: tuple[BenchmarkResult, ...]

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values; results by name."""
        return {"machine": asdict(self.machine), "benchmarks": {result.name: asdict(result) for result in self.results}}


_benchmarks: dict[str, Benchmark] = {}


def benchmark(name: str, title: str) -> Callable[[Callable[[Progress], list[Row]]], Callable[[Progress], list[Row]]]:
    """Makes a function a benchmark."""

    def register(measure: Callable[[Progress], list[Row]]) -> Callable[[Progress], list[Row]]:
        _benchmarks[name] = Benchmark(name, title, measure)
        return measure

    return register


def at_least(value: float, limit: float) -> Row:
    """The columns of a figure that should come to `limit` or more."""
    return {"target": f"at least {limit:,g}", "reached": value >= limit}


def at_most(value: float, limit: float) -> Row:
    """The columns of a figure that should come to `limit` or less."""
    return {"target": f"at most {limit:,g}", "reached": value <= limit}


def benchmarks(only: Sequence[str] = ()) -> tuple[Benchmark, ...]:
    """The benchmarks of every file in this folder, or those of the given names.  Raises InputError for a name that there is not."""
    for module in sorted(pkgutil.iter_modules(weft.benchmarks.__path__), key=lambda module: module.name):
        importlib.import_module(f"weft.benchmarks.{module.name}")
    if unknown := [name for name in only if name not in _benchmarks]:
        raise InputError(f"there is no benchmark {', '.join(map(repr, unknown))}; there are {', '.join(_benchmarks)}")
    return tuple(each for each in _benchmarks.values() if not only or each.name in only)


def run(chosen: Sequence[Benchmark], progress: Progress) -> BenchmarkReport:
    """Runs benchmarks one after the other."""
    machine = Machine(platform.machine(), cores(), platform.python_version(), round(os.getloadavg()[0], 2))
    return BenchmarkReport(machine, tuple(_run(each, progress) for each in chosen))


def _run(each: Benchmark, progress: Progress) -> BenchmarkResult:
    try:
        return BenchmarkResult(each.name, each.title, each.measure(progress), None)
    except NotMeasuredError as error:
        return BenchmarkResult(each.name, each.title, [], str(error))
    except ToolMissingError as error:
        return BenchmarkResult(each.name, each.title, [], "; ".join([error.message, *error.problems]))
