"""Emitted Verilog has no lint but what is waived by name in one file; and the lint finds what it should."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from hwgen.emit import accelerator_verilog, selftest_verilog
from sim.lint import WAIVERS, lint
from sim.network_bench import TOP, TOP_FILE
from tests.sim.small import SMALL


@pytest.mark.parametrize("rows", [4, 8])
def test_emitted_verilog_is_clean(tmp_path: Path, rows: int) -> None:
    """Of an accelerator whose words are one slice, and of one with two, which has paired depthwise groups."""
    config = replace(SMALL, rows=rows)
    accelerator, selftest = tmp_path / "accelerator.v", tmp_path / "selftest.v"
    accelerator.write_text(accelerator_verilog(config))
    selftest.write_text(selftest_verilog(config, 64))
    assert lint([accelerator], "weft_accelerator") == ()
    assert lint([accelerator, selftest], "weft_selftest") == ()


def test_the_waivers_are_few_and_have_reasons() -> None:
    lines = WAIVERS.read_text().splitlines()
    rules = [line.split()[2] for line in lines if line.startswith("lint_off")]
    assert len(rules) == len(set(rules)) <= 8
    for before, line in pairwise(lines):
        if line.startswith("lint_off"):
            assert before.startswith(("//", "lint_off")), f"{line} has no reason"


@pytest.mark.parametrize(
    ("verilog", "finding"),
    [
        ("module m(input a, output b); assign b = a; assign b = ~a; endmodule", "MULTIDRIVEN"),
        ("module m(input a, output reg b); always @(*) if (a) b = 1'b0; endmodule", "LATCH"),
        ("module m(input a, output b); wire c; assign b = a & c; endmodule", "UNDRIVEN"),
        ("module m(input a, output b); assign b = a & undeclared; endmodule", "undeclared"),
        ("module m(input a, output b); n u(.x(a)); assign b = a; endmodule module n(input x, input y); endmodule", "PINMISSING"),
        ("module m(input a, output b); assign b = ~(a & b); endmodule", "UNOPTFLAT"),
    ],
)
def test_lint_finds(tmp_path: Path, verilog: str, finding: str) -> None:
    path = tmp_path / "m.v"
    path.write_text(f"{verilog}\n")
    assert any(finding in line for line in lint([path], "m"))


def test_the_bench_is_a_top_of_what_is_emitted() -> None:
    assert f"module {TOP}" in TOP_FILE.read_text()
