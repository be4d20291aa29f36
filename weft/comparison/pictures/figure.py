"""How all pictures look, and how a figure becomes a file."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: Inches: the width of a page's text, so that letters have their real size there.
WIDTH = 8.0
#: Of the float network, then of methods: told apart by all kinds of colour vision (Okabe and Ito 2008).
FLOAT_COLOR = "#8a8a8a"
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
#: Dots an inch of pictures made of pixels: two for each of a screen's.
DOTS = 192

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.labelsize": 9.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "svg.hashsalt": "weft",
    "svg.fonttype": "path",
}


@dataclass(frozen=True, eq=False)
class Picture:
    """A drawn picture.

    name:    of its file, without the ending.
    title:   above it.
    caption: what is drawn, and how to read it.
    alt:     what it shows, in words, for who cannot see it.
    kind:    "svg" or "png", the ending of its file.
    data:    the file.
    """

    name: str
    title: str
    caption: str
    alt: str
    kind: str
    data: bytes

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.name}.{self.kind}"

    @property
    def media_type(self) -> str:
        """As the web calls it."""
        return "image/svg+xml" if self.kind == "svg" else "image/png"


def picture(name: str, title: str, caption: str, alt: str, draw: Callable[[], Figure], kind: str = "svg") -> Picture:
    """Draws a figure in the common style.  The same numbers give the same bytes."""
    with style():
        figure = draw()
        file = io.BytesIO()
        metadata = {"Date": None} if kind == "svg" else {}
        figure.savefig(file, format=kind, dpi=DOTS, metadata=metadata)
    return Picture(name, title, caption, alt, kind, file.getvalue())


@contextmanager
def style() -> Iterator[None]:
    """The common style, for what is made inside."""
    with matplotlib.rc_context(_STYLE):
        yield


def grid(count: int, columns: int, height: float, top: float = 0.0) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels in rows of `columns`, each `height` inches high, with `top` inches above them."""
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDTH, rows * height + top), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for axis in axes[count:]:
        axis.set_axis_off()
    return figure, axes[:count]


def short(name: str, length: int = 34) -> str:
    """A name that fits into a picture: of a long one, the two ends."""
    if len(name) <= length:
        return name
    half = (length - 1) // 2
    return f"{name[: length - 1 - half]}…{name[-half:]}"


def listed(names: Sequence[str]) -> str:
    """Names as part of a sentence."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "none"
