"""`weft mix`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weft.cli.options import json_option, layout_option, values_option
from weft.cli.terminal import Report

if TYPE_CHECKING:
    from weft.mixed_precision import Allocation, Front

_MEASURES = ("one-at-a-time", "gradient", "eigenvalue", "trace", "landscape")
_WHAT = {"bytes": "bytes of weights", "bops": "bit operations", "cycles": "cycles"}


@click.command()
@click.argument("model", metavar="MODEL")
@click.option(
    "--calibration",
    metavar="DATA.npz",
    required=True,
    type=click.Path(path_type=Path),
    help="Real inputs under 'x'; with their classes under 'label' the loss is that of the classes, else of the float network's own.",
)
@click.option("-o", "--output", metavar="RECIPE.toml", type=click.Path(path_type=Path), help="The recipe to write, for `weft quantize`.")
@click.option("--bytes", "max_bytes", metavar="N|P%", help="The most bytes of weights, or a percentage of those of int8.")
@click.option("--bops", "max_bops", metavar="N|P%", help="The most bit operations, or a percentage of those of int8.")
@click.option("--cycles", "max_cycles", metavar="N|P%", help="The most cycles on --config.  The array computes 8 bits whatever is stored.")
@click.option("--measure", type=click.Choice(_MEASURES), default="trace", show_default=True, help="What says how much a layer minds.")
@click.option("--bits", default="2,3,4,5,6,7,8", show_default=True, metavar="B,B", help="Bits that a layer may get.")
@click.option(
    "--eight-bit-ends/--no-eight-bit-ends", default=True, show_default=True, help="Whether the first and the last layer keep 8 bits."
)
@click.option("--recipe", "base", metavar="RECIPE.toml", type=click.Path(path_type=Path), help="What the recipe is but for the bits.")
@click.option("--config", metavar="NAME", help="The named configuration whose cycles are counted.")
@click.option(
    "--front",
    "evaluation",
    metavar="DATA.npz",
    type=click.Path(path_type=Path),
    help="Evaluation inputs: recipes from few bytes to many are measured on them, and those that no other beats are shown.",
)
@layout_option
@values_option
@json_option
def mix(
    model: str,
    calibration: Path,
    output: Path | None,
    max_bytes: str | None,
    max_bops: str | None,
    max_cycles: str | None,
    measure: str,
    bits: str,
    eight_bit_ends: bool,
    base: Path | None,
    config: str | None,
    evaluation: Path | None,
    layout: str | None,
    values: str | None,
    as_json: bool,
) -> None:
    """Choose the bits of every layer: those that the network minds least, within limits on what it may cost.

    MODEL is a float network, as for `weft quantize`.  Layers that meet in an add get the same bits.
    """
    from weft import mixing

    report = Report(as_json)
    with report.progress() as progress:
        allocation, front = mixing.mix(
            model,
            calibration,
            limits={kind: text for kind, text in (("bytes", max_bytes), ("bops", max_bops), ("cycles", max_cycles)) if text is not None},
            measure=measure,
            bits=bits,
            eight_bit_ends=eight_bit_ends,
            recipe=base,
            config=config,
            evaluation=evaluation,
            output=output,
            layout=layout,
            values=values,
            progress=progress,
        )
    _layers(report, allocation)
    if front is not None:
        _front(report, front)
    if output is not None:
        report.note(f"{output}: quantize with it by `weft quantize --recipe {output}`")
    report.result({**allocation.to_json(), "front": None if front is None else front.to_json()})


def _layers(report: Report, allocation: Allocation) -> None:
    scores = allocation.scores.scores
    numbers = sorted(next(iter(scores.values())))
    report.table(
        f"bits of every layer, and what it minds by the measure {allocation.scores.measure.value!r}",
        ["layer", "bits", *(f"at {number}" for number in numbers)],
        [[layer, allocation.bits[layer], *(f"{row[number]:.2e}" for number in numbers)] for layer, row in scores.items()],
    )
    for kind, (chosen, whole) in allocation.costs.items():
        report.note(f"{chosen:,.0f} {_WHAT[kind]}, {chosen / whole:.0%} of {whole:,.0f} with 8 bits")


def _front(report: Report, front: Front) -> None:
    rows = front.comparison.rows
    report.table(
        "accuracy against size; * where no other recipe is as small and as good",
        ["recipe", "", "top-1", "as float", "bytes", "MBOPS", "cycles"],
        [
            [
                row.name,
                "*" if index in front.best else "",
                "" if row.accuracy is None else f"{row.accuracy:.1%}",
                f"{row.agreement:.1%}",
                row.size,
                f"{row.bops / 1e6:,.1f}",
                row.cycles,
            ]
            for index, row in enumerate(rows)
        ],
    )
