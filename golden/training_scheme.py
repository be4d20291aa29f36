"""How a network is trained with fake quantization: the part of a recipe that training reads (SPEC section 16)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from golden.errors import InputError


class WeightSteps(enum.Enum):
    """Where the scales of weights come from."""

    RANGE = "range"  #: from the weights themselves, at every step
    LEARNED = "learned"  #: learned step sizes
    TERNARY = "ternary"  #: absmean of the weights; layers of 2 bits alone, the others learn
    BINARY = "binary"  #: sign times absmean; layers of 2 bits alone, the others learn


class ActivationSteps(enum.Enum):
    """Where the ranges of activations come from."""

    MOVING_AVERAGE = "moving-average"  #: of the batches' least and greatest values
    LEARNED = "learned"  #: learned step sizes
    CLIPPING = "clipping"  #: a learned upper end where the lower one is 0; elsewhere the moving average


class Folding(enum.Enum):
    """What batch normalization does in training."""

    BATCH = "batch"  #: folded; normalizes by the batch until its statistics are frozen
    FROZEN = "frozen"  #: folded with the statistics that it had; gamma and beta still learn
    MERGED = "merged"  #: folded away before training: weights and biases alone


class Schedule(enum.Enum):
    """How the learning rate goes."""

    COSINE = "cosine"  #: half a cosine down to 0
    CONSTANT = "constant"


@dataclass(frozen=True)
class Training:
    """How a network is trained with fake quantization.

    weights, activations: where scales and ranges come from.
    folding:       what batch normalization does.
    freeze:        share of the epochs after which its statistics are frozen.
    epochs, batch_size, learning_rate, weight_decay, schedule, seed: of the trainer.
    distillation:  share of the loss that follows the float network's outputs; the rest follows the labels.
    temperature:   of the softmax in it.
    clip_decay:    weight of the squares of learned upper ends in the loss.
    """

    weights: WeightSteps = WeightSteps.LEARNED
    activations: ActivationSteps = ActivationSteps.LEARNED
    folding: Folding = Folding.BATCH
    freeze: float = 0.8
    epochs: int = 10
    batch_size: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    schedule: Schedule = Schedule.COSINE
    seed: int = 0
    distillation: float = 0.0
    temperature: float = 4.0
    clip_decay: float = 1e-4

    def __post_init__(self) -> None:
        problems = [
            f"training: {name} must be {what}, not {getattr(self, name)!r}"
            for name, sound, what in (
                ("freeze", 0 <= self.freeze <= 1, "from 0 to 1"),
                ("epochs", self.epochs >= 1, "1 or more"),
                ("batch_size", self.batch_size >= 1, "1 or more"),
                ("seed", self.seed >= 0, "0 or more"),
                ("learning_rate", 0 < self.learning_rate < float("inf"), "greater than 0"),
                ("weight_decay", 0 <= self.weight_decay < float("inf"), "0 or more"),
                ("distillation", 0 <= self.distillation <= 1, "from 0 to 1"),
                ("temperature", 0 < self.temperature < float("inf"), "greater than 0"),
                ("clip_decay", 0 <= self.clip_decay < float("inf"), "0 or more"),
            )
            if not sound
        ]
        if problems:
            raise InputError("a training is not possible", problems)
