"""`weft analyze`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weft.cli.configuration import as_parameters, configuration_options, flag, given
from weft.cli.options import json_option, network_argument
from weft.cli.resources import as_json_values, show_candidates, show_estimates, show_on_board
from weft.cli.terminal import Report

if TYPE_CHECKING:
    from boards.budget import Candidate
    from hwgen.compiler.analysis import Analysis
    from hwgen.compiler.fitting import Fit
    from hwgen.estimate.estimate import Estimate


@click.command()
@network_argument
@click.option("--board", metavar="NAME", help="Compare with this board's device; the accelerator is the board's unless one is given.")
@configuration_options
@json_option
def analyze(network: Path, board: str | None, config: str | None, as_json: bool, **parameters: int | str | None) -> None:
    """Say what a network takes of an accelerator: cycles, exactly those of the hardware, utilization and memory, layer by layer.

    Nothing is generated; the numbers are the compiler's.  Also says of every named configuration whether the network fits, what it
    lacks, and what would help.  The resources of a device are those of the accelerator behind a serial line: multipliers and memory
    blocks are counted as synthesis does, tables and flip-flops estimated by formulas fitted to synthesized designs.
    """
    from weft import api
    from weft.configuration import label

    report = Report(as_json)
    analysis = api.analyze(network, config=config, board=board, **given(parameters))
    name = label(analysis.config)
    _tables(report, analysis, name)
    if board is None:  # on a board memories follow the network, and its device decides
        _configurations(report, analysis, name)
    estimates = api.estimates(analysis.config)
    candidates = () if board is None else api.budget(network, board)
    lacks = _on_board(report, board, estimates[0], candidates) if board is not None else []
    if board is None:
        show_estimates(report, estimates)
    report.result(
        {
            "network": analysis.network,
            "configuration": name,
            "config": analysis.config.to_json(),
            "cycles": analysis.cycles,
            "macs": analysis.macs,
            "utilization": analysis.utilization,
            "layers": [asdict(layer) for layer in analysis.layers],
            "host": list(analysis.host),
            "memory": [{**asdict(demand), "fits": demand.fits} for demand in analysis.memory],
            "resources": {
                each.family.value: {**each.total.to_json(), "parts": {part: list(cells) for part, cells in each.parts.items()}}
                for each in estimates
            },
            **(
                {"board": {"name": board, "fits": not lacks, "lacks": lacks, "candidates": [as_json_values(each) for each in candidates]}}
                if board is not None
                else {}
            ),
            "weight_bytes": analysis.weight_bytes,
            "peak_activation_bytes": analysis.act_bytes,
            "transfer_words": dict(zip(("input", "output"), analysis.transfer_words, strict=True)),
            "fits": {each: fit.fits for each, fit in _all(analysis, name).items()},
            "lacks": {each: list(fit.lacks) for each, fit in _all(analysis, name).items() if fit.lacks},
            "configurations": {
                each: {
                    "fits": fit.fits,
                    "cycles": fit.cycles,
                    "memory": [{**asdict(demand), "fits": demand.fits} for demand in fit.memory],
                    "lacks": list(fit.lacks),
                    "enough": None if fit.enough is None else fit.enough.to_json(),
                }
                for each, fit in _all(analysis, name).items()
            },
        }
    )


def _on_board(report: Report, board: str, estimate: Estimate, candidates: Sequence[Candidate]) -> list[str]:
    """Shows what the accelerator takes of the board; gives what the board lacks."""
    from boards.definitions import find_board
    from boards.fit import shortages

    found = find_board(board)
    show_on_board(report, found, estimate)
    lacks = shortages(estimate.total.to_json(), found.capacity)
    report.note(f"{found.title} has room for it" if not lacks else f"{found.title} has NO room for it: {'; '.join(lacks)}")
    show_candidates(report, f"configurations on {found.title}, with the least memories that hold the network", candidates)
    if lacks:
        fitting = [each.name for each in candidates if each.fits]
        report.note(
            f"{', '.join(fitting)} would fit" if fitting else "none of these would fit; a larger device is needed, or a smaller network"
        )
    return lacks


def _all(analysis: Analysis, name: str) -> dict[str, Fit]:
    """The named configurations, and the one that was analyzed where it is none of them."""
    return {name: analysis.fit, **analysis.configurations} if name not in analysis.configurations else dict(analysis.configurations)


def _tables(report: Report, analysis: Analysis, name: str) -> None:
    config = analysis.config
    size = f"{config.rows} x {config.cols}"
    lanes = "1 lane" if config.lanes == 1 else f"{config.lanes} lanes"
    report.table(
        f"{analysis.network} on {name}: {'' if name == size else f'{size}, '}{lanes}, rescale format {config.rescale}",
        ["layer", "kind", "MACs", "cycles", "array", "limited by", "weight bytes"],
        [
            [
                layer.name,
                layer.kind,
                layer.macs or "",
                layer.cycles,
                f"{layer.utilization:.1%}" if layer.macs else "",
                layer.limit,
                layer.weight_bytes or "",
            ]
            for layer in analysis.layers
        ],
    )
    report.note(f"{analysis.cycles:,} cycles per inference; {analysis.macs:,} MACs, {analysis.utilization:.1%} of what the array could do")
    report.note(f"{analysis.weight_bytes:,} bytes of weights, {analysis.act_bytes:,} bytes of activations at the peak")
    before, after = analysis.transfer_words
    report.note(f"the host writes {before:,} words of 32 bits before an inference and reads {after:,} after it, beside the cycles")
    if analysis.host:
        report.note(f"after that, on the host: {', '.join(analysis.host)}")
    report.table(
        f"memories of {name}",
        ["", "option", "needed", "there", "unit", "used"],
        [
            [
                demand.memory,
                flag(demand.parameter),
                demand.need,
                demand.have,
                demand.unit,
                f"{demand.need / demand.have:.0%}" if demand.fits and demand.have else ("" if demand.fits else "TOO SMALL"),
            ]
            for demand in analysis.memory
        ],
    )


def _configurations(report: Report, analysis: Analysis, name: str) -> None:
    """Which configurations hold the network, as they are."""
    fits = _all(analysis, name)
    report.table(
        "configurations, with the network's rescale format",
        ["", "array", "cycles", "fits", "lacks"],
        [
            [
                each,
                f"{fit.config.rows} x {fit.config.cols}",
                "" if fit.cycles is None else fit.cycles,
                "yes" if fit.fits else "NO",
                "\n".join(fit.lacks),
            ]
            for each, fit in fits.items()
        ],
    )
    for line in _help(fits):
        report.note(line)


def _help(fits: dict[str, Fit]) -> Iterator[str]:
    """What would help where the network does not fit."""
    if all(fit.fits for fit in fits.values()):
        return
    large = [name for name, fit in fits.items() if fit.fits]
    yield f"The network fits {', '.join(large)}." if large else "The network fits none of these configurations."
    for name, fit in fits.items():
        if not fit.fits and fit.enough is not None:
            from hwgen.compiler.fitting import memory_bytes

            have, need = memory_bytes(fit.config), memory_bytes(fit.enough)
            yield f"{name} with {need / 1024:,.0f} KB of memories instead of {have / 1024:,.0f} KB would do: {as_parameters(fit.config)}"
