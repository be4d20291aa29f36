"""`weft report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weft.cli.options import json_option
from weft.cli.terminal import Report

if TYPE_CHECKING:
    from boards.report.report import BuildReport


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--html", metavar="FILE", type=click.Path(path_type=Path), help="A page to write, with floorplan and roofline.")
@json_option
def report(folder: Path, html: Path | None, as_json: bool) -> None:
    """Say what a build came to: what each component takes of the device, timing, latency, layer by layer.

    DIR is the folder that `weft build` wrote; it has the page already, as report.html.
    """
    from weft import api

    out = Report(as_json)
    found = api.report(folder, html=html)
    _tables(out, found)
    if html is not None:
        out.note(f"{html}: the same with the floorplan and a roofline")
    out.result(found.to_json())


def _tables(out: Report, found: BuildReport) -> None:
    config = found.config
    out.table(
        f"{found.design.network_name} on {found.board.title}, {config.rows} x {config.cols}, {found.record.top} top",
        ["resource", "used", "available", "share"],
        [[each.name, _count(each.used), each.available, f"{each.share:.1%}"] for each in found.resources],
    )
    total = found.utilization.total
    kinds = {"lut": "LUT", "carry": "carry", "ff": "FF", "dsp": "multipliers", "block_ram": "block RAM", "big_ram": "SPRAM"}
    shown = {kind: head for kind, head in kinds.items() if getattr(total, kind)}
    uses = [*found.utilization.components.items()]
    out.table(
        "",
        ["component", *shown.values()],
        [
            *([component.name, *(_count(getattr(use, kind)) for kind in shown)] for component, use in uses),
            ["all", *(_count(getattr(total, kind)) for kind in shown)],
        ],
    )
    out.table(
        "",
        ["clock", "asked for, MHz", "reached, MHz", ""],
        [[each.name, f"{each.asked_mhz:.2f}", f"{each.reached_mhz:.2f}", "met" if each.met else "NOT MET"] for each in found.timing.clocks],
    )
    for path in sorted(found.timing.paths, key=lambda path: -path.ns)[:1]:
        out.table(
            f"slowest path: {path.ns:.2f} ns, {path.routing_ns:.2f} ns of it on wires: {path.route}",
            ["in", "signal", "cells", "logic, ns", "wires, ns"],
            [[step.component, step.place, step.cells, f"{step.logic_ns:.2f}", f"{step.routing_ns:.2f}"] for step in path.steps],
        )
    out.table(
        "",
        ["layer", "kind", "MACs", "cycles", "array"],
        [
            [layer.name, layer.kind, layer.macs or "", layer.cycles, f"{layer.utilization:.1%}" if layer.macs else ""]
            for layer in found.layers
        ],
    )
    out.note(
        f"{found.design.cycles:,} cycles at {found.clock_mhz:g} MHz: {found.latency_ms:.4g} ms an inference, "
        f"{1e3 / found.latency_ms:,.0f} a second; {found.utilized:.1%} of what the array could multiply"
    )
    if found.macs_per_dsp_cycle is not None:
        out.note(f"{found.macs_per_dsp_cycle:.3g} multiply-accumulates per multiplier and cycle")
    out.table(
        "host links: milliseconds for an inference's tensors, counted; " + _beside(found),
        ["", "input", "output", "with the run's own accesses", "an inference with its transfers"],
        [
            [
                link.link + (" (this bitstream's)" if link == found.link else ""),
                f"{link.input_s * 1e3:.4g}",
                f"{link.output_s * 1e3:.4g}",
                f"{link.total_s * 1e3:.4g}",
                f"{found.interval_ms(link):.4g}",
            ]
            for link in found.links
        ],
    )


def _beside(found: BuildReport) -> str:
    return "some overlap with the computation" if any(link.overlaps for link in found.links) else "nothing overlaps with the computation"


def _count(value: float) -> int | str:
    return "" if not value else int(value) if value == int(value) else f"{value:g}"
