"""`weft check`."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weft.cli.options import json_option
from weft.cli.terminal import FINE, USAGE, Report

if TYPE_CHECKING:
    from weft.survey import Survey


@click.command()
@click.argument("network", metavar="NET|MODEL", type=click.Path(path_type=Path))
@json_option
def check(network: Path, as_json: bool) -> int:
    """Say of every operator of a network where it runs, and why if it does not.

    Takes quantized networks and float ones (.pt2, .tflite, .onnx); of these it says where each operator will run after
    quantization.  The exit code is 2 where an operator is not supported; nothing else happens before that is known.
    """
    from weft.survey import survey

    report = Report(as_json)
    found = survey(network)
    before = "" if found.quantized else ", before quantization"
    rows = [[place.name, place.kind, place.where, place.why] for place in found.places]
    report.table(f"{network}: {len(rows)} operators{before}", ["operator", "kind", "where", "remark"], rows)
    report.note(_verdict(network, found))
    operators = [asdict(place) for place in found.places]
    report.result({"supported": found.supported, "quantized": found.quantized, "operators": operators})
    return FINE if found.supported else USAGE


def _verdict(network: Path, found: Survey) -> str:
    if not found.supported:
        return f"{len(found.unsupported)} not supported"
    if found.quantized:
        return "everything runs"
    return f"everything will run; quantize it: weft quantize {shlex.quote(str(network))} --calibration DATA.npz -o NET"
