"""`weft analyze`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from weft.cli.configuration import configuration_options, given
from weft.cli.options import json_option, network_argument
from weft.cli.terminal import Report


@click.command()
@network_argument
@configuration_options
@json_option
def analyze(network: Path, config: str | None, as_json: bool, **parameters: int | None) -> None:
    """Say what a network takes of an accelerator: cycles, exactly those of the hardware, utilization and memory, layer by layer.

    Nothing is generated; the numbers are the compiler's.  Also says which named configurations the network fits.
    """
    from weft import api

    report = Report(as_json)
    analysis = api.analyze(network, config=config, **given(parameters))
    report.table(
        f"{network}",
        ["layer", "kind", "MACs", "cycles", "array", "limited by", "weight bytes"],
        [
            [
                layer.name,
                layer.kind,
                layer.macs or "",
                layer.cycles,
                f"{layer.utilization:.1%}" if layer.macs else "",
                layer.limit,
                layer.weight_bytes or "",
            ]
            for layer in analysis.layers
        ],
    )
    report.table(
        "memory",
        ["", "needed", "there", "unit", ""],
        [[demand.memory, demand.need, demand.have, demand.unit, "" if demand.fits else "TOO SMALL"] for demand in analysis.memory],
    )
    report.table(
        "configurations",
        ["", "fits", "lacks"],
        [[name, not lacks, "; ".join(lacks)] for name, lacks in analysis.fits.items()],
    )
    report.note(f"{analysis.cycles:,} cycles per inference")
    report.note(f"{analysis.weight_bytes:,} bytes of weights, {analysis.act_bytes:,} bytes of activations at the peak")
    report.result(
        {
            "cycles": analysis.cycles,
            "layers": [asdict(layer) for layer in analysis.layers],
            "memory": [{**asdict(demand), "fits": demand.fits} for demand in analysis.memory],
            "weight_bytes": analysis.weight_bytes,
            "peak_activation_bytes": analysis.act_bytes,
            "fits": {name: not lacks for name, lacks in analysis.fits.items()},
            "lacks": {name: list(lacks) for name, lacks in analysis.fits.items() if lacks},
        }
    )
