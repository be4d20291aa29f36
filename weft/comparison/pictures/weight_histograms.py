"""The weights of every layer, and the values that each method lets them take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from golden.float_graph import FloatGraph
from weft.comparison.pictures.figure import COLORS, FLOAT_COLOR, Picture, grid, listed, picture, short
from weft.comparison.pictures.legend import legend_above
from weft.comparison.pictures.subject import Subject
from weft.comparison.pictures.under_axis import room_below, strip, window

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

BINS = 64
#: More levels than these are drawn as a bar.
FEW_LEVELS = 64


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """A layer's float weights.

    edges:  float64[B + 1]; counts: int64[B], how many weights lie between two edges.
    levels: by method, the real values that weights may take in the channel with the widest range, ascending.
    """

    name: str
    edges: Float64
    counts: Int64
    levels: Mapping[str, Float64]


def gather(graph: FloatGraph, subjects: Sequence[Subject]) -> tuple[LayerWeights, ...]:
    """Of every layer of a prepared float graph, in execution order."""
    layers = []
    for op in graph.weighted_ops():
        counts, edges = np.histogram(op.weight, bins=BINS)
        layers.append(LayerWeights(op.name, edges, counts.astype(np.int64), {each.name: each.levels(op) for each in subjects}))
    return tuple(layers)


def draw(layers: Sequence[LayerWeights]) -> Figure:
    """A panel for each layer: the histogram, and under it the levels of each method."""
    names = list(layers[0].levels)
    figure, axes = grid(len(layers), 2, 1.55 + 0.13 * len(names), top=0.35)
    for axis, layer in zip(axes, layers, strict=True):
        axis.stairs(layer.counts, layer.edges, fill=True, color=FLOAT_COLOR)
        axis.set_title(short(layer.name), loc="left")
        axis.set_ylabel("weights")
        axis.locator_params(axis="x", nbins=6)
        room_below(axis, float(layer.counts.max()), len(names))
        axis.set_yticks([tick for tick in MaxNLocator(4, integer=True).tick_values(0, float(layer.counts.max())) if tick >= 0])
        axis.set_xlim(window(layer.edges[0], layer.edges[-1], [end for levels in layer.levels.values() for end in levels[[0, -1]]]))
        for place, name in enumerate(names):
            _levels(axis, layer.levels[name], strip(float(layer.counts.max()), place), COLORS[place])
    legend_above(figure, [FLOAT_COLOR, *COLORS[: len(names)]], ["float weights", *names])
    return figure


def _levels(axis: Axes, levels: Float64, ends: tuple[float, float], color: str) -> None:
    if len(levels) > FEW_LEVELS:
        axis.fill_between([levels[0], levels[-1]], *ends, color=color, linewidth=0)
    else:
        axis.vlines(levels, *ends, color=color, linewidth=1.4)
    right = axis.get_xlim()[1]
    if levels[-1] > right:
        place = (right, sum(ends) / 2)
        axis.annotate(
            f"to {levels[-1]:.3g} ", place, ha="right", va="center", fontsize=6.5, color="white" if len(levels) > FEW_LEVELS else "black"
        )


def weight_histograms(graph: FloatGraph, subjects: Sequence[Subject]) -> Picture:
    """The picture."""
    layers = gather(graph, subjects)
    names = [each.name for each in subjects]
    widest = max(layers, key=lambda layer: float(layer.edges[-1] - layer.edges[0]))
    return picture(
        "weights",
        "Weights and the values that they may take",
        "Grey: the float weights of each layer. Under the axis, for each method, the values that weights may take in the output "
        "channel with the widest range; a bar where there are too many to tell apart. Weights beyond the last value are clipped, and "
        "those between two values are rounded.",
        f"Histograms of the float weights of {len(layers)} layers with the quantization levels of {listed(names)} below each. "
        f"The widest weights are those of {widest.name}, from {widest.edges[0]:.3g} to {widest.edges[-1]:.3g}.",
        lambda: draw(layers),
    )
