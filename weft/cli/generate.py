"""`weft generate`."""

from __future__ import annotations

from pathlib import Path

import click

from hwgen.config import DEFAULT, NAMED
from weft.cli.options import json_option, network_argument
from weft.cli.terminal import Report

#: Parameters of AcceleratorConfig that may be given one by one, and what they mean.
_PARAMETERS = {
    "rows": "array rows: input channels per cycle",
    "cols": "array columns: output channels per cycle",
    "lanes": "output channels rescaled per cycle",
    "weight_rows_per_cycle": "array rows whose weights load in one cycle",
    "weight_slots": "weight tiles that a processing element holds (0: as many as needed)",
    "acc_bits": "bits of an accumulator",
    "acc_depth": "output pixels of an accumulator bank",
    "act_depth": "words of activation memory",
    "weight_depth": "words of weight memory",
    "param_depth": "records of parameter memory",
    "program_depth": "words of program memory",
    "max_layers": "layers that the performance counters can tell apart",
}


def _parameter_options(function: click.decorators.FC) -> click.decorators.FC:
    for name, meaning in reversed(_PARAMETERS.items()):
        function = click.option(f"--{name.replace('_', '-')}", name, type=int, help=meaning[0].upper() + meaning[1:] + ".")(function)
    return function


@click.command()
@network_argument
@click.option("-o", "--output", metavar="DIR", required=True, type=click.Path(path_type=Path), help="The folder to write.")
@click.option("--config", type=click.Choice(sorted(NAMED)), help=f"A named configuration.  Default: {DEFAULT}.")
@_parameter_options
@json_option
def generate(network: Path, output: Path, config: str | None, as_json: bool, **parameters: int | None) -> None:
    """Generate the accelerator's Verilog, memory images and documentation for a quantized network.

    The accelerator takes the network's rescale format.  Give either a named configuration or its parameters one by one;
    then --rows and --cols are needed, and the others have defaults.
    """
    from weft import api

    report = Report(as_json)
    given = {name: value for name, value in parameters.items() if value is not None}
    with report.progress() as progress:
        build = api.generate(network, output, config=config, progress=progress, **given)
    report.table(
        f"{output}: {build.network} on {build.label}, rescale format {build.config.rescale}",
        ["layer", "kind", "output shape", "MACs", "cycles", "array use %"],
        [[layer.name, layer.kind, "x".join(map(str, layer.shape)), layer.macs, layer.cycles, layer.use_percent] for layer in build.layers],
    )
    report.note(f"{build.cycles:,} cycles per inference predicted")
    report.result({"output": str(output), **build.to_json()})
