"""The commented recipe: it reads back as it was, and explains every field."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from golden.recipe import LayerBits, Method, Order, Recipe, Recovery, parse_recipe
from golden.recipe_document import document
from golden.schemes import ActivationScheme, Calibrator, Granularity, WeightRange, WeightScheme

FULL = Recipe(
    name="everything",
    method=Method.WEIGHT_ONLY,
    weights=WeightScheme(4, symmetric=False, granularity=Granularity.GROUP, group_size=8, range=WeightRange.MSE),
    activations=ActivationScheme(6, signed=False, calibration=Calibrator.PERCENTILE, percentile=99.9, power_of_two=True),
    rescale="fixed16",
    order=Order.OUTPUT_ERROR,
    recovery=(Recovery.EQUALIZATION, Recovery.BIAS_CORRECTION),
    eight_bit_ends=True,
    layers={"conv.1": LayerBits(weights=2), "fc": LayerBits(3, 5)},
)


@pytest.mark.parametrize("recipe", [Recipe(), FULL], ids=lambda recipe: recipe.name)
def test_it_reads_back(recipe: Recipe) -> None:
    assert parse_recipe(document(recipe)) == recipe


def test_every_field_is_there_and_explained() -> None:
    def check(part: Any, lines: list[str]) -> None:
        for field in fields(part):
            value = getattr(part, field.name)
            if is_dataclass(value):
                check(value, lines[lines.index(f"[{field.name}]") :])
            elif field.name != "layers":
                place = next(number for number, line in enumerate(lines) if line.startswith(f"{field.name} = "))
                while lines[place - 1] and not lines[place - 1].startswith("#"):  # explained together with the one before
                    place -= 1
                assert lines[place - 1].startswith("# "), field.name

    check(Recipe(), document(Recipe()).split("\n"))


def test_choices_are_listed() -> None:
    text = document(Recipe())
    for kind in (Method, Order, Recovery, Calibrator, Granularity, WeightRange):
        assert ", ".join(str(member.value) for member in kind) in text.replace("\n# ", " ")
    assert max(map(len, text.split("\n"))) <= 120
