"""`weft run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weft.cli.options import images_option, inputs_option, json_option, layout_option, values_option
from weft.cli.terminal import FINE, MISMATCH, Report

if TYPE_CHECKING:
    from weft.board_run import BoardRun


@click.command("run")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--port", metavar="PORT", required=True, help="The board's serial port, such as /dev/ttyUSB0.")
@inputs_option
@images_option
@click.option("-o", "--output", metavar="OUT.npz", type=click.Path(path_type=Path), help="Write the outputs, as `weft predict` does.")
@click.option("--compare", metavar="NET", type=click.Path(path_type=Path), help="Compare every output with the golden model.")
@click.option(
    "--baud",
    metavar="N",
    type=click.IntRange(min=1),
    default=1_000_000,
    show_default=True,
    help="The rate that the bitstream was made for.",
)
@click.option(
    "--load/--loaded",
    "load",
    default=None,
    help="Write the network into the board's memories, whatever they hold; or never do.  Default: if they hold nothing, and an error "
    "if they hold another network.",
)
@click.option(
    "--timeout",
    metavar="S",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    help="Seconds for an inference.",
)
@layout_option
@values_option
@json_option
def run_command(
    folder: Path,
    port: str,
    inputs: Path,
    images: int | None,
    output: Path | None,
    compare: Path | None,
    baud: int,
    load: bool | None,
    timeout: float,
    layout: str | None,
    values: str | None,
    as_json: bool,
) -> int:
    """Run a network on a board, over its serial port.

    DIR is the folder that `weft build` wrote, or the one of `weft generate` that the board's bitstream was made of.  With --compare
    the exit code is 1 where an output is not the golden model's, bit for bit.
    """
    from weft.board_run import run_on_board

    report = Report(as_json)
    with report.progress() as progress:
        found = run_on_board(
            folder,
            port,
            inputs,
            baud=baud,
            images=images,
            compare=compare,
            output=output,
            loaded=None if load is None else not load,
            timeout_s=timeout,
            layout=layout,
            values=values,
            progress=progress,
        )
    _show(report, found, output)
    report.result({**found.to_json(), "output": None if output is None else str(output)})
    return MISMATCH if found.equal is False else FINE


def _show(report: Report, found: BoardRun, output: Path | None) -> None:
    """The run for people."""
    images, times = found.prediction.images, found.results.times
    accuracy = found.prediction.accuracy
    report.note(f"{images} inputs" + ("" if accuracy is None else f", {accuracy:.2%} as labelled"))
    report.note(
        f"{found.results.cycles:,} cycles per inference, {found.accelerator_seconds / images * 1e3:.3f} ms at {found.clock_hz / 1e6:g} MHz"
    )
    rows = [
        ["loading the network", f"{times.load:.3f}", ""],
        ["transferring inputs and outputs", f"{times.transfer:.3f}", f"{times.transfer / images * 1e3:.3f}"],
        ["computing, as the host sees it", f"{times.compute:.3f}", f"{times.compute / images * 1e3:.3f}"],
    ]
    report.table("one after the other, by the host's clock", ["", "seconds", "ms per input"], rows)
    if found.repeated:
        report.note(f"{found.repeated} requests had to be sent again: the line is disturbed; check the cable, or choose a lower baud rate")
    if found.different is not None:
        report.note(
            "every output is the golden model's, bit for bit" if found.equal else f"{found.different} of {images} inputs: NOT EQUAL"
        )
    if output is not None:
        report.note(f"outputs in {output}")
