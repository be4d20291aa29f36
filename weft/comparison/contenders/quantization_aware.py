"""Quantization-aware training (SPEC section 16)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from golden.integer_graph import build
from golden.recipe import Recipe
from hwgen import cache
from weft.comparison.contenders.contender import Contender, Quantized, Task

_CHECKPOINT = "checkpoint"


@dataclass(frozen=True)
class QuantizationAware(Contender):
    """Trains with fake quantization by the recipe's section `training`, from the float network's weights.

    What it has learned is kept: the same training on the same data is not repeated.
    """

    recipe: Recipe
    trained = True

    @property
    def name(self) -> str:
        """The recipe's."""
        return self.recipe.name

    def quantize(self, task: Task) -> Quantized:
        """An integer graph, after training; calibration inputs give the first ranges."""
        from golden import training as qat
        from golden.training.trainer import train
        from weft.comparison.network_digest import code_digest, network_digest

        training = task.training
        assert training is not None
        assert training.label is not None
        (first,), (x,), label = task.calibration.x.values(), training.x.values(), training.label
        settings = self.recipe.training

        def learn(checkpoint: Path) -> qat.QuantizedNetwork:
            network = qat.prepare(task.imported, first, self.recipe, layout="NHWC")
            train(
                network,
                x,
                label,
                teacher=qat.FloatNetwork(task.graph) if settings.distillation > 0 else None,
                checkpoint=checkpoint,
                progress=lambda done, total, loss: task.progress(f"training: {self.name}", done, total),
            )
            return network

        key = cache.digest(self.key, network_digest(task.imported), task.calibration.digest(), training.digest(), code_digest())
        done: list[qat.QuantizedNetwork] = []
        kept = cache.entry(f"trained-{key}", lambda folder: done.append(learn(folder / _CHECKPOINT)))
        floating, parameters = qat.trained(done[0] if done else learn(kept / _CHECKPOINT))
        epochs = f"{settings.epochs} epoch{'s' if settings.epochs > 1 else ''}"
        return Quantized(build(floating, parameters), floating, parameters, note=f"trained for {epochs} on {training.count:,} inputs")
