"""Methods that a recipe says all about: static, dynamic and weight-only, without training."""

from __future__ import annotations

from dataclasses import dataclass

from golden.integer_graph import build
from golden.quantize import quantized_parameters
from golden.recipe import Method, Recipe, Recovery
from golden.recovery import equalize
from golden.simulated import simulate
from weft.comparison.contenders.contender import Contender, Quantized, Task


@dataclass(frozen=True)
class ByRecipe(Contender):
    """Quantizes after training, by a recipe."""

    recipe: Recipe

    @property
    def name(self) -> str:
        """The recipe's."""
        return self.recipe.name

    @property
    def calibrated(self) -> bool:  # type: ignore[override]
        """Static ones alone."""
        return self.recipe.method is Method.STATIC

    def quantize(self, task: Task) -> Quantized:
        """An integer graph, or a simulated network."""
        if self.recipe.method is not Method.STATIC:
            return Quantized(simulate(task.graph, self.recipe))
        floating, parameters = quantized_parameters(
            task.graph, task.calibration.x, self.recipe, progress=lambda done, total: task.progress("calibrating", done, total)
        )
        reference = equalize(task.graph) if Recovery.EQUALIZATION in self.recipe.recovery else None
        return Quantized(build(floating, parameters), floating, parameters, reference)
