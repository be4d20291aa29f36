"""A legend above all panels of a figure."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.patches import Patch


def legend_above(figure: Figure, colors: Sequence[str], names: Sequence[str]) -> None:
    """A patch of each colour with its name, in one line."""
    handles = [Patch(facecolor=color) for color in colors]
    figure.legend(handles, list(names), loc="outside upper left", ncols=len(names), handlelength=1.2, columnspacing=1.4)
