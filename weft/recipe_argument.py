"""The recipe that a caller names: an object, the path of a TOML file, or the default."""

from __future__ import annotations

import os

from golden.recipe import Recipe, read_recipe


def recipe_of(recipe: Recipe | str | os.PathLike[str] | None) -> Recipe:
    """The recipe itself.  Raises InputError for a file that is missing, no TOML, or no recipe."""
    if isinstance(recipe, Recipe):
        return recipe
    return Recipe() if recipe is None else read_recipe(recipe)
