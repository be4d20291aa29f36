"""`weft recipe`."""

from __future__ import annotations

from typing import Any

import click

from weft.cli.options import json_option
from weft.cli.recipe_options import chosen_recipe, recipe_options
from weft.cli.terminal import Report


@click.command()
@recipe_options
@json_option
def recipe(as_json: bool, **choices: Any) -> None:
    """Print a recipe as TOML, every field with its meaning and its possible values.

    Without options it is the default recipe.  Write it to a file, change it, and give it to `weft quantize --recipe`.
    """
    import msgspec

    from golden.recipe_document import document

    chosen = chosen_recipe(**choices)
    if not as_json:
        click.echo(document(chosen), nl=False)
    Report(as_json).result(msgspec.to_builtins(chosen))
