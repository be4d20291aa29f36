"""`weft bench`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from weft.cli.options import json_option
from weft.cli.terminal import Report


@click.command()
@click.option("-o", "--output", metavar="F", type=click.Path(path_type=Path), help="Write the results to this file too, as JSON.")
@json_option
def bench(output: Path | None, as_json: bool) -> None:
    """Measure simulation, Verilog emission and the golden model on the digits network."""
    report = Report(as_json)
    with report.progress() as progress:
        from weft.bench import measure
        from weft.output import new_file

        result = measure(progress)
    report.table(
        f"Simulation ({result.machine})",
        ["simulator", "compared", "inputs", "cycles", "cycles/s", "cycles/s overall", "build s"],
        [
            [
                f"{speed.simulator} {speed.version}",
                "every layer" if speed.layers_compared else "outputs",
                speed.images,
                speed.cycles,
                round(speed.simulated_per_second),
                round(speed.overall_per_second),
                f"{speed.build_seconds:.1f}",
            ]
            for speed in result.simulation
        ],
    )
    report.table(
        "Emission",
        ["array", "seconds", "lines of Verilog"],
        [[f"{entry.rows} x {entry.cols}", f"{entry.seconds:.1f}", entry.verilog_lines] for entry in result.emission],
    )
    report.note(f"golden model: {result.golden_images_per_second:,.0f} inputs/s")
    if output is not None:
        with new_file(output) as draft:
            draft.write_text(json.dumps(result.to_json(), indent=2) + "\n", encoding="utf-8")
        report.note(f"results: {output}")
    report.result(result.to_json())
