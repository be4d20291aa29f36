"""`weft boards`."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import click

from weft.cli.options import json_option
from weft.cli.terminal import Report


@click.command()
@click.option("--build", "folder", metavar="DIR", type=click.Path(path_type=Path), help="Build the table's bitstreams into this folder.")
@click.option("--only", metavar="BOARD", multiple=True, help="With --build: this board alone; may be given several times.")
@click.option("--jobs", metavar="N", type=click.IntRange(min=1), help="With --build: placements at once.  Default: the processor's cores.")
@click.option("-o", "--output", metavar="F", type=click.Path(path_type=Path), help="With --build: put the results into this file, as JSON.")
@click.option("--documents", is_flag=True, hidden=True, help="Write docs/boards.json into the documents; run in the root of the sources.")
@json_option
def boards(folder: Path | None, only: tuple[str, ...], jobs: int | None, output: Path | None, documents: bool, as_json: bool) -> None:
    """List the boards, or build bitstreams of networks for all of them that open tools can build for, which takes hours.

    The networks are that of `weft demo` and those in the folder that the environment variable WEFT_REFERENCE names.  Stages that ran
    before come from the cache, with the time that they took then.
    """
    from golden.errors import InputError
    from weft import board_table
    from weft.output import new_file

    report = Report(as_json)
    if documents:
        rows = board_table.from_json(Path(board_table.RESULTS))
        for name, made in board_table.DOCUMENTS.items():
            path = Path(name)
            path.write_text(board_table.document(path.read_text(encoding="utf-8"), made(rows)), encoding="utf-8")
        return
    if folder is None:
        if only or jobs is not None or output is not None:
            raise click.UsageError("--only, --jobs and --output are of --build: name the folder, --build DIR")
        _list(report)
        return
    if unknown := sorted(set(only) - {board for board, _ in board_table.PAIRS}):
        raise InputError(f"nothing is built for {', '.join(map(repr, unknown))}; boards are {', '.join(dict(board_table.PAIRS))}")
    pairs = [pair for pair in board_table.PAIRS if not only or pair[0] in only]
    if output is not None and output.exists():
        board_table.from_json(output)  # what is no such file is noticed now, not after the builds
    with nullcontext() if output is None else new_file(output) as draft:
        with report.progress() as progress:
            built = rows = board_table.build_all(folder, pairs, jobs=jobs, progress=progress)
        if draft is not None and output is not None:
            rows = board_table.merged(board_table.from_json(output) if output.exists() else (), built)
            draft.write_text(json.dumps(board_table.to_json(rows), indent=1) + "\n", encoding="utf-8")
    report.table("", board_table.HEADS, [board_table.cells(row) for row in built])
    for row in built:
        if row.problem:
            report.note(f"{row.board}, {row.network}: {row.problem}")
    if output is not None:
        report.note(f"results: {output}")
    report.result(board_table.to_json(rows))


def _list(report: Report) -> None:
    """The boards."""
    from boards.definitions import BOARDS

    report.table(
        "boards",
        ["", "", "part", "accelerator", "clock, MHz", "LUT", "multipliers", "block RAM", "bitstream"],
        [
            [
                board.name,
                board.title,
                board.part,
                f"{board.config.rows} x {board.config.cols}",
                f"{board.clock_mhz:g}",
                board.capacity.lut,
                board.capacity.dsp,
                board.capacity.block_ram,
                "yes" if board.buildable else "with Vivado",
            ]
            for board in BOARDS.values()
        ],
    )
    report.result(
        {
            "boards": {
                board.name: {
                    "title": board.title,
                    "part": board.part,
                    "family": board.family.value,
                    "config": board.config.to_json(),
                    "clock_mhz": board.clock_mhz,
                    "buildable": board.buildable,
                }
                for board in BOARDS.values()
            }
        }
    )
