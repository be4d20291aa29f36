"""Accuracy against latency: cycles on the accelerator, and milliseconds of the golden model on this machine."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from weft.comparison.pictures.figure import WIDTH, Picture, picture
from weft.comparison.pictures.scatter import Point, draw_points, legend_of_kinds, panel_height, point, quality_name
from weft.comparison.run import Comparison

#: Latencies that differ by a greater factor are drawn on a logarithmic axis.
_FAR = 5


@dataclass(frozen=True)
class Latencies:
    """Methods by cycles of the accelerator, and by milliseconds of the golden model."""

    cycles: tuple[Point, ...]
    host: tuple[Point, ...]


def gather(comparison: Comparison) -> Latencies:
    """Cycles where a method runs on the accelerator, milliseconds everywhere."""
    rows = comparison.rows
    return Latencies(
        tuple(point(row, float(row.cycles)) for row in rows if row.cycles is not None), tuple(point(row, row.latency) for row in rows)
    )


def draw(found: Latencies, label: str, configuration: str) -> Figure:
    """A panel for each clock, one under the other."""
    panels = [
        (points, what)
        for points, what in (
            (found.cycles, f"cycles of an inference on {configuration}"),
            (found.host, "ms of an inference in the golden model on this machine"),
        )
        if points
    ]
    heights = [panel_height(len(points)) + 0.6 for points, _ in panels]
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, (points, what) in zip(axes, panels, strict=True):
        draw_points(axis, points, label)
        axis.set_xlabel(what)
        least, most = min(each.cost for each in points), max(each.cost for each in points)
        if most > _FAR * least:
            axis.set_xscale("log")
            axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.xaxis.set_minor_formatter("")
        else:
            axis.set_xlim(0, most * 1.1)
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
        legend_of_kinds(axis)
    return figure


def accuracy_latency(comparison: Comparison) -> Picture:
    """The picture."""
    found, label = gather(comparison), quality_name(comparison.rows)
    cycles = sorted({int(each.cost) for each in found.cycles})
    counted = f"between {cycles[0]:,} and {cycles[-1]:,} cycles" if len(cycles) > 1 else f"{cycles[0]:,} cycles" if cycles else "no cycles"
    return picture(
        "accuracy-latency",
        "Accuracy against latency",
        f"Above, on the accelerator {comparison.configuration}: its array computes 8 bits whatever is stored, so fewer bits do not make it "
        "faster. Below, in the golden model on the machine that made this page, one input at a time. The accuracy axis "
        "is logarithmic in the errors.",
        f"Scatter of {label} against latency: {len(found.cycles)} methods take {counted}, and {len(found.host)} are timed in the golden "
        "model.",
        lambda: draw(found, label, comparison.configuration),
    )
