"""`weft compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weft.cli.options import json_option, layout_option, values_option
from weft.cli.terminal import Report

if TYPE_CHECKING:
    from weft.comparison import Comparison, Row


@click.command()
@click.argument("model", metavar="MODEL")
@click.option(
    "--calibration",
    metavar="DATA.npz",
    required=True,
    type=click.Path(path_type=Path),
    help="Real inputs under the key 'x', a few hundred.",
)
@click.option(
    "--evaluation",
    metavar="DATA.npz",
    required=True,
    type=click.Path(path_type=Path),
    help="Other real inputs under 'x', with their classes under 'label' for the accuracy.",
)
@click.option(
    "--training",
    metavar="DATA.npz",
    type=click.Path(path_type=Path),
    help="Inputs with their classes, for methods that learn.  Default: the calibration inputs, where they have classes.",
)
@click.option("--method", "methods", metavar="NAME", multiple=True, help="Only this method; may be repeated.  `--list` has the names.")
@click.option(
    "--recipe", "recipes", metavar="RECIPE.toml", multiple=True, type=click.Path(path_type=Path), help="One more method; may be repeated."
)
@click.option("--epochs", metavar="N", type=click.IntRange(min=1), help="Of the methods that train.")
@click.option("--draws", metavar="N", type=click.IntRange(min=1), default=1, show_default=True, help="Draws of calibration inputs.")
@click.option("--calibration-images", metavar="N", type=click.IntRange(min=1), help="Inputs in a draw.  Default: all.")
@click.option("--config", metavar="NAME", help="The named configuration whose cycles are counted.")
@click.option("-o", "--output", metavar="FOLDER", type=click.Path(path_type=Path), help="Writes a page with pictures, and the JSON.")
@click.option(
    "--list",
    "listed",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda context, _, value: _list(context, value),
    help="Name the methods and end.",
)
@layout_option
@values_option
@json_option
def compare(
    model: str,
    calibration: Path,
    evaluation: Path,
    training: Path | None,
    methods: tuple[str, ...],
    recipes: tuple[Path, ...],
    epochs: int | None,
    draws: int,
    calibration_images: int | None,
    config: str | None,
    output: Path | None,
    layout: str | None,
    values: str | None,
    as_json: bool,
) -> None:
    """Compare quantization methods on one network: accuracy, size, cycles, and what each layer loses.

    MODEL is a float network, as for `weft quantize`.  Every result is kept, so that one more method runs that one alone.
    """
    from weft.comparison import command

    report = Report(as_json)
    with report.progress() as progress:
        comparison = command.compare(
            model,
            calibration,
            evaluation,
            methods=list(methods) or None,
            training=training,
            recipes=list(recipes),
            epochs=epochs,
            draws=draws,
            calibration_images=calibration_images,
            config=config,
            output=output,
            layout=layout,
            values=values,
            progress=progress,
        )
    _table(report, comparison)
    if output is not None:
        report.note(f"{output / 'index.html'}: the same with pictures")
    report.result(comparison.to_json())


def _list(context: click.Context, value: bool) -> None:
    if value:
        from weft.comparison.methods import methods

        click.echo("\n".join(methods()))
        context.exit()


def _table(report: Report, comparison: Comparison) -> None:
    draws = f"{comparison.draws} draws of {comparison.calibration_inputs}" if comparison.draws > 1 else f"{comparison.calibration_inputs}"
    report.table(
        f"{comparison.network}: {draws} calibration inputs, {comparison.evaluation_inputs} evaluation inputs; "
        f"cycles on {comparison.configuration}",
        ["method", "top-1", "top-5", "as float", "worst SQNR", "integers", "uniform", "bits w/a", "bytes", "MBOPS", "cycles", "ms", "s"],
        [_cells(row) for row in comparison.rows],
    )
    for note in comparison.notes():
        report.note(note)


def _cells(row: Row) -> list[object]:
    deviation = f" ± {row.deviation:.1%}" if row.deviation else ""
    worst = row.worst_sqnr
    return [
        row.name,
        "" if row.accuracy is None else f"{row.accuracy:.1%}{deviation}",
        "" if row.top5 is None else f"{row.top5:.1%}",
        f"{row.agreement:.1%}",
        "" if worst is None else f"{worst:.1f} dB",
        "yes" if row.integer_only else "no",
        "yes" if row.uniform else "no",
        f"{row.weight_bits:.3g}/{row.activation_bits:.3g}",
        row.size,
        f"{row.bops / 1e6:,.1f}",
        row.cycles,
        f"{row.latency:.2f}",
        f"{row.seconds:.1f}",
    ]
