"""Weights out of a codebook, found by k-means (SPEC section 15): its entries are int8, so that the accelerator runs the network."""

from __future__ import annotations

from dataclasses import dataclass, field

from golden.compression.network import Settings, compress
from golden.recipe import Recipe
from weft.comparison.contenders.contender import Contender, Quantized, Task


@dataclass(frozen=True)
class Codebook(Contender):
    """Shares weights, and prunes and fine-tunes where the settings say so; activations by the recipe, whose name it has."""

    recipe: Recipe
    settings: Settings = field(default_factory=lambda: Settings(sparsity=0.0))

    @property
    def name(self) -> str:
        """The recipe's."""
        return self.recipe.name

    @property
    def trained(self) -> bool:  # type: ignore[override]
        """Where it fine-tunes."""
        return self.settings.epochs > 0

    def quantize(self, task: Task) -> Quantized:
        """An integer graph; its weights take what the indices, Huffman coded, and the codebooks take."""
        data = task.training if self.trained and task.training is not None else task.calibration
        result = compress(task.graph, data.x, self.recipe, self.settings, label=data.label, progress=task.progress)
        coded = sum(layer.coded for layer in result.sizes())
        return Quantized(result.graph, uniform=False, weight_bytes=coded)
