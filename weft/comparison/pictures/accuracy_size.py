"""The Pareto front of accuracy against bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from golden.mixed_precision import non_dominated
from weft.comparison.pictures.figure import WIDTH, Picture, listed, picture
from weft.comparison.pictures.scatter import Point, draw_points, legend_of_kinds, panel_height, point, quality_name
from weft.comparison.row import Row


@dataclass(frozen=True)
class Sizes:
    """Methods by bytes, and the indices of those that no other beats, from small to large."""

    points: tuple[Point, ...]
    front: tuple[int, ...]


def gather(rows: Sequence[Row]) -> Sizes:
    """Of all rows, the float network's too."""
    points = tuple(point(row, float(row.size)) for row in rows)
    return Sizes(points, non_dominated([(each.cost, each.accuracy) for each in points]))


def draw(found: Sizes, label: str) -> Figure:
    """The points, and the front as steps: the most that so many bytes buy."""
    figure = Figure(figsize=(WIDTH, panel_height(len(found.points)) + 0.7), layout="constrained")
    axis = figure.subplots()
    axis.set_xscale("log", base=2)
    draw_points(axis, found.points, label)
    front = [found.points[index] for index in found.front]
    axis.step([each.cost for each in front], [each.accuracy for each in front], where="post", color="#222222", linewidth=1.1, label="front")
    axis.set_xlabel("bytes of weights, biases and scales")
    axis.xaxis.set_major_locator(LogLocator(base=2))
    axis.xaxis.set_major_formatter(FuncFormatter(_bytes))
    axis.xaxis.set_minor_formatter("")
    legend_of_kinds(axis)
    return figure


def _bytes(value: float, _: int) -> str:
    return f"{value / 2**20:.4g} MiB" if value >= 2**20 else f"{value / 1024:.4g} KiB" if value >= 1024 else f"{value:.4g} B"


def accuracy_size(rows: Sequence[Row]) -> Picture:
    """The picture."""
    found, label = gather(rows), quality_name(rows)
    best = [found.points[index] for index in found.front]
    said = listed([f"{each.name} with {each.cost:,.0f} bytes and {each.accuracy:.1%}" for each in best])
    return picture(
        "accuracy-size",
        "Accuracy against size",
        "The line is the Pareto front: no method is as small as one on it and more accurate. Differences smaller than one input of the "
        "evaluation are luck, and so are those smaller than the spread between calibration draws. The axis of bytes is logarithmic, and "
        "that of accuracy is in the errors.",
        f"Scatter of {label} against bytes for {len(found.points)} methods. On the front: {said}.",
        lambda: draw(found, label),
    )
