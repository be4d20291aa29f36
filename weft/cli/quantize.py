"""`weft quantize`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from weft.cli.options import json_option, layout_option, values_option
from weft.cli.recipe_options import chosen_recipe, recipe_options
from weft.cli.terminal import Report


@click.command()
@click.argument("model", metavar="MODEL")
@click.option(
    "--calibration",
    metavar="DATA.npz",
    required=True,
    type=click.Path(path_type=Path),
    help="Real inputs under the key 'x', typical of what the network will see; a few hundred are enough.  A network of several "
    "inputs takes an array for each, under its name.",
)
@click.option("-o", "--output", metavar="NET", required=True, type=click.Path(path_type=Path), help="The network file to write.")
@recipe_options
@layout_option
@values_option
@click.option("--name", help="The network's name.  Default: the name of MODEL.")
@json_option
def quantize(
    model: str,
    calibration: Path,
    output: Path,
    layout: str | None,
    values: str | None,
    name: str | None,
    as_json: bool,
    **choices: Any,
) -> None:
    """Quantize a trained network to integers, int8 by default.

    MODEL is a float network: a .pt2 file that torch.export.save wrote, a .tflite file, an .onnx file, or package.module:factory,
    a function without arguments that returns a PyTorch module.  `weft check MODEL` says beforehand whether all of it is
    supported.  Pickled modules are refused: opening one can run anything.
    """
    from weft import api

    report, recipe = Report(as_json), chosen_recipe(**choices)
    with report.progress() as progress:
        graph = api.quantize(model, calibration, output=output, recipe=recipe, layout=layout, values=values, name=name, progress=progress)
    summary = api.inspect(graph)
    size = f"{len(summary.layers)} layers, {summary.macs:,} MACs, {summary.weights:,} weights"
    report.note(f"{output}: {summary.name}, {size}, rescale format {summary.rescale}")
    report.result({"output": str(output), **summary.to_json()})
