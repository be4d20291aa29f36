"""`weft train`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from weft.cli.options import json_option, layout_option, values_option
from weft.cli.terminal import Report


@click.command()
@click.argument("model", metavar="MODEL")
@click.option(
    "--data",
    metavar="DATA.npz",
    required=True,
    type=click.Path(path_type=Path),
    help="Training inputs under the key 'x' and their classes under 'label'.",
)
@click.option("-o", "--output", metavar="NET", required=True, type=click.Path(path_type=Path), help="The network file to write.")
@click.option(
    "--recipe",
    metavar="RECIPE.toml",
    type=click.Path(path_type=Path),
    help="Bits, scales and rescale format, and in its section [training] how to train.  Default: int8, learned steps, 10 epochs.",
)
@click.option("--evaluation", metavar="DATA.npz", type=click.Path(path_type=Path), help="Inputs with labels to tell the accuracy of.")
@click.option(
    "--checkpoint",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Written after each epoch.  Where it exists, training goes on from it, to the same result as without the interruption.",
)
@click.option("--epochs", metavar="N", type=click.IntRange(min=1), help="In place of the recipe's.")
@click.option("--learning-rate", metavar="R", type=float, help="In place of the recipe's.")
@click.option("--seed", metavar="N", type=click.IntRange(min=0), help="In place of the recipe's.")
@layout_option
@values_option
@click.option("--name", help="The network's name.  Default: the name of MODEL.")
@json_option
def train(
    model: str,
    data: Path,
    output: Path,
    recipe: Path | None,
    evaluation: Path | None,
    checkpoint: Path | None,
    epochs: int | None,
    learning_rate: float | None,
    seed: int | None,
    layout: str | None,
    values: str | None,
    name: str | None,
    as_json: bool,
) -> None:
    """Train a float network with quantization in the loop, and write its integers.

    MODEL is what `weft quantize` takes.  Training starts from its weights and takes a fraction of the time that they took;
    it is what 4 bits and fewer need.
    """
    from golden.recipe import Recipe, read_recipe
    from weft.api import inspect
    from weft.training import train as train_network

    chosen = Recipe() if recipe is None else read_recipe(recipe)
    stated = {"epochs": epochs, "learning_rate": learning_rate, "seed": seed}
    changes = {key: value for key, value in stated.items() if value is not None}
    chosen = replace(chosen, training=replace(chosen.training, **changes))  # type: ignore[arg-type]
    report = Report(as_json)
    with report.progress() as progress:
        result = train_network(
            model,
            data,
            recipe=chosen,
            output=output,
            evaluation=evaluation,
            checkpoint=checkpoint,
            layout=layout,
            values=values,
            name=name,
            progress=progress,
        )
    if result.resumed:
        report.note(f"went on after {result.resumed} of {len(result.losses)} epochs, from {checkpoint}")
    report.note(f"loss {result.losses[0]:.4f} in the first epoch, {result.losses[-1]:.4f} in the last of {len(result.losses)}")
    if result.accuracy is not None:
        rows = [
            ["float", f"{result.float_accuracy:.2%}"],
            ["integers before training", f"{result.start_accuracy:.2%}"],
            ["integers after training", f"{result.accuracy:.2%}"],
        ]
        report.table("accuracy", ["network", "top-1"], rows)
    summary = inspect(result.graph)
    report.note(f"{output}: {summary.name}, {len(summary.layers)} layers, {summary.weights:,} weights, rescale format {summary.rescale}")
    report.result({"output": str(output), **result.to_json(), **summary.to_json()})
