"""`weft generate`."""

from __future__ import annotations

from pathlib import Path

import click

from weft.cli.configuration import configuration_options, given
from weft.cli.options import json_option, network_argument
from weft.cli.resources import as_json_values, show_candidates
from weft.cli.terminal import Report


@click.command()
@network_argument
@click.option("-o", "--output", metavar="DIR", required=True, type=click.Path(path_type=Path), help="The folder to write.")
@click.option("--force", is_flag=True, help="Replace the folder of another network or configuration.")
@click.option("--board", metavar="NAME", help="Take the accelerator that `weft build` makes for this board; an unknown name lists them.")
@click.option(
    "--budget",
    metavar="[PERCENT]",
    type=float,
    is_flag=False,
    flag_value=100.0,
    help="With --board: take the largest configuration that is estimated to fit so much of the device.  Default: 100.",
)
@click.option("--clock", metavar="MHZ", type=float, help="The clock of your design: uart.v is written too, for a serial line at --baud.")
@click.option(
    "--baud", metavar="N", type=click.IntRange(min=1), default=1_000_000, show_default=True, help="With --clock: the line's rate."
)
@configuration_options
@json_option
def generate(
    network: Path,
    output: Path,
    force: bool,
    board: str | None,
    budget: float | None,
    clock: float | None,
    baud: int,
    config: str | None,
    as_json: bool,
    **parameters: int | str | None,
) -> None:
    """Generate the accelerator's Verilog, memory images and documentation for a quantized network.

    Give a named configuration, or --rows and --cols and what else shall differ from the defaults.  The accelerator takes
    the network's rescale format.  A folder that was generated before is replaced if it is of the same network and configuration.
    """
    from weft import api
    from weft.configuration import label

    report = Report(as_json)
    with report.progress() as progress:
        program = api.generate(
            network,
            output,
            config=config,
            board=board,
            percent=budget,
            clock_mhz=clock,
            baud=baud,
            force=force,
            progress=progress,
            **given(parameters),
        )
    candidates = () if board is None or budget is None else api.budget(network, board, percent=budget)
    if board is not None and budget is not None:
        show_candidates(report, f"configurations on {budget:g} % of {board} (multipliers and memory exact, the rest estimated)", candidates)
        taken = next(each for each in candidates if each.fits)
        report.note(f"taken: {taken.name}, the largest array with room for it")
    graph, chosen = program.graph, program.config
    layers = [
        {
            "index": layer.index,
            "name": layer.name,
            "kind": layer.kind,
            "shape": list((graph.tensors if layer.output in graph.tensors else program.placements)[layer.output].shape),
            "macs": layer.macs,
            "predicted_cycles": layer.cycles,
            "predicted_utilization": layer.macs / (layer.cycles * chosen.rows * chosen.cols),
        }
        for layer in program.layers
    ]
    report.layers(f"{graph.name} on {label(chosen)}, with the network's rescale format {chosen.rescale} (cycles predicted)", layers)
    report.note(f"{output}: {program.cycles:,} cycles per inference predicted")
    report.result(
        {
            "output": str(output),
            "network": graph.name,
            "configuration": label(chosen),
            "config": chosen.to_json(),
            "predicted_cycles": program.cycles,
            "layers": layers,
            **({"candidates": [as_json_values(each) for each in candidates]} if candidates else {}),
        }
    )
