"""The filters of the first and of the last layer with weights, before and after quantization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from golden.float_graph import FloatDepthwiseConv2d, FloatFullyConnected, FloatGraph, FloatWeightedOp
from weft.comparison.pictures.figure import WIDTH, Picture, listed, picture, short
from weft.comparison.pictures.subject import Subject

Float64 = npt.NDArray[np.float64]

FILTERS = 12


@dataclass(frozen=True, eq=False)
class LayerFilters:
    """The filters of a layer.

    kernels: by method, the float network's first: float64[n, kh, kw], of the first input channel, the first n output channels; or
             float64[1, Cout, K], all weights as one matrix, where kernels are single weights.
    errors:  root mean square error of all weights of the layer, as a share of the float weights' root mean square.
    """

    name: str
    kernels: Mapping[str, Float64]
    errors: Mapping[str, float]


def gather(graph: FloatGraph, subjects: Sequence[Subject]) -> tuple[LayerFilters, ...]:
    """Of the first and the last layer with weights; of one where there is but one."""
    weighted = graph.weighted_ops()
    ends = weighted[:1] if len(weighted) == 1 else (weighted[0], weighted[-1])
    return tuple(_layer(op, subjects) for op in ends)


def _layer(op: FloatWeightedOp, subjects: Sequence[Subject]) -> LayerFilters:
    kernels, errors = {"float": _kernels(op, op.weight)}, {}
    energy = float((op.weight**2).sum())
    for each in subjects:
        weight = each.weight(op)
        kernels[each.name] = _kernels(op, weight)
        errors[each.name] = float(np.sqrt(((weight - op.weight) ** 2).sum() / energy)) if energy else 0.0
    return LayerFilters(op.name, kernels, errors)


def _kernels(op: FloatWeightedOp, weight: Float64) -> Float64:
    if isinstance(op, FloatDepthwiseConv2d):
        stack = np.moveaxis(weight, -1, 0)
    elif isinstance(op, FloatFullyConnected):
        return weight[None]
    else:
        stack = weight[..., 0]
    if stack.shape[1] * stack.shape[2] == 1:
        return weight.reshape(1, weight.shape[0], -1)
    return np.asarray(stack[:FILTERS])


def draw(layers: Sequence[LayerFilters]) -> Figure:
    """For each layer a row of filters for the float network and for each method, in one scale of colours."""
    heights = [_row_height(layer) * len(layer.kernels) + 0.4 for layer in layers]
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    parts = figure.subfigures(len(layers), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, layer in zip(parts, layers, strict=True):
        _draw_layer(part, layer)
    return figure


def _row_height(layer: LayerFilters) -> float:
    _, rows, columns = layer.kernels["float"].shape
    if len(layer.kernels["float"]) > 1:
        return 0.52 * float(np.clip(rows / columns, 0.6, 2.5))
    return float(np.clip(0.07 * rows, 0.35, 1.1))


def _draw_layer(part: SubFigure, layer: LayerFilters) -> None:
    count = len(layer.kernels["float"])
    largest = float(np.abs(layer.kernels["float"]).max()) or 1.0
    ratios = [0.2] + [0.8 / count] * count
    axes = part.subplots(len(layer.kernels), count + 1, squeeze=False, width_ratios=ratios)
    for row, (name, kernels) in enumerate(layer.kernels.items()):
        axes[row][0].set_axis_off()
        label = name if name == "float" else f"{short(name, 22)}\nerror {layer.errors[name]:.1%}"
        axes[row][0].text(0.95, 0.5, label, transform=axes[row][0].transAxes, ha="right", va="center", fontsize=8)
        for axis, kernel in zip(axes[row][1:], kernels, strict=True):
            _image(axis, kernel, largest)
    part.suptitle(short(layer.name, 70), x=0.01, ha="left", fontsize=9)


def _image(axis: Axes, kernel: Float64, largest: float) -> None:
    axis.imshow(kernel, cmap="RdBu_r", vmin=-largest, vmax=largest, interpolation="nearest", aspect="auto")
    axis.set_xticks([])
    axis.set_yticks([])


def filters(graph: FloatGraph, subjects: Sequence[Subject]) -> Picture:
    """The picture."""
    layers = gather(graph, subjects)
    errors = listed([f"{name} {error:.1%} in {layer.name}" for layer in layers for name, error in layer.errors.items()])
    return picture(
        "filters",
        "First and last filters before and after",
        f"Red is positive, blue negative, white 0; one scale of colours a layer. Of convolutions up to {FILTERS} kernels of the first "
        "input channel; of layers of single weights the matrix, an output channel a row. The error is the root mean square of all weights' "
        "differences from the float weights, as a share of these.",
        f"Filters of {listed([layer.name for layer in layers])} as images, for the float network and each method. Errors: {errors}.",
        lambda: draw(layers),
        "png",
    )
