"""`weft check`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from weft.cli.options import json_option, network_argument
from weft.cli.terminal import FINE, USAGE, Report


@click.command()
@network_argument
@json_option
def check(network: Path, as_json: bool) -> int:
    """Say of every operator of a network where it runs, and why if it does not.

    The exit code is 2 where an operator is not supported; nothing else happens before that is known.
    """
    from weft import api

    report = Report(as_json)
    places = api.check(network)
    unsupported = [place for place in places if place.where == "unsupported"]
    report.table(
        f"{network}: {len(places)} operators", ["operator", "kind", "where", ""], [[p.name, p.kind, p.where, p.why] for p in places]
    )
    report.note(f"{len(unsupported)} not supported" if unsupported else "everything runs")
    report.result({"supported": not unsupported, "operators": [asdict(place) for place in places]})
    return USAGE if unsupported else FINE
