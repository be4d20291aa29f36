"""Ternary weights by their mean magnitude, without training (SPEC eq. 62)."""

from __future__ import annotations

from dataclasses import dataclass

from golden.compression.ternary import ternarize
from golden.integer_graph import build
from golden.quantize import quantized_parameters
from golden.recipe import Recipe
from weft.comparison.contenders.contender import Contender, Quantized, Task


@dataclass(frozen=True)
class Ternary(Contender):
    """Weights -1, 0 and 1 times a scale for each output channel.

    recipe: of 2-bit symmetric weights, with 8-bit ends or without.
    """

    recipe: Recipe

    @property
    def name(self) -> str:
        """The recipe's."""
        return self.recipe.name

    def quantize(self, task: Task) -> Quantized:
        """An integer graph."""
        ternary = ternarize(task.graph, per_channel=True, keep_ends=self.recipe.eight_bit_ends)
        floating, parameters = quantized_parameters(ternary, task.calibration.x, self.recipe)
        return Quantized(build(floating, parameters), floating, parameters)
