"""What training with few bits reaches on the bundled digits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from golden.graph import Graph
from golden.importers.torch_export import import_module
from golden.input_data import quantize_input
from golden.interpreter import run
from golden.quantize import quantize
from golden.recipe import Recipe
from golden.schemes import ActivationScheme, Granularity, WeightRange, WeightScheme
from golden.training import convert, prepare
from golden.training.trainer import train as train_quantized
from golden.training_scheme import ActivationSteps, Training, WeightSteps
from weft.benchmarks.registry import Progress, Row, at_least, benchmark
from weft.demo.data import digits
from weft.demo.train import float_accuracy, shifted
from weft.demo.train import train as train_float

#: Training images that choose the first ranges, and epochs of the training that follows.
CALIBRATION, EPOCHS = 512, 10
#: Trainings of each, the accuracy being their mean: one differs from the next by a point and more.
SEEDS = range(3)
#: Percentage points that W4A4 may lose against float.
_POINTS = 1.0


def _recipe(name: str, weight_bits: int, activation_bits: int, weights: WeightSteps = WeightSteps.LEARNED) -> Recipe:
    shared = Granularity.TENSOR if weights is WeightSteps.TERNARY else Granularity.CHANNEL
    return Recipe(
        name,
        weights=WeightScheme(weight_bits, granularity=shared, range=WeightRange.MSE),
        activations=ActivationScheme(activation_bits),
        training=Training(weights=weights, activations=ActivationSteps.CLIPPING, epochs=EPOCHS),
    )


RECIPES = (_recipe("W4A4", 4, 4), _recipe("W2A4", 2, 4), _recipe("ternary, A8", 2, 8, WeightSteps.TERNARY))


@benchmark(
    "training",
    f"Accuracy in percent on the held-out digits, mean of {len(SEEDS)} trainings of {EPOCHS} epochs with quantization in the loop",
)
def training(progress: Progress) -> list[Row]:
    """Quantized after training, and trained; W4A4 beside float."""
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)  # sums in one order: the same figures every time
        return _measured(progress)
    finally:
        torch.set_num_threads(threads)


def _measured(progress: Progress) -> list[Row]:
    split = digits()
    network = train_float(split)
    floating = 100 * float_accuracy(network, split.test_x, split.test_label)
    graph = import_module(network, (torch.zeros(2, 1, 8, 8),), "digits")
    x = np.ascontiguousarray(split.train_x.transpose(0, 3, 1, 2))

    def percent(integers: Graph) -> float:
        scores = run(integers, np.asarray(quantize_input(integers, split.test_x)))
        return 100 * float((scores.argmax(axis=1) == split.test_label).mean())

    rows: list[Row] = []
    for number, recipe in enumerate(RECIPES):
        after = quantize(graph, x[:CALIBRATION], recipe=recipe, layout="NCHW")
        found = []
        for seed in SEEDS:
            prepared = prepare(graph, x[:CALIBRATION], replace(recipe, training=replace(recipe.training, seed=seed)))
            train_quantized(prepared, x, split.train_label, augmentation=shifted)
            found.append(percent(convert(prepared)))
        trained = float(np.mean(found))
        aim: Row = at_least(trained, floating - _POINTS) if number == 0 else {"target": "", "reached": ""}
        rows.append({"method": recipe.name, "float": floating, "quantized": percent(after), "trained": trained, "worst": min(found), **aim})
        progress("training", number + 1, len(RECIPES))
    return rows
