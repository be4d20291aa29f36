"""The loss around the weights of the float network and of methods, on the same random directions' lengths (Li et al. 2018)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from golden.training.landscape import Landscape
from weft.comparison.pictures.figure import COLORS, FLOAT_COLOR, WIDTH, Picture, listed, picture


def draw(landscapes: Mapping[str, Landscape]) -> Figure:
    """The loss along one line for all, and below it on a plane for each, in one scale of colours."""
    figure = Figure(figsize=(WIDTH, 4.8), layout="constrained")
    upper, lower = np.asarray(figure.subfigures(2, 1, height_ratios=[1.0, 1.15]))
    line = upper.subplots()
    for color, (name, one) in zip((FLOAT_COLOR, *COLORS), landscapes.items(), strict=False):
        wide = name == "float"  # so that it is seen under a method that changes little
        line.plot(one.steps, one.line, color=color, marker="o", markersize=6 if wide else 3, linewidth=4 if wide else 1.5, label=name)
    line.set_xlabel("step along a random direction, as a share of the weights' norm")
    line.set_ylabel("loss")
    line.set_yscale("log")
    line.yaxis.set_major_formatter("{x:g}")
    line.yaxis.set_minor_formatter(LogFormatter(labelOnlyBase=False, minor_thresholds=(0.8, 0.4)))
    line.grid(visible=True)
    line.legend(loc="upper center", ncols=len(landscapes))
    least = max(min(float(one.plane.min()) for one in landscapes.values()), 1e-3)
    most = max(float(one.plane.max()) for one in landscapes.values())
    norm = LogNorm(least, max(most, least * 1.01))
    axes = lower.subplots(1, len(landscapes), squeeze=False, sharey=True)[0]
    image = None
    for axis, (name, one) in zip(axes, landscapes.items(), strict=True):
        plane = np.maximum(one.plane, least)
        ends = (one.steps[0], one.steps[-1])
        image = axis.imshow(plane.T, origin="lower", extent=(*ends, *ends), norm=norm, cmap="viridis", interpolation="bilinear")
        axis.contour(
            one.steps, one.steps, plane.T, levels=np.geomspace(norm.vmin or 1.0, norm.vmax or 2.0, 12), colors="white", linewidths=0.6
        )
        axis.plot(0, 0, marker="+", color="white", markersize=7)
        axis.set_title(name)
        axis.set_xlabel("first direction")
        axis.set_xticks([one.steps[0], 0, one.steps[-1]])
        axis.set_yticks([one.steps[0], 0, one.steps[-1]])
    axes[0].set_ylabel("second direction")
    if image is not None:
        bar = lower.colorbar(image, ax=axes, label="loss", aspect=25, pad=0.01)
        bar.ax.yaxis.set_major_formatter("{x:g}")
        bar.ax.yaxis.set_minor_formatter(LogFormatter(labelOnlyBase=False, minor_thresholds=(0.8, 0.4)))
    return figure


def loss_landscape(landscapes: Mapping[str, Landscape], inputs: int, labelled: bool) -> Picture:
    """The picture; landscapes by name, the float network's first, of the cross-entropy over so many evaluation inputs."""
    middle = {name: float(one.line[len(one.line) // 2]) for name, one in landscapes.items()}
    edge = {name: float((one.line[0] + one.line[-1]) / 2) for name, one in landscapes.items()}
    what = "their labels" if labelled else "the float network's classes"
    said = listed([f"{name} from {middle[name]:.2g} to {edge[name]:.2g}" for name in landscapes])
    return picture(
        "loss-landscape",
        "Loss landscape",
        f"Cross-entropy of {inputs} evaluation inputs with {what} at weights moved along random directions, which are scaled channel by "
        "channel to the weights (SPEC section 16). The middle is the network itself; quantized networks start at the values that their "
        "integers stand for. A wide minimum forgives more.",
        f"The loss along a random direction, at its middle and at the mean of its ends: {said}; and on a plane of two directions for each.",
        lambda: draw(landscapes),
        "png",
    )
