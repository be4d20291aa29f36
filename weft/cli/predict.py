"""`weft predict`."""

from __future__ import annotations

from pathlib import Path

import click

from weft.cli.options import images_option, inputs_option, json_option, layout_option, network_argument, values_option
from weft.cli.terminal import Report


@click.command()
@network_argument
@inputs_option
@click.option("-o", "--output", metavar="OUT.npz", required=True, type=click.Path(path_type=Path), help="The file to write.")
@images_option
@layout_option
@values_option
@json_option
def predict(network: Path, inputs: Path, output: Path, images: int | None, layout: str | None, values: str | None, as_json: bool) -> None:
    """Run a quantized network in the golden model, without a simulator.

    OUT.npz holds `y` (int8, as the accelerator gives it), `real` (the same in real units) and, for networks whose output
    is a vector, `prediction` (the index of the largest).
    """
    from weft import api

    report = Report(as_json)
    with report.progress() as progress:
        prediction = api.predict(network, inputs, output=output, images=images, layout=layout, values=values, progress=progress)
    accuracy = prediction.accuracy
    report.note(f"{output}: {len(prediction.y)} outputs" + ("" if accuracy is None else f", {accuracy:.2%} as labelled"))
    report.result({"output": str(output), "images": len(prediction.y), "accuracy": accuracy})
