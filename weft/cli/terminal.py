"""How commands talk: tables for people or one JSON object for programs, progress where somebody watches, and exit codes."""

from __future__ import annotations

import json
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from golden.errors import DataWarning, WeftError

#: Exit codes of the command line besides those of the errors (golden.errors).
FINE, MISMATCH, USAGE = 0, 1, 2

#: Columns of a table that nobody sees on a terminal, so that a log does not break its lines.
LOG_WIDTH = 140


class Report:
    """What a command has to say.

    For people: notes and tables on standard output.  As JSON: nothing there but the one object that `result` gets.
    Progress goes to standard error, and only where that is a terminal.
    """

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self._console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH, highlight=False, soft_wrap=not sys.stdout.isatty())

    def note(self, text: str) -> None:
        """A sentence for people."""
        if not self.as_json:
            self._console.print(text, markup=False)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table for people, without a head where the columns have no names; cells that hold numbers are aligned to the right."""
        if self.as_json:
            return
        table = Table(title=title or None, title_justify="left", title_style="bold", show_header=any(columns))
        for index, column in enumerate(columns):
            numeric = all(_is_numeric(row[index]) for row in rows)
            table.add_column(column, justify="right" if numeric and rows else "left", overflow="fold")
        for row in rows:
            table.add_row(*(_cell(value) for value in row))
        self._console.print(table)

    def layers(self, title: str, layers: Sequence[Mapping[str, Any]]) -> None:
        """A table of an accelerator's layers: measured values where there are any, else the predicted ones.

        "array" is the layer's multiplications as a share of those that the array could have made in its cycles.
        """
        compared = any(layer.get("equal") is not None for layer in layers)
        rows: list[list[object]] = []
        for layer in layers:
            cycles = layer.get("cycles") or layer["predicted_cycles"]
            utilization = layer["utilization"] if layer.get("cycles") else layer.get("predicted_utilization")
            use = "" if not utilization else f"{utilization:.1%}"
            row = [layer["name"], layer["kind"], "x".join(map(str, layer["shape"])), layer["macs"] or "", cycles, use]
            rows.append([*row, {True: "equal", False: "NOT EQUAL", None: ""}[layer["equal"]]] if compared else row)
        self.table(title, ["layer", "kind", "shape", "MACs", "cycles", "array", *(["bits"] if compared else [])], rows)

    def result(self, value: dict[str, Any]) -> None:
        """The one JSON object."""
        if self.as_json:
            click.echo(json.dumps(value, indent=2))

    @contextmanager
    def progress(self) -> Iterator[Callable[[str, int, int], None]]:
        """A function to call with (what is done, steps done, steps in all); shows a bar for each kind of step."""
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f} of {task.total:.0f}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        ) as bars:
            tasks: dict[str, TaskID] = {}

            def update(what: str, done: int, total: int) -> None:
                if what not in tasks:
                    tasks[what] = bars.add_task(what, total=total)
                bars.update(tasks[what], completed=done, total=total)

            yield update


def _is_numeric(value: object) -> bool:
    if isinstance(value, str):
        return value == "" or value.rstrip("%").replace(".", "").replace("-", "").replace("e", "").isdecimal()
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def run(command: click.Group, args: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code; failures become messages, or one JSON object with `--json`."""
    arguments = list(sys.argv[1:] if args is None else args)
    as_json = "--json" in arguments
    try:
        with _data_warnings(), _termination():
            code = command.main(arguments, prog_name="weft", standalone_mode=False)
        return code if isinstance(code, int) else FINE
    except WeftError as error:
        _fail(as_json, type(error).__name__, error.message, error.problems, error.exit_code)
        return error.exit_code
    except click.ClickException as error:
        _fail(
            as_json,
            "UsageError",
            error.format_message(),
            (),
            USAGE,
            error.ctx.get_usage() if isinstance(error, click.UsageError) and error.ctx else "",
        )
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("weft: interrupted", err=True)
        return 130


@contextmanager
def _termination() -> Iterator[None]:
    """A request to terminate ends the command as an interrupt does: running tools end with it, and nothing is left half-written."""
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's alone
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _data_warnings() -> Iterator[None]:
    """Warnings about data go to standard error as messages; all others stay what they are."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", DataWarning)
        shown = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if issubclass(category, DataWarning):
                click.echo(f"weft: warning: {message}", err=True)
            else:
                shown(message, category, *where, **more)

        warnings.showwarning = show
        yield


def _fail(as_json: bool, kind: str, message: str, problems: Sequence[str], code: int, usage: str = "") -> None:
    if as_json:
        click.echo(json.dumps({"error": {"kind": kind, "message": message, "problems": list(problems), "exit_code": code}}, indent=2))
        return
    if usage:
        click.echo(usage, err=True)
    click.echo("\n".join([f"weft: {message}", *(f"  - {problem}" for problem in problems)]), err=True)
