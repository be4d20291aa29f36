"""`weft doctor`."""

from __future__ import annotations

import click

from golden.errors import ToolMissingError
from weft.cli.options import json_option
from weft.cli.terminal import FINE, Report


@click.command()
@json_option
def doctor(as_json: bool) -> int:
    """List every tool that Weft uses, its version, and whether it is good enough.

    The exit code is 4 where one is missing or too old that is needed for more than bitstreams and boards.
    """
    from weft import api

    report = Report(as_json)
    tools = api.doctor()
    ok = all(tool.ok for tool in tools if not tool.optional)
    report.table(
        "",
        ["tool", "version", "good enough", "needed for"],
        [[tool.tool, tool.version or ("-" if tool.ok else "missing"), tool.ok, tool.needed_for] for tool in tools],
    )
    for tool in tools:
        if not tool.ok:
            report.note(tool.problem())
    report.result(
        {
            "ok": ok,
            "tools": [
                {
                    "tool": tool.tool,
                    "version": tool.version,
                    "path": None if tool.path is None else str(tool.path),
                    "ok": tool.ok,
                    "needed_for": tool.needed_for,
                    "optional": tool.optional,
                    "remedy": None if tool.ok else tool.remedy,
                }
                for tool in tools
            ],
        }
    )
    return FINE if ok else ToolMissingError.exit_code
