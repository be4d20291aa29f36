"""Reading cocotb's results file: what each test came to.  A simulator's exit code is never a verdict."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from golden.errors import ToolFailedError

#: Lines of a log that a failure shows.
TAIL_LINES = 30


class Status(enum.Enum):
    """What a test came to."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class TestOutcome:
    """One test: its module and name, what it came to, why it failed (or ""), and the seconds it took."""

    __test__ = False  # not a test case of pytest's

    module: str
    name: str
    status: Status
    message: str
    seconds: float


@dataclass(frozen=True)
class RunResult:
    """One run of a simulator.

    tests:     every test that ran.
    seed:      COCOTB_RANDOM_SEED of the run.
    directory: where it ran.
    log:       what the simulator and the tests said.
    seconds:   wall clock, the simulator's start included.
    waves:     the waveform, if one was asked for.
    """

    tests: tuple[TestOutcome, ...]
    seed: int
    directory: Path
    log: Path
    seconds: float
    waves: Path | None

    @property
    def passed(self) -> bool:
        """Whether there were tests and none failed."""
        return bool(self.tests) and all(test.status is not Status.FAILED for test in self.tests)

    @property
    def failures(self) -> tuple[TestOutcome, ...]:
        """The tests that failed."""
        return tuple(test for test in self.tests if test.status is Status.FAILED)


def read_results(path: Path, log: Path) -> tuple[TestOutcome, ...]:
    """The tests in a results file.

    Raises ToolFailedError, with the end of the log, when the file is missing, is no results file, or has no test: then the simulation
    did not come to its end, and there is no verdict.
    """
    try:
        root = ElementTree.parse(path).getroot()
        suites: Sequence[ElementTree.Element] = root.findall("testsuite")
        tests = tuple(_outcome(case) for suite in suites for case in suite.findall("testcase"))
    except FileNotFoundError:
        raise ToolFailedError(f"the simulation ended without results: there is no {path}\n{tail(log)}") from None
    except (ElementTree.ParseError, OSError, ValueError) as error:
        raise ToolFailedError(f"the results file {path} cannot be read: {error}\n{tail(log)}") from error
    if not tests:
        raise ToolFailedError(f"the simulation ran no test: {path} has none\n{tail(log)}")
    return tests


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log, under a line that names it."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return f"({log} cannot be read)"
    return "\n".join([f"the end of {log}:", *(f"  {line}" for line in text[-lines:])])


def errors(log: Path, lines: int = TAIL_LINES) -> str:
    """The lines of a compiler's log that name errors, else its last lines."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return f"({log} cannot be read)"
    found = [line for line in text if "error" in line.lower()]
    return "\n".join(f"  {line}" for line in (found[:lines] or text[-lines:]))


def _outcome(case: ElementTree.Element) -> TestOutcome:
    """A <testcase>; raises ValueError for one without a name or a time."""
    name, seconds = case.get("name"), case.get("time")
    if name is None or seconds is None:
        raise ValueError("a test case has no name or no time")
    failure = next((found for tag in ("failure", "error") if (found := case.find(tag)) is not None), None)
    if failure is not None:
        message = failure.get("message") or failure.get("error_msg") or (failure.text or "").strip() or "no message"
        return TestOutcome(case.get("classname", ""), name, Status.FAILED, message, float(seconds))
    status = Status.SKIPPED if case.find("skipped") is not None else Status.PASSED
    return TestOutcome(case.get("classname", ""), name, status, "", float(seconds))
