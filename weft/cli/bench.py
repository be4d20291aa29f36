"""`weft bench`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from weft.cli.options import json_option
from weft.cli.terminal import Report


@click.command()
@click.option("-o", "--output", metavar="F", type=click.Path(path_type=Path), help="Write the results to this file too, as JSON.")
@click.option("--only", metavar="NAME", multiple=True, help="Run this benchmark alone; may be given several times.")
@click.option("--list", "listing", is_flag=True, help="List the benchmarks and run none.")
@json_option
def bench(output: Path | None, only: tuple[str, ...], listing: bool, as_json: bool) -> None:
    """Measure how fast the tools are: simulation, Verilog emission, the golden model, whole commands.

    Figures of reference networks need the folder that the environment variable WEFT_REFERENCE names.
    """
    from weft.benchmarks.registry import benchmarks, run
    from weft.output import new_file

    report = Report(as_json)
    chosen = benchmarks(only)
    if listing:
        report.table("", ["benchmark", "measures"], [[each.name, each.title] for each in chosen])
        report.result({"benchmarks": {each.name: each.title for each in chosen}})
        return
    with report.progress() as progress:
        found = run(chosen, progress)
    for result in found.results:
        if result.not_measured is not None:
            report.note(f"{result.name} was not measured: {result.not_measured}")
            continue
        columns = list(result.rows[0])
        cells = [[_figure(row[column]) for column in columns] for row in result.rows]
        report.table(f"{result.name}: {result.title}", [column.replace("_per_second", "/s").replace("_", " ") for column in columns], cells)
    machine = found.machine
    report.note(f"measured on {machine.processor}, {machine.cores} cores, Python {machine.python}, load {machine.load} before")
    if output is not None:
        with new_file(output) as draft:
            draft.write_text(json.dumps(found.to_json(), indent=2) + "\n", encoding="utf-8")
        report.note(f"results: {output}")
    report.result(found.to_json())


def _figure(value: object) -> object:
    """Numbers with three digits that count."""
    if not isinstance(value, float):
        return value
    return round(value) if abs(value) >= 1000 else f"{value:.3g}"
