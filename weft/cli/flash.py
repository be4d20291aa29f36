"""`weft flash`."""

from __future__ import annotations

from pathlib import Path

import click

from weft.cli.options import json_option
from weft.cli.terminal import Report


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--sram", "memory", flag_value="sram", help="Into the device itself, until it loses power.  The default where it works.")
@click.option("--flash", "memory", flag_value="flash", help="Into the flash from which the device starts.")
@json_option
def flash(folder: Path, memory: str | None, as_json: bool) -> None:
    """Load the bitstream of a build onto the board, by openFPGALoader."""
    from weft import api

    report = Report(as_json)
    with report.progress() as progress:
        record, where = api.flash(folder, memory, progress=progress)
    if not record.met:
        report.note(f"WARNING: the clock of {record.mhz:g} MHz is NOT MET: what the board computes may be wrong")
    report.note(f"{record.bitstream} is in the {where} of {record.data['board']['title']}")
    if record.top != "selftest":
        report.note(f"run it: weft run {folder} --port PORT --inputs DATA.npz")
    report.result({"folder": str(folder), "board": record.board, "memory": where})
