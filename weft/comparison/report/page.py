"""A comparison as one HTML page that needs nothing else: no network, no other files, and no script to be read."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, select_autoescape

from weft.comparison.pictures.figure import Picture
from weft.comparison.row import Row
from weft.comparison.run import Comparison
from weft.version import VERSION


@dataclass(frozen=True)
class Column:
    """A column of the table: its head, what it means, and whether its cells are numbers."""

    head: str
    meaning: str
    numeric: bool = True


@dataclass(frozen=True)
class Cell:
    """What a cell shows, and the value that it is sorted by."""

    text: str
    value: str | float


COLUMNS = (
    Column("method", "what was done", numeric=False),
    Column("top-1", "share of evaluation inputs whose class is right: the mean over calibration draws ± their standard deviation"),
    Column("top-5", "share whose class is among the five best"),
    Column("as float", "share of inputs with the float network's class"),
    Column("worst SQNR", "signal-to-noise ratio of the worst tensor, in dB"),
    Column("integers", "whether it is of integers alone, so that the accelerator runs it bit for bit", numeric=False),
    Column("uniform", "whether the steps between weights are equal", numeric=False),
    Column("bits W / A", "mean bits of a stored weight, and of an activation"),
    Column("bytes", "of weights, biases, scales and zero points"),
    Column("MBOPS", "millions of bit operations of an inference"),
    Column("cycles", "of an inference on the accelerator"),
    Column("host ms", "of an inference in the golden model, on the machine that made this page"),
    Column("s", "seconds that quantization took"),
)


def page(comparison: Comparison, pictures: Sequence[Picture]) -> str:
    """The HTML text."""
    environment = Environment(
        loader=PackageLoader("weft.comparison.report", "."),
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    kept = [index for index in range(len(COLUMNS)) if any(cells(row)[index].text for row in comparison.rows)]
    return environment.get_template("page.html").render(
        comparison=comparison,
        columns=[COLUMNS[index] for index in kept],
        rows=[[cells(row)[index] for index in kept] for row in comparison.rows],
        notes=comparison.notes(),
        pictures=[(each, f"data:{each.media_type};base64,{base64.b64encode(each.data).decode()}") for each in pictures],
        version=VERSION,
    )


def cells(row: Row) -> list[Cell]:
    """The cells of a row, one for each of COLUMNS; empty ones are sorted last."""

    def share(value: float | None, deviation: float = 0.0) -> Cell:
        spread = f" ± {deviation:.1%}" if deviation else ""
        return Cell("", -1.0) if value is None else Cell(f"{value:.1%}{spread}", value)

    def number(value: float | None, text: str) -> Cell:
        return Cell("", -1.0) if value is None else Cell(text, value)

    worst = row.worst_sqnr
    return [
        Cell(row.name, row.name),
        share(row.accuracy, row.deviation),
        share(row.top5),
        share(row.agreement),
        number(worst, f"{worst:.1f}" if worst is not None else ""),
        Cell(*["yes"] * 2 if row.integer_only else ["no"] * 2),
        Cell(*["yes"] * 2 if row.uniform else ["no"] * 2),
        number(row.weight_bits * row.activation_bits, f"{row.weight_bits:.3g} / {row.activation_bits:.3g}"),
        number(row.size, f"{row.size:,}"),
        number(row.bops, f"{row.bops / 1e6:,.1f}"),
        number(row.cycles, f"{row.cycles:,}" if row.cycles is not None else ""),
        number(row.latency, f"{row.latency:.2f}"),
        number(row.seconds, f"{row.seconds:.1f}"),
    ]
