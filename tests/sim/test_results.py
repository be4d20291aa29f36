"""cocotb's results file: passed, failed, skipped, and everything that is no verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden.errors import ToolFailedError
from sim.results import RunResult, Status, TestOutcome, errors, read_results, tail

_GOOD = """<?xml version='1.0' encoding='utf-8'?>
<testsuites name="cocotb tests"><testsuite name="bench" errors="0" failures="1" skipped="1" tests="3" time="0.1">
<testcase classname="bench" name="a" time="0.010" />
<testcase classname="bench" name="b" time="0.020"><failure message="x is 3" /></testcase>
<testcase classname="bench" name="c" time="0.000"><skipped /></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "simulation.log"
    path.write_text("\n".join(f"line {i}" for i in range(100)))
    return path


def read(tmp_path: Path, log: Path, text: str) -> tuple[TestOutcome, ...]:
    path = tmp_path / "results.xml"
    path.write_text(text)
    return read_results(path, log)


def test_outcomes(tmp_path: Path, log: Path) -> None:
    tests = read(tmp_path, log, _GOOD)
    assert [(test.module, test.name, test.status, test.message) for test in tests] == [
        ("bench", "a", Status.PASSED, ""),
        ("bench", "b", Status.FAILED, "x is 3"),
        ("bench", "c", Status.SKIPPED, ""),
    ]
    result = RunResult(tests, 1, tmp_path, log, 0.1, None)
    assert not result.passed
    assert [test.name for test in result.failures] == ["b"]
    assert RunResult(tests[:1], 1, tmp_path, log, 0.1, None).passed
    assert not RunResult((), 1, tmp_path, log, 0.1, None).passed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_GOOD[:200], "cannot be read"),
        ("", "cannot be read"),
        ("<testsuites/>", "ran no test"),
        ("<testsuites><testsuite/></testsuites>", "ran no test"),
        ("<testsuites><testsuite><testcase classname='x'/></testsuite></testsuites>", "no name or no time"),
        ("<testsuites><testsuite><testcase name='x' time='soon'/></testsuite></testsuites>", "cannot be read"),
    ],
)
def test_garbled(tmp_path: Path, log: Path, text: str, message: str) -> None:
    with pytest.raises(ToolFailedError, match=message) as error:
        read(tmp_path, log, text)
    assert "line 99" in str(error.value)


def test_missing(tmp_path: Path, log: Path) -> None:
    with pytest.raises(ToolFailedError, match="without results") as error:
        read_results(tmp_path / "results.xml", log)
    assert "line 99" in str(error.value)
    assert "line 50" not in str(error.value)


def test_tail_of_a_log_that_is_not_there(tmp_path: Path) -> None:
    assert "cannot be read" in tail(tmp_path / "none")
    assert "cannot be read" in errors(tmp_path / "none")


def test_errors(tmp_path: Path, log: Path) -> None:
    assert errors(log).splitlines()[-1] == "  line 99"
    log.write_text("fine\n%Error: a.v:3: what is this\nmore\n")
    assert errors(log) == "  %Error: a.v:3: what is this"
