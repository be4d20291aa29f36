"""`weft demo`."""

from __future__ import annotations

from pathlib import Path

import click

from weft.cli.options import json_option
from weft.cli.terminal import FINE, MISMATCH, Report


@click.command()
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    default="build/demo",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The folder for its files.",
)
@json_option
def demo(output: Path, as_json: bool) -> int:
    """Train, quantize, generate and verify a network that reads handwritten digits.

    1,437 scans train it, 360 are held out: all of them run through the Verilog in Verilator, and a few in Icarus.
    """
    report = Report(as_json)
    with report.progress() as progress:
        progress("starting", 0, 1)
        from weft.demo.run import run

        progress("starting", 1, 1)
        result = run(output, progress)
    report.layers("Handwritten digits: every layer against the golden model", result.layers())
    first = result.reports[0]
    report.table(
        "",
        ["", ""],
        [
            ["float accuracy", f"{result.float_accuracy:.2%}"],
            ["int8 accuracy", f"{result.int8_accuracy:.2%}"],
            ["cycles per inference", first.cycles],
            *[
                [
                    f"held-out inputs in {simulator.simulator.value} {simulator.version}",
                    f"{simulator.images} {'equal' if simulator.equal else 'NOT EQUAL'}",
                ]
                for found in result.reports
                for simulator in found.simulators
            ],
            ["seconds in all", f"{sum(result.seconds.values()):.0f}"],
        ],
    )
    for simulator, problem in result.missing.items():
        report.note(f"not compared in {simulator}: {problem}")
    for found in result.reports:
        again = f"weft verify {result.files.network} --inputs {result.files.test}"
        if (command := found.reproduce(again)) is not None:
            report.note(found.verdict)
            report.note(f"to see it in a waveform: {command}")
    if not result.accurate:
        report.note(
            "the network is less accurate than it should be: the float accuracy is to be 97 % or more, and int8 within 1 point of it"
        )
    where = " and ".join(f"{found.images} inputs in {found.simulators[0].simulator.value}" for found in result.reports)
    report.note(f"verdict: every bit of every layer is equal, {where}" if result.equal else "verdict: NOT EQUAL")
    report.note(f"files: {output}")
    report.result(result.to_json())
    return FINE if result.equal and result.accurate else MISMATCH
