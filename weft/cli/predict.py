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

    OUT.npz holds `y` (int8, as the accelerator and the host give it), `real` (the same in real units) and, where the output is
    a vector, `prediction` (the index of the largest).  Of a network of several outputs it holds `y.NAME`, `real.NAME` and
    `prediction.NAME` for each.
    """
    from weft import api

    report = Report(as_json)
    with report.progress() as progress:
        prediction = api.predict(network, inputs, output=output, images=images, layout=layout, values=values, progress=progress)
    accuracy = prediction.accuracy
    if len(prediction.outputs) > 1:
        rows = [[each.name, "x".join(map(str, each.y.shape[1:])), f"y.{each.name}"] for each in prediction.outputs]
        report.table("outputs", ["output", "shape", "key"], rows)
    report.note(f"{output}: {prediction.images} outputs" + ("" if accuracy is None else f", {accuracy:.2%} as labelled"))
    outputs = [{"name": each.name, "shape": list(each.y.shape[1:])} for each in prediction.outputs]
    report.result({"output": str(output), "images": prediction.images, "accuracy": accuracy, "outputs": outputs})
