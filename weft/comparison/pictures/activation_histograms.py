"""The values of every activation tensor, and the range that each method represents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from golden.float_graph import FloatGraph
from golden.parameters import has_own_range
from weft.comparison.pictures.figure import COLORS, FLOAT_COLOR, Picture, grid, listed, picture, short
from weft.comparison.pictures.legend import legend_above
from weft.comparison.pictures.subject import Subject
from weft.comparison.pictures.tensor_label import tensor_label
from weft.comparison.pictures.under_axis import room_below, strip, window

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

BINS = 80


@dataclass(frozen=True)
class Representable:
    """What a method's integers can stand for: real values from low to high, and the share of the float values outside."""

    low: float
    high: float
    clipped: float


@dataclass(frozen=True, eq=False)
class TensorValues:
    """The values of an activation tensor of the float network.

    name:   of the layer that writes it, or of the network's input.
    edges:  float64[B + 1]; counts: int64[B], how many values lie between two edges.
    ranges: by method; methods without a fixed range are left out.
    """

    name: str
    edges: Float64
    counts: Int64
    ranges: Mapping[str, Representable]


def gather(graph: FloatGraph, tensors: Mapping[str, npt.NDArray[np.floating]], subjects: Sequence[Subject]) -> tuple[TensorValues, ...]:
    """Of every tensor that has a range of its own; `tensors` are those of the float network for some inputs, float[N, *shape]."""
    found = []
    for name in graph.tensors:
        if not has_own_range(graph, name):
            continue
        values = tensors[name].astype(np.float64).ravel()
        counts, edges = np.histogram(values, bins=BINS)
        ranges = {}
        for each in subjects:
            ends = each.activation_range(name)
            if ends is not None:
                ranges[each.name] = Representable(*ends, clipped=float(((values < ends[0]) | (values > ends[1])).mean()))
        found.append(TensorValues(tensor_label(graph, name), edges, counts.astype(np.int64), ranges))
    return tuple(found)


def draw(tensors: Sequence[TensorValues], names: Sequence[str]) -> Figure:
    """A panel for each tensor: the histogram with a logarithmic axis, and under it the range of each method."""
    figure, axes = grid(len(tensors), 2, 1.6 + 0.15 * len(names), top=0.35)
    for axis, tensor in zip(axes, tensors, strict=True):
        # Drawn as log10(1 + count): most values of a tensor after a ReLU are 0, and a bin of 1 must still be seen.
        heights = np.log10(1 + tensor.counts.astype(np.float64))
        top = float(heights.max())
        axis.stairs(heights, tensor.edges, fill=True, color=FLOAT_COLOR)
        axis.set_title(short(tensor.name), loc="left")
        axis.set_ylabel("values")
        room_below(axis, top, len(names))
        ticks = [0, *(power for power in range(1, int(top) + 1) if power % (1 if top < 4 else 2) == 0)]
        axis.set_yticks([float(np.log10(1 + 10**power)) if power else 0.0 for power in ticks])
        axis.set_yticklabels(["0" if power == 0 else f"$10^{power}$" for power in ticks])
        axis.locator_params(axis="x", nbins=6)
        ends = [*tensor.edges[[0, -1]], *(end for one in tensor.ranges.values() for end in (one.low, one.high))]
        left, right = window(tensor.edges[0], tensor.edges[-1], ends)
        span = right - left
        axis.set_xlim(left, right + 0.28 * span)
        for place, name in enumerate(names):
            if name in tensor.ranges:
                one, (low, high) = tensor.ranges[name], strip(top, place)
                end = min(one.high, right)
                axis.fill_between([max(one.low, left), end], low, high, color=COLORS[place], linewidth=0)
                text = f"{_share(one.clipped)} clipped" + (f", to {one.high:.3g}" if end < one.high else "")
                axis.text(end + 0.015 * span, (low + high) / 2, text, fontsize=6.5, va="center", color="#222222")
    legend_above(figure, [FLOAT_COLOR, *COLORS[: len(names)]], ["float activations", *names])
    return figure


def _share(clipped: float) -> str:
    return "none" if clipped == 0 else "<0.01%" if clipped < 1e-4 else f"{clipped:.2%}"


def activation_histograms(graph: FloatGraph, tensors: Mapping[str, npt.NDArray[np.floating]], subjects: Sequence[Subject]) -> Picture:
    """The picture."""
    found = gather(graph, tensors, subjects)
    names = [each.name for each in subjects]
    images = len(next(iter(tensors.values())))
    clipped = [(one.clipped, tensor.name, name) for tensor in found for name, one in tensor.ranges.items()]
    share, where, by = max(clipped, default=(0.0, "", ""))
    most = f"{by} clips most, {share:.2%} of {where}." if share else "Nothing is clipped."
    return picture(
        "activations",
        "Activations and the range that is represented",
        f"Grey: the values of each tensor in the float network over {images} evaluation inputs, on a logarithmic axis. Under the axis, for "
        "each method, the range that its integers represent, and the share of the float values outside of it, which are clipped.",
        f"Histograms of {len(found)} activation tensors with the representable ranges of {listed(names)} below each. {most}",
        lambda: draw(found, names),
    )
