"""Quantization-aware training on the bundled digits: how few bits a network can do with.

    python examples/digits_training.py RESULTS.json [SEEDS] [EPOCHS]

Trains the demonstration's network in floating point, quantizes it after training and trains it again with quantization in the
loop, for several numbers of bits; prints one table and writes everything as JSON.  Minutes on two cores.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from golden.float_graph import FloatGraph
from golden.graph import Graph, WeightedOp
from golden.importers.torch_export import import_module
from golden.input_data import quantize_input
from golden.interpreter import run
from golden.parameters import Parameters
from golden.quantize import quantize
from golden.recipe import Recipe
from golden.schemes import ActivationScheme, Granularity, WeightRange, WeightScheme
from golden.training import FloatNetwork, QuantizedNetwork, agreement, convert, prepare, trained
from golden.training.landscape import Surroundings, cross_entropy, sharpness
from golden.training.trainer import train
from golden.training_scheme import ActivationSteps, Training, WeightSteps
from weft.demo.data import Split, digits
from weft.demo.train import float_accuracy, shifted
from weft.demo.train import train as train_float

CALIBRATION = 512
#: Distances at which the loss is measured around a network, as shares of its weights.
RADII = (0.1, 0.2, 0.4)


def recipe(name: str, weight_bits: int, activation_bits: int, **training: Any) -> Recipe:
    """Learned steps, but for what is stated; with 4 bits or fewer learned ends of the activations' ranges, which are steadier there."""
    few = training.get("weights") is WeightSteps.TERNARY
    weights = WeightScheme(weight_bits, granularity=Granularity.TENSOR if few else Granularity.CHANNEL, range=WeightRange.MSE)
    activations = ActivationSteps.CLIPPING if min(weight_bits, activation_bits) <= 4 else ActivationSteps.LEARNED
    settings = Training(**{"activations": activations, **training})
    return Recipe(name, weights=weights, activations=ActivationScheme(activation_bits), training=settings)


RECIPES = (
    recipe("W8A8", 8, 8),
    recipe("W4A8", 4, 8),
    recipe("W4A8, distilled", 4, 8, distillation=0.5),
    recipe("W5A5", 5, 5),
    recipe("W4A4", 4, 4),
    recipe("W2A4", 2, 4),
    recipe("ternary, A8", 2, 8, weights=WeightSteps.TERNARY),
    recipe("ternary, A4", 2, 4, weights=WeightSteps.TERNARY),
    recipe("1 bit, A8", 2, 8, weights=WeightSteps.BINARY),
)


class Experiment:
    """One float network and its data."""

    def __init__(self, split: Split, network: nn.Module) -> None:
        self.split, self.graph = split, import_module(network, (torch.zeros(2, 1, 8, 8),), "digits")
        self.train_x, self.test_x = (np.ascontiguousarray(x.transpose(0, 3, 1, 2)) for x in (split.train_x, split.test_x))

    def accuracy(self, graph: Graph) -> float:
        """Share of the held-out images that integers classify as labelled."""
        return float((run(graph, quantize_input(graph, self.split.test_x)).argmax(1) == self.split.test_label).mean())

    def prepared(self, chosen: Recipe) -> QuantizedNetwork:
        """Ready to be trained."""
        return prepare(self.graph, self.train_x[:CALIBRATION], chosen)

    def trained(self, chosen: Recipe) -> QuantizedNetwork:
        """Trained by its recipe."""
        network = self.prepared(chosen)
        teacher = FloatNetwork(self.graph, "NCHW") if chosen.training.distillation else None
        train(network, self.train_x, self.split.train_label, teacher=teacher, augmentation=shifted)
        return network

    def after_training(self, chosen: Recipe) -> Graph:
        """Quantized after training; ternary and binary weights as training starts with them."""
        if chosen.training.weights in (WeightSteps.TERNARY, WeightSteps.BINARY):
            return convert(self.prepared(chosen).eval())
        return quantize(self.graph, self.train_x[:CALIBRATION], recipe=chosen, layout="NCHW")

    def sharpness(self, graph: FloatGraph, parameters: Parameters | None) -> list[float]:
        """How much the loss grows around a network, at each of the radii."""
        loss = cross_entropy(self.split.test_label, graph.outputs[0])
        around = Surroundings(graph, parameters, {graph.inputs[0]: self.split.test_x}, loss)
        return [sharpness(around, radius=radius) for radius in RADII]


def kilobytes(graph: Graph, binary: bool) -> float:
    """Of packed weights and 32-bit biases."""
    layers = [op for op in graph.ops if isinstance(op, WeightedOp)]
    return sum(op.weight.size * (1 if binary else op.weight_bits) / 8 + 4 * op.bias.size for op in layers) / 1000


def activations(split: Split) -> list[dict[str, Any]]:
    """ReLU against ReLU6, in floating point and quantized after training to 8 and 7 bits."""
    rows = []
    for activation in (nn.ReLU, nn.ReLU6):
        network = train_float(split, activation=activation)
        experiment = Experiment(split, network)
        row: dict[str, Any] = {"activation": activation.__name__, "float": float_accuracy(network, split.test_x, split.test_label)}
        for bits in (8, 7):
            chosen = Recipe(weights=WeightScheme(bits), activations=ActivationScheme(bits))
            row[f"{bits} bits"] = experiment.accuracy(experiment.after_training(chosen))
        rows.append(row)
    return rows


def bits(experiment: Experiment, seeds: int, epochs: int) -> list[dict[str, Any]]:
    """Every recipe: after training, and trained with as many seeds."""
    rows = []
    for chosen in RECIPES:
        found = [experiment.trained(replace(chosen, training=replace(chosen.training, seed=seed, epochs=epochs))) for seed in range(seeds)]
        accuracies = [experiment.accuracy(convert(network)) for network in found]
        same, textbook = (agreement(found[0], experiment.test_x, exact_rounding=exact) for exact in (True, False))
        rows.append(
            {
                "recipe": chosen.name,
                "kilobytes": kilobytes(convert(found[0]), chosen.training.weights is WeightSteps.BINARY),
                "post_training": experiment.accuracy(experiment.after_training(chosen)),
                "trained": accuracies,
                "equal_outputs": same.outputs,
                "equal_outputs_textbook": textbook.outputs,
                "causes_textbook": textbook.causes,
            }
        )
    return rows


def minima(experiment: Experiment, epochs: int) -> list[dict[str, Any]]:
    """How sharp the minima are: the float network's, and at 4 bits after training and trained."""
    from golden.calibration import calibrate
    from golden.parameters import choose
    from golden.passes.pipeline import prepare as prepared

    graph, chosen = prepared(experiment.graph), next(one for one in RECIPES if one.name == "W4A4")
    data = {graph.inputs[0]: experiment.split.train_x[:CALIBRATION]}
    network = experiment.trained(replace(chosen, training=replace(chosen.training, epochs=epochs)))
    found = {"float": (graph, None), "W4A4 quantized": (graph, choose(graph, calibrate(graph, data, chosen), chosen))}
    found["W4A4 trained"] = trained(network)
    return [{"network": name, "radii": RADII, "sharpness": experiment.sharpness(*one)} for name, one in found.items()]


def main(results: Path, seeds: int = 3, epochs: int = 10) -> dict[str, Any]:
    """Runs everything, prints the table and writes the results."""
    start = time.perf_counter()
    torch.set_num_threads(1)
    split = digits()
    network = train_float(split)
    experiment = Experiment(split, network)
    found: dict[str, Any] = {
        "float": float_accuracy(network, split.test_x, split.test_label),
        "activations": activations(split),
        "recipes": bits(experiment, seeds, epochs),
        "minima": minima(experiment, epochs),
        "seeds": seeds,
        "epochs": epochs,
    }
    found["seconds"] = round(time.perf_counter() - start)
    results.write_text(json.dumps(found, indent=2) + "\n")
    _print(found)
    return found


def _print(found: dict[str, Any]) -> None:
    console = Console(width=110)
    table = Table(title=f"digits: top-1 of {found['seeds']} trainings of {found['epochs']} epochs each; float {found['float']:.2%}")
    for column in ("", "kB", "quantized", "trained", "equal outputs", "textbook's"):
        table.add_column(column, justify="left" if not column else "right", no_wrap=True)
    for row in found["activations"]:
        for bits in ("float", "8 bits", "7 bits"):
            table.add_row(f"{row['activation']}, {bits}", "", f"{row[bits]:.2%}", "", "", "")
    table.add_section()
    for row in found["recipes"]:
        accuracy = f"{np.mean(row['trained']):.2%} ± {np.std(row['trained']):.2%}"
        equal = f"{row['equal_outputs']:.2%}", f"{row['equal_outputs_textbook']:.2%}"
        table.add_row(row["recipe"], f"{row['kilobytes']:.1f}", f"{row['post_training']:.2%}", accuracy, *equal)
    console.print(table)
    around = Table(title="how much the loss grows around a network, by the distance as a share of its weights")
    for column in ("", *(f"{radius}" for radius in RADII)):
        around.add_column(column, justify="right" if column else "left", no_wrap=True)
    for row in found["minima"]:
        around.add_row(row["network"], *(f"{value:+.3f}" for value in row["sharpness"]))
    console.print(around)
    console.print(f"{found['seconds']} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
