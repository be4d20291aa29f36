"""A scatter of methods: what each costs, and how well it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from weft.comparison.pictures.accuracy_axis import accuracy_axis, forward, limits
from weft.comparison.pictures.figure import COLORS, FLOAT_COLOR
from weft.comparison.pictures.label_column import spread
from weft.comparison.row import Row

#: Where labels begin, as a share of the panel's width.
_COLUMN = 1.03
#: What is told apart, with colour and form.
KINDS = {
    "float": (FLOAT_COLOR, "s"),
    "integers alone": (COLORS[0], "o"),
    "integers alone, trained": (COLORS[1], "^"),
    "golden model only": (COLORS[2], "D"),
}


@dataclass(frozen=True)
class Point:
    """A method: its name and kind, its cost, and its accuracy from 0 to 1 with a standard deviation."""

    name: str
    kind: str
    cost: float
    accuracy: float
    deviation: float


def quality(row: Row) -> float:
    """The accuracy, or, without labels, the agreement with the float network."""
    return row.agreement if row.accuracy is None else row.accuracy


def quality_name(rows: Sequence[Row]) -> str:
    """What `quality` is."""
    return "agreement with float" if rows[0].accuracy is None else "top-1 accuracy"


def kind(row: Row) -> str:
    """Which of KINDS a method is."""
    if row.name == "float":
        return "float"
    return "golden model only" if not row.integer_only else "integers alone, trained" if row.trained else "integers alone"


def point(row: Row, cost: float) -> Point:
    """A row at its cost."""
    return Point(row.name, kind(row), cost, quality(row), row.deviation)


def draw_points(axis: Axes, points: Sequence[Point], label: str) -> None:
    """Points with their labels in a column on the right; `label` is of the vertical axis."""
    for name, (color, marker) in KINDS.items():
        own = [each for each in points if each.kind == name]
        if own:
            axis.scatter([each.cost for each in own], [each.accuracy for each in own], c=color, marker=marker, s=26, label=name, zorder=3)
    for each in points:
        if each.deviation:
            axis.errorbar(each.cost, each.accuracy, each.deviation, color=KINDS[each.kind][0], linewidth=1, zorder=2)
    low, high = limits([each.accuracy for each in points])
    accuracy_axis(axis, low, high, label)
    axis.grid(visible=True)
    _labels(axis, points, low, high)


def _labels(axis: Axes, points: Sequence[Point], low: float, high: float) -> None:
    ordered = sorted(points, key=lambda each: (each.accuracy, each.cost))
    places = spread([(float(forward(each.accuracy)) - low) / (high - low) for each in ordered], label_gap(len(points)), 0.0, 1.0)
    for each, place in zip(ordered, places, strict=True):
        axis.annotate(
            f"{each.name}  {each.accuracy:.1%}",
            (each.cost, each.accuracy),
            xytext=(_COLUMN, float(place)),
            textcoords="axes fraction",
            fontsize=7,
            va="center",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "relpos": (0, 0.5),
                "color": KINDS[each.kind][0],
                "linewidth": 0.5,
                "alpha": 0.55,
                "shrinkA": 0,
                "shrinkB": 2,
            },
        )


def legend_of_kinds(axis: Axes) -> None:
    """A legend above a panel, where it hides nothing."""
    axis.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=5, fontsize=7.5, columnspacing=1.2, handletextpad=0.3, borderpad=0.2)


def label_gap(count: int) -> float:
    """The distance of labels, as a share of the height of a panel that `panel_height` made."""
    return 0.155 / panel_height(count)


def panel_height(count: int) -> float:
    """Inches of a panel with room for so many labels."""
    return max(2.6, 0.16 * count)
