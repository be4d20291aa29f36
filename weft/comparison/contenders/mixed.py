"""Bits for each layer of its own (SPEC section 17)."""

from __future__ import annotations

from dataclasses import dataclass, field

from golden.float_graph import FloatGraph
from golden.recipe import Recipe
from golden.schemes import WeightRange, WeightScheme
from golden.sensitivity import Measure
from weft.comparison.contenders.by_recipe import ByRecipe
from weft.comparison.contenders.contender import Contender, Quantized, Task
from weft.comparison.data import Data


@dataclass(frozen=True)
class Mixed(Contender):
    """The bits that the network minds least, within a share of the bytes of 8-bit weights.

    share:   of the bytes.
    measure: of what a layer minds.
    base:    the recipe but for the bits.
    """

    share: float
    measure: Measure = Measure.TRACE
    base: Recipe = field(default_factory=lambda: Recipe(weights=WeightScheme(range=WeightRange.MSE)))

    @property
    def name(self) -> str:
        """With the share."""
        return f"mixed, {self.share:.0%} of the bytes"

    def obstacle(self, graph: FloatGraph, training: Data | None) -> str | None:
        """Sensitivity is measured on networks of one input."""
        return None if len(graph.inputs) == 1 else f"it measures networks of one input, and this one has {len(graph.inputs)}"

    def quantize(self, task: Task) -> Quantized:
        """An integer graph."""
        from weft.mixed_precision import Allocator

        allocator = Allocator(task.graph, task.calibration, None, measure=self.measure, base=self.base, progress=task.progress)
        allocation = allocator.allocate({"bytes": self.share * allocator.whole("bytes")}, self.name)
        return ByRecipe(allocation.recipe).quantize(task)
