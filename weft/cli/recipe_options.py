"""Options that say how to quantize: a recipe, and the choices that people change most, in place of the recipe's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any

import click

from golden.recipe import Order, Recipe, Recovery
from golden.schemes import Calibrator, WeightRange
from weft.recipe_argument import recipe_of

_BITS = click.IntRange(2, 8)


def _names(kind: type[Enum]) -> click.Choice[str]:
    return click.Choice([str(member.value) for member in kind])


_OPTIONS = (
    click.option(
        "--recipe",
        metavar="RECIPE.toml",
        type=click.Path(path_type=Path),
        help="How to quantize; `weft recipe` prints one with every field explained.  The options below count over it.",
    ),
    click.option("--weight-bits", metavar="2..8", type=_BITS, help="Bits of weights.  Default: 8."),
    click.option("--activation-bits", metavar="2..8", type=_BITS, help="Bits of activations.  Default: 8."),
    click.option("--weight-range", type=_names(WeightRange), help="How the ranges of weights are chosen.  Default: absmax."),
    click.option("--calibrator", type=_names(Calibrator), help="How the ranges of activations are chosen.  Default: min-max."),
    click.option("--order", type=_names(Order), help="In which order they are chosen.  Default: together."),
    click.option("--recovery", type=_names(Recovery), multiple=True, help="What wins accuracy back without labels; may be repeated."),
    click.option("--rescale", metavar="tflite|shift|fixedB", help="The rescale format; B is 4 to 32, as in fixed16.  Default: tflite."),
)


def recipe_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command, which passes their values on to `chosen_recipe`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def chosen_recipe(
    recipe: Path | None,
    weight_bits: int | None,
    activation_bits: int | None,
    weight_range: str | None,
    calibrator: str | None,
    order: str | None,
    recovery: Sequence[str],
    rescale: str | None,
) -> Recipe:
    """The recipe that the options describe."""
    base = recipe_of(recipe)
    weights = {"bits": weight_bits, "range": weight_range and WeightRange(weight_range)}
    activations = {"bits": activation_bits, "calibration": calibrator and Calibrator(calibrator)}
    whole = {"order": order and Order(order), "recovery": tuple(map(Recovery, recovery)), "rescale": rescale}
    return replace(base, weights=_replaced(base.weights, weights), activations=_replaced(base.activations, activations), **_given(whole))


def _replaced(scheme: Any, choices: dict[str, Any]) -> Any:
    return replace(scheme, **_given(choices))


def _given(choices: dict[str, Any]) -> dict[str, Any]:
    """What was stated."""
    return {name: value for name, value in choices.items() if value}
