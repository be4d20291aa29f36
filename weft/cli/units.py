"""`weft units`."""

from __future__ import annotations

import click

from hwgen.config import NAMED
from weft.cli.options import json_option
from weft.cli.terminal import Report

_HEADS = {"lut": "LUT", "carry": "carry", "ff": "FF", "dsp": "multipliers", "block_ram": "block RAM", "big_ram": "SPRAM"}


@click.command()
@click.argument("config", metavar="NAME", type=click.Choice(list(NAMED)))
@click.option("--family", type=click.Choice(["ecp5", "ice40", "gowin"]), help="The FPGA family.  Default: that of the configuration.")
@click.option("--flash/--no-flash", "with_flash", default=False, help="With a loader of weights from an SPI flash.")
@json_option
def units(config: str, family: str | None, with_flash: bool, as_json: bool) -> None:
    """Say what each unit of a named configuration takes of a device, before there is a network.

    Yosys synthesizes the accelerator behind a serial line with its units apart; a flat netlist, as builds have it, is somewhat smaller.
    """
    from weft import api

    found = api.units(config, family=family, flash=with_flash)
    report = Report(as_json)
    shown = [kind for kind in _HEADS if getattr(found.total, kind)]
    rows = [(unit, use.to_json()) for unit, use in [*found.units.items(), ("all", found.total)]]
    report.table(
        f"{config} for {found.config.family.value}",
        ["unit", *(_HEADS[kind] for kind in shown)],
        [[unit, *(str(use[kind]) for kind in shown)] for unit, use in rows if any(use.values())],
    )
    report.result({"config": found.config.to_json(), "units": {unit: use.to_json() for unit, use in found.units.items()}})
