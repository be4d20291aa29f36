"""`weft operators`."""

from __future__ import annotations

import click

from weft.cli.options import json_option
from weft.cli.terminal import Report


@click.command()
@json_option
def operators(as_json: bool) -> None:
    """List every supported operator, of each kind of file and of the accelerator, as Markdown."""
    from weft import operator_docs

    if not as_json:
        click.echo(operator_docs.markdown(), nl=False)
    Report(as_json).result({table.key: table.records() for table in operator_docs.tables()})
