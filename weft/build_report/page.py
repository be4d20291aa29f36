"""A build as one HTML page that needs nothing else: no network, no other files, and no script to be read."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, select_autoescape

from boards.report.components import GROUPS
from boards.report.report import BuildReport
from boards.timing import CriticalPath
from weft.build_report.floorplan_svg import floorplan_svg
from weft.build_report.roofline import roofline
from weft.version import VERSION

REPORT_PAGE = "report.html"
#: Critical paths that are shown; what nextpnr calls the end of one that is no clock edge.
_PATHS, _ASYNC = 2, "<async>"


@dataclass(frozen=True)
class Entry:
    """A legend's entry: the group's number, name and colour, and what is placed of it."""

    number: int
    name: str
    color: str
    placed: str


def page(report: BuildReport) -> str:
    """The HTML text."""
    environment = Environment(
        loader=PackageLoader("weft.build_report", "."),
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    picture = roofline(report)
    address = "" if picture is None else f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode()}"
    title = f"Floorplan of {report.design.network_name} on {report.board.title}"
    return environment.get_template("page.html").render(
        report=report,
        data=report.record.data,
        total=report.utilization.total,
        kinds=_kinds(report),
        legend=_legend(report),
        floorplan=floorplan_svg(report.plan, environment.filters["e"](title)),
        roofline=picture,
        roofline_address=address,
        paths=_paths(report),
        longest=max((layer.cycles for layer in report.layers), default=1),
        version=VERSION,
    )


def write_page(report: BuildReport, path: Path) -> None:
    """Writes the page into a file."""
    path.write_text(page(report), encoding="utf-8")


def _kinds(report: BuildReport) -> list[tuple[str, str]]:
    """The columns of the table of components that have anything in them: field of `Use`, and head."""
    heads = {
        "lut": "LUT",
        "carry": "of these carry",
        "ff": "flip-flops",
        "dsp": "multipliers",
        "block_ram": "block RAM",
        "big_ram": "SPRAM",
    }
    total = report.utilization.total
    return [(kind, head) for kind, head in heads.items() if getattr(total, kind)]


def _legend(report: BuildReport) -> list[Entry]:
    entries = []
    for number, (group, color) in enumerate(GROUPS.items()):
        uses = [use for component, use in report.utilization.components.items() if component.group == group]
        if not uses:
            continue
        total = uses[0]
        for use in uses[1:]:
            total += use
        words = [(total.lut, "LUT"), (total.ff, "FF"), (total.dsp, "multipliers"), (total.block_ram, "RAM"), (total.big_ram, "SPRAM")]
        entries.append(Entry(number, group, color, ", ".join(f"{count:,g} {word}" for count, word in words if count)))
    return entries


def _paths(report: BuildReport) -> list[CriticalPath]:
    """The slowest paths, those between clock edges first: pins have no clock of their own."""
    return sorted(report.timing.paths, key=lambda path: (_ASYNC in (path.start, path.end), -path.ns))[:_PATHS]
