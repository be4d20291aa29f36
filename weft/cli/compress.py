"""`weft compress`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weft.cli.options import json_option, layout_option, values_option
from weft.cli.terminal import Report

if TYPE_CHECKING:
    from weft.compression import Compressed


@click.command()
@click.argument("model", metavar="MODEL")
@click.option(
    "--calibration",
    metavar="DATA.npz",
    required=True,
    type=click.Path(path_type=Path),
    help="Real inputs under the key 'x'; with --epochs also their classes under 'label'.",
)
@click.option("-o", "--output", metavar="NET", required=True, type=click.Path(path_type=Path), help="The network file to write.")
@click.option("--sparsity", metavar="S", type=float, default=0.5, show_default=True, help="The share of weights to prune, below 1.")
@click.option(
    "--scope", type=click.Choice(["network", "layer"]), default="network", show_default=True, help="What shares a pruning threshold."
)
@click.option(
    "--conv-bits", type=click.IntRange(0, 8), default=4, show_default=True, help="Bits of a convolution's codebook index; 0: no codebook."
)
@click.option(
    "--linear-bits", type=click.IntRange(0, 8), default=2, show_default=True, help="The same for fully connected layers; 0: no codebook."
)
@click.option(
    "--epochs", metavar="N", type=int, default=0, show_default=True, help="Fine-tune so long after pruning, and again the codebooks."
)
@click.option(
    "--learning-rate", metavar="R", type=float, default=0.01, show_default=True, help="Of the fine-tuning, relative to the weights."
)
@click.option("--low-rank", metavar="LAYER=R", multiple=True, help="First replace this layer by two of rank R; may be repeated.")
@click.option("--recipe", metavar="RECIPE.toml", type=click.Path(path_type=Path), help="How to quantize.  Default: static int8.")
@click.option("--evaluation", metavar="DATA.npz", type=click.Path(path_type=Path), help="Inputs with labels to tell the accuracy of.")
@layout_option
@values_option
@click.option("--name", help="The network's name.  Default: the name of MODEL.")
@json_option
def compress(
    model: str,
    calibration: Path,
    output: Path,
    sparsity: float,
    scope: str,
    conv_bits: int,
    linear_bits: int,
    epochs: int,
    learning_rate: float,
    low_rank: tuple[str, ...],
    recipe: Path | None,
    evaluation: Path | None,
    layout: str | None,
    values: str | None,
    name: str | None,
    as_json: bool,
) -> None:
    """Prune a float network, let its weights share few int8 values, and say what they take at each stage.

    MODEL is what `weft quantize` takes.  NET is an ordinary network: its weights are the decoded ones, and the accelerator runs
    it bit for bit as any other.
    """
    from golden.compression.network import Settings
    from golden.compression.pruning import Scope
    from weft import compression

    report = Report(as_json)
    factors = compression.parse_low_rank(low_rank)
    settings = Settings(sparsity, Scope(scope), conv_bits or None, linear_bits or None, epochs, learning_rate)
    with report.progress() as progress:
        result = compression.compress(
            model,
            calibration,
            settings=settings,
            recipe=recipe,
            low_rank=factors,
            output=output,
            evaluation=evaluation,
            layout=layout,
            values=values,
            name=name,
            progress=progress,
        )
    _show(report, result)
    report.note(f"{output}: {result.total('float32') / result.total('coded'):.1f} times smaller than float32 when it is coded")
    report.result({"output": str(output), **result.to_json()})


def _show(report: Report, result: Compressed) -> None:
    from weft.compression import RANK_SHARES

    stages = ("float32", "int8", "pruned", "shared", "coded")
    rows: list[list[object]] = [
        [layer.name, layer.kind, layer.weights, layer.nonzero, layer.values, *(round(getattr(layer, stage)) for stage in stages)]
        for layer in result.layers
    ]
    totals = [round(result.total(stage)) for stage in ("weights", "nonzero")]
    rows.append(["all", "", *totals, "", *(round(result.total(stage)) for stage in stages)])
    report.table("bytes of the weights at each stage", ["layer", "kind", "weights", "not 0", "values", *stages], rows)
    report.table(
        "ranks before compression",
        ["layer", "rows", "columns", "rank", "effective", *(f"{share:.0%} of energy" for share in RANK_SHARES)],
        [
            [each.name, *each.shape, each.rank, f"{each.effective_rank:.1f}", *(each.rank_for_energy(share) for share in RANK_SHARES)]
            for each in result.ranks
        ],
    )
    if result.accuracy is not None and result.plain_accuracy is not None:
        report.note(f"accuracy {result.accuracy:.2%}, without compression {result.plain_accuracy:.2%}")
