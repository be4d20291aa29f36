"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

network_argument = click.argument("network", metavar="NET", type=click.Path(path_type=Path))

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output and nothing else.")

inputs_option = click.option(
    "--inputs",
    metavar="DATA.npz",
    required=True,
    type=click.Path(path_type=Path),
    help="Inputs under the key 'x'; optional keys 'label', 'layout', 'values'.",
)

layout_option = click.option(
    "--layout",
    type=click.Choice(["nhwc", "nchw"]),
    help="How the maps of 'x' lie.  Default: what the file says, else what fits the network.",
)

values_option = click.option(
    "--values",
    type=click.Choice(["real", "int8"]),
    help="Whether 'x' holds what the float network takes, or int8 values.  Default: what the file says, else by its data type.",
)

images_option = click.option("--images", metavar="N", type=click.IntRange(min=1), help="Take the first N inputs.  Default: all.")
