"""The roofline of a build: what its layers reach, below what the array and the memories' ports allow (Williams et al. 2009)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from boards.report.report import BuildReport, LayerReport
from weft.comparison.pictures.figure import COLORS, WIDTH, Picture, picture, short

_HEIGHT = 4.6
#: Layers that are named in the picture: those with the most cycles.
_NAMED_LAYERS = 4


@dataclass(frozen=True)
class Port:
    """A port that bounds operations per second: its name, bytes a second, and the bytes of a layer that go through it."""

    name: str
    bytes_per_second: float
    bytes_of: Callable[[LayerReport], int]
    marker: str
    color: str


def ports(report: BuildReport) -> tuple[Port, ...]:
    """The ports of the memories that feed the array; each gives a word a cycle."""
    config, hz = report.config, report.clock_mhz * 1e6
    weight_word = config.weight_rows_per_cycle * config.cols
    return (
        Port("activation memory", config.rows * hz, lambda layer: layer.traffic.words_read * config.rows, "o", COLORS[0]),
        Port("weight memory", weight_word * hz, lambda layer: layer.traffic.weight_words * weight_word, "s", COLORS[1]),
    )


def peak(report: BuildReport) -> float:
    """Operations a second of the whole array: a multiplication and an addition in every processing element, every cycle."""
    return 2 * report.config.rows * report.config.cols * report.clock_mhz * 1e6


def reached(report: BuildReport, layer: LayerReport) -> float:
    """Operations a second in a layer."""
    return 2 * layer.macs / layer.cycles * report.clock_mhz * 1e6


def roofline(report: BuildReport) -> Picture | None:
    """The picture; None for a network that multiplies nothing."""
    if not any(layer.macs for layer in report.layers):
        return None
    link = report.link
    slow = (
        "" if link is None else f"  The diamond is the whole network, the transfer of its input and output over the {link.link} included."
    )
    return picture(
        "roofline",
        "Roofline",
        f"Operations per second of each layer that multiplies, over operations per byte, at {report.clock_mhz:g} MHz; a multiply-"
        "accumulate is two operations.  A layer appears at its bytes of activations (circle) and at its bytes of weights (square), and is "
        f"bounded by the line of the same colour and by the array's peak.{slow}",
        f"Roofline: the array's peak is {peak(report) / 1e9:.3g} billion operations per second; the network reaches "
        f"{2 * report.macs / report.design.cycles * report.clock_mhz / 1e3:.3g} billion.",
        lambda: _draw(report),
    )


def _draw(report: BuildReport) -> Figure:
    figure = Figure(figsize=(WIDTH, _HEIGHT), layout="constrained")
    axis = figure.subplots()
    layers = [layer for layer in report.layers if layer.macs]
    top = peak(report)
    known = ports(report)
    points = [
        (2 * layer.macs / port.bytes_of(layer), reached(report, layer), port) for port in known for layer in layers if port.bytes_of(layer)
    ]
    network = 2 * report.macs / report.design.cycles * report.clock_mhz * 1e6
    link = report.link
    intensity = 2 * report.macs / (4 * sum(report.transfer_words)) if sum(report.transfer_words) else None
    low = min([x for x, _, _ in points] + ([intensity] if intensity else [])) / 2
    high = max([x for x, _, _ in points] + ([intensity] if intensity else []) + [top / min(port.bytes_per_second for port in known)]) * 2
    floor = min([y for _, y, _ in points] + [network]) / 3
    x = np.geomspace(low, high, 200)
    for port, width in zip(known, (3.0, 1.4), strict=True):  # both are seen where they are equally fast
        axis.plot(x, np.minimum(x * port.bytes_per_second, top), color=port.color, linewidth=width)
        axis.plot([], [], color=port.color, marker=port.marker, label=f"{port.name}, {port.bytes_per_second / 1e9:.3g} GB/s")
    if link is not None and intensity is not None:
        rate = 4 * sum(report.transfer_words) / (link.input_s + link.output_s)
        axis.plot(x, np.minimum(x * rate, top), color=COLORS[2], linewidth=1.4, linestyle="--")
        axis.plot([], [], color=COLORS[2], linestyle="--", marker="D", label=f"{link.link}, {rate / 1e6:.3g} MB/s")
        with_link = 2 * report.macs / report.interval_ms(link) * 1e3
        axis.plot([intensity], [with_link], color=COLORS[2], marker="D", markersize=7, linestyle="none")
        floor = min(floor, with_link / 3)
    axis.axhline(top, color="#555555", linewidth=1.0)
    axis.annotate(
        f"array, {report.config.rows} x {report.config.cols}: {top / 1e9:.3g} GOP/s",
        (low, top),
        (2, 3),
        textcoords="offset points",
        fontsize=8,
    )
    for at, height, port in points:
        axis.plot([at], [height], color=port.color, marker=port.marker, markersize=5, linestyle="none", markeredgecolor="white")
    taken: set[tuple[int, int]] = set()
    for layer in sorted(layers, key=lambda layer: -layer.cycles)[:_NAMED_LAYERS]:
        place = (2 * layer.macs / known[0].bytes_of(layer), reached(report, layer))
        spot = (round(8 * np.log10(place[0])), round(8 * np.log10(place[1])))
        if spot not in taken:
            axis.annotate(short(layer.name, 18), place, (6, -10), textcoords="offset points", fontsize=7.5)
        taken.add(spot)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlim(low, high)
    axis.set_ylim(floor, top * 2)
    axis.set_xlabel("operations per byte")
    axis.set_ylabel("operations per second")
    axis.grid(visible=True, which="major")
    figure.legend(loc="outside lower center", ncols=3)
    return figure
