"""The signal-to-noise ratio of every layer's output by every method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from golden.float_graph import FloatGraph
from golden.parameters import has_own_range
from weft.comparison.pictures.figure import WIDTH, Picture, picture, short
from weft.comparison.pictures.tensor_label import tensor_label
from weft.comparison.row import Row

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayerNoise:
    """dB of each tensor, called by its layer, by each method, float64[tensors, methods]; NaN where a tensor has no noise."""

    tensors: tuple[str, ...]
    methods: tuple[str, ...]
    ratios: Float64


def gather(graph: FloatGraph, rows: Sequence[Row]) -> LayerNoise:
    """Of the tensors with a range of their own, in execution order; `rows` are those of a comparison, without the float network."""
    tensors = tuple(name for name in graph.tensors if has_own_range(graph, name) and any(name in row.sqnr for row in rows))
    ratios = np.array([[row.sqnr.get(name, np.nan) for row in rows] for name in tensors]).reshape(len(tensors), len(rows))
    return LayerNoise(tuple(tensor_label(graph, name) for name in tensors), tuple(row.name for row in rows), ratios)


def draw(noise: LayerNoise) -> Figure:
    """A table of colours with the numbers in it: tensors from top to bottom, methods from left to right."""
    rows, columns = noise.ratios.shape
    figure = Figure(figsize=(WIDTH, 0.19 * rows + 2.3), layout="constrained")
    axis = figure.subplots()
    image = axis.imshow(noise.ratios, aspect="auto", cmap="viridis", vmin=0, vmax=max(40.0, float(np.nanmax(noise.ratios, initial=0))))
    axis.set_xticks(range(columns), [short(name, 36) for name in noise.methods], rotation=60, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(rows), [short(name, 26) for name in noise.tensors])
    axis.tick_params(length=0)
    size = min(7.5, 170 / columns)
    for (row, column), ratio in np.ndenumerate(noise.ratios):
        if np.isfinite(ratio):
            red, green, blue, _ = image.to_rgba(np.asarray(ratio))
            light = 0.299 * red + 0.587 * green + 0.114 * blue > 0.5
            axis.text(column, row, f"{round(ratio)}", ha="center", va="center", fontsize=size, color="black" if light else "white")
    figure.colorbar(image, ax=axis, label="signal to noise in dB", pad=0.01, aspect=30)
    return figure


def layer_noise(graph: FloatGraph, rows: Sequence[Row]) -> Picture:
    """The picture."""
    noise = gather(graph, rows)
    worst = "No tensor has noise."
    if np.isfinite(noise.ratios).any():
        row, column = np.unravel_index(int(np.nanargmin(noise.ratios)), noise.ratios.shape)
        worst = f"The least is {noise.ratios[row, column]:.1f} dB, of {noise.tensors[row]} by {noise.methods[column]}."
    return picture(
        "layer-noise",
        "Signal to noise of every layer",
        "Of each tensor, from the network's input at the top to its output at the bottom: 10 log10 of the float values' energy over that "
        "of their difference from the quantized ones. 6 dB are about one bit. What trains moves the values away from the float network's "
        "on purpose: there a low ratio is no loss of accuracy.",
        f"A table of colours: signal-to-noise ratios of {len(noise.tensors)} tensors by {len(noise.methods)} methods. {worst}",
        lambda: draw(noise),
    )
