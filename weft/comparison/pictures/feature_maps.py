"""What the first convolution makes of one image, before and after quantization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from golden.evaluation import Noise, real_tensors
from golden.float_graph import FloatConv2d, FloatDepthwiseConv2d, FloatGraph
from weft.comparison.pictures.figure import WIDTH, Picture, listed, picture, short
from weft.comparison.pictures.subject import Subject

Float64 = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]

CHANNELS = 8


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """The output of the first convolution for one image.

    layer:    its name; channels: which of its output channels, those with the greatest variance in the float network.
    image:    float64[H, W] or [H, W, 3], what the network sees.
    maps:     float64[C, H, W] by method, the float network's first.
    ratios:   dB of the whole output by method; infinite without noise.
    """

    layer: str
    channels: tuple[int, ...]
    image: Float64
    maps: Mapping[str, Float64]
    ratios: Mapping[str, float]


def gather(graph: FloatGraph, inputs: Mapping[str, Float32], subjects: Sequence[Subject]) -> FeatureMaps | None:
    """For one image, float32[1, *shape] per input; None where the network has no convolution over a map."""
    op = next((op for op in graph.ops if isinstance(op, FloatConv2d | FloatDepthwiseConv2d)), None)
    if op is None or min(graph.tensors[op.output].shape[:2]) < 2:
        return None
    exact = real_tensors(graph, inputs)[op.output]
    variance = exact[0].astype(np.float64).var(axis=(0, 1))
    channels = np.sort(np.argsort(-variance, kind="stable")[:CHANNELS])
    maps, ratios = {"float": _chosen(exact, channels)}, {}
    for each in subjects:
        made = real_tensors(each.quantized.network, inputs)[op.output]
        noise = Noise()
        noise.update({op.output: exact}, {op.output: made})
        maps[each.name], ratios[each.name] = _chosen(made, channels), noise.sqnr()[op.output]
    return FeatureMaps(op.name, tuple(int(c) for c in channels), _shown(inputs[graph.inputs[0]][0]), maps, ratios)


def _chosen(tensor: npt.NDArray[np.floating], channels: npt.NDArray[np.int64]) -> Float64:
    return np.moveaxis(tensor[0][..., channels].astype(np.float64), -1, 0)


def _shown(image: Float32) -> Float64:
    """An input as brightness from 0 to 1: three channels are colours, of others the first is shown."""
    values = image.astype(np.float64) if image.ndim == 3 else image.astype(np.float64).reshape(1, -1, 1)
    values = values if values.shape[-1] == 3 else values[..., 0]
    low, high = values.min(), values.max()
    return np.asarray((values - low) / (high - low if high > low else 1.0))


def draw(found: FeatureMaps) -> Figure:
    """The image, then a row of maps for the float network and for each method; a channel has one scale of colours in all rows."""
    names, count = list(found.maps), len(found.channels)
    height, width = found.maps["float"].shape[1:]
    cell = 0.76 * min(max(height / width, 0.6), 2.2)
    figure = Figure(figsize=(WIDTH, (cell + 0.06) * len(names) + 0.35), layout="constrained")
    axes = figure.subplots(len(names), count + 1, squeeze=False, width_ratios=[1.5] + [1.0] * count)
    for row, name in enumerate(names):
        label = "float" if name == "float" else f"{_lines(name)}\n{found.ratios[name]:.1f} dB"
        axes[row][0].set_axis_off()
        axes[row][0].text(0.95, 0.5, label, transform=axes[row][0].transAxes, ha="right", va="center", fontsize=8)
        for column, channel in enumerate(found.channels):
            axis, reference = axes[row][column + 1], found.maps["float"][column]
            axis.imshow(
                found.maps[name][column], cmap="magma", vmin=reference.min(), vmax=reference.max(), interpolation="nearest", aspect="auto"
            )
            axis.set_xticks([])
            axis.set_yticks([])
            if row == 0:
                axis.set_title(f"channel {channel}", fontsize=8)
    return figure


def _lines(name: str) -> str:
    """A long name in two lines."""
    words = name.split(" ")
    return name if len(name) <= 13 or len(words) == 1 else " ".join(words[: len(words) // 2]) + "\n" + " ".join(words[len(words) // 2 :])


def feature_maps(graph: FloatGraph, inputs: Mapping[str, Float32], subjects: Sequence[Subject]) -> Picture | None:
    """The picture; None where there is nothing to show."""
    found = gather(graph, inputs, subjects)
    if found is None:
        return None
    ratios = listed([f"{name} {ratio:.1f} dB" for name, ratio in found.ratios.items()])
    return picture(
        "feature-maps",
        "Feature maps before and after",
        f"The output of the first convolution, {short(found.layer, 60)}, for the first evaluation input; the {len(found.channels)} "
        "channels that vary most. Each channel has the same scale of colours in all rows, and the ratio is that of the whole output.",
        f"Rows of feature maps of {found.layer}: the float network's, and those of {ratios} of signal to noise.",
        lambda: draw(found),
        "png",
    )
