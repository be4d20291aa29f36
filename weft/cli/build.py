"""`weft build`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from weft.cli.configuration import given, unit_options
from weft.cli.options import json_option, network_argument
from weft.cli.terminal import Report

if TYPE_CHECKING:
    from boards.record import BuildRecord
    from weft.vivado_project import VivadoProject

#: Options that only a build with the open tools has.
_OF_A_BUILD = ("seeds", "jobs", "allow_timing_failure")


@click.command()
@network_argument
@click.option("--board", metavar="NAME", help="The board; an unknown name lists them.")
@click.option("-o", "--output", metavar="DIR", required=True, type=click.Path(path_type=Path), help="The folder to write.")
@click.option(
    "--top",
    type=click.Choice(["uart", "flash", "selftest"]),
    default="uart",
    show_default=True,
    help="What drives the accelerator: a host at the serial line, the same with weights from the board's flash, or recorded inputs and "
    "outputs with LEDs for the result.",
)
@click.option("--freq", "mhz", metavar="MHZ", type=click.FloatRange(min=0, min_open=True), help="The clock.  Default: the board's.")
@click.option(
    "--seeds", metavar="N", type=click.IntRange(min=1), default=4, show_default=True, help="Placements to try until one meets the clock."
)
@click.option("--jobs", metavar="N", type=click.IntRange(min=1), help="Placements at once.  Default: the processor's cores.")
@click.option("--allow-timing-failure", is_flag=True, help="Make a bitstream even where the clock is not met.")
@click.option(
    "--weights-only",
    is_flag=True,
    help="Put the network into the finished build that is in DIR, in place of the one that is there: new memory contents in the same "
    "bitstream, in seconds.  For ECP5 boards; no other option applies.",
)
@click.option("--force", is_flag=True, help="Replace the build of another network or board.")
@unit_options
@json_option
def build(
    network: Path,
    board: str | None,
    output: Path,
    top: str,
    mhz: float | None,
    seeds: int,
    jobs: int | None,
    allow_timing_failure: bool,
    weights_only: bool,
    force: bool,
    config: str | None,
    as_json: bool,
    **parameters: int | str | None,
) -> None:
    """Build a bitstream for a board from a quantized network, with open tools; for a board with a 7-series device, a project for Vivado.

    The accelerator is the board's, unless --config or its parameters are given, with the least memories that hold the network.
    Stages that ran before with the same inputs come from the cache.  The exit code is 5 where no placement meets the clock.
    """
    from boards.definitions import find_board
    from weft import api

    report = Report(as_json)
    if weights_only:
        if _named(*_OF_A_BUILD, "board", "top", "mhz", "config", "force", *parameters):
            raise click.UsageError(
                "with --weights-only the board, the clock and the accelerator are those of the build in DIR: no other option applies"
            )
        with report.progress() as progress:
            record = api.replace_weights(network, output, progress=progress)
        show(report, record)
        report.result({"output": str(output), **record.data})
        return
    if board is None:
        raise click.UsageError("name the board: --board NAME")
    if not find_board(board).buildable:
        if options := _named(*_OF_A_BUILD):
            raise click.UsageError(
                f"for {find_board(board).title} a project for Vivado is written, and nothing placed: leave out {', '.join(options)}"
            )
        with report.progress() as progress:
            project = api.project(
                network, output, board=board, top=top, mhz=mhz, config=config, force=force, progress=progress, **given(parameters)
            )
        show_project(report, project)
        report.result({"output": str(output), **project.to_json()})
        return
    with report.progress() as progress:
        record = api.build(
            network,
            output,
            board=board,
            top=top,
            mhz=mhz,
            seeds=seeds,
            jobs=jobs,
            allow_timing_failure=allow_timing_failure,
            config=config,
            force=force,
            progress=progress,
            **given(parameters),
        )
    show(report, record)
    report.result({"output": str(output), **record.data})


def _named(*parameters: str) -> list[str]:
    """Those of the command's options that were given, by their names on the command line."""
    context = click.get_current_context()
    return [
        option.opts[0]
        for option in context.command.params
        if option.name in parameters and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE
    ]


def show_project(report: Report, project: VivadoProject) -> None:
    """A project for people."""
    graph, board = project.program.graph, project.board
    rows = [[each.name, f"{each.used:,g}", f"{each.there:,}", f"{each.used / each.there:.0%}"] for each in project.resources]
    report.table(
        f"{graph.name} on {board.title}, synthesized by Yosys; nothing is placed or routed",
        ["resource", "used", "available", "share"],
        rows,
    )
    report.note(f"{project.program.cycles:,} cycles per inference")
    report.note(f"a project for Vivado, which makes the bitstream: {project.folder}/vivado, whose README.md says how")


def show(report: Report, record: BuildRecord) -> None:
    """A build for people."""
    data = record.data
    title = f"{data['network']['name']} on {data['board']['title']}, {data['config']['rows']} x {data['config']['cols']}, {record.top} top"
    report.table(
        title,
        ["stage", "seconds", ""],
        [[stage["name"], f"{stage['seconds']:.1f}", "from the cache" if stage["cached"] else ""] for stage in data["stages"]],
    )
    # Of some of Gowin's cells, which stand for several, nextpnr says that none are available.
    used = [(name, each["used"], each["available"]) for name, each in data["utilization"].items() if each["used"] and each["available"]]
    report.table("", ["resource", "used", "available", "share"], [[*row, f"{row[1] / row[2]:.0%}"] for row in used])
    clock = data["clock"]
    if not record.met:
        report.note(
            f"WARNING: the clock of {record.mhz:g} MHz is NOT MET: the placement reaches {record.reached_mhz:.1f} MHz. "
            f"What the board computes may be wrong."
        )
    else:
        report.note(f"clock {record.mhz:g} MHz, up to {record.reached_mhz:.1f} MHz would be safe ({clock['slack_ns']:.2f} ns slack)")
    report.note(f"{data['cycles']:,} cycles per inference: {data['cycles'] / record.mhz / 1e3:.3f} ms")
    report.note(f"bitstream: {record.bitstream}, {data['bitstream']['bytes']:,} bytes")
