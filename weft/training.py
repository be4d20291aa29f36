"""Trains a network with fake quantization, from files or arrays to an integer graph: `weft train` as a function."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from golden import network_file
from golden.errors import InputError
from golden.graph import Graph
from golden.recipe import Recipe
from weft.arrays import read_labels
from weft.output import new_file
from weft.recipe_argument import recipe_of

if TYPE_CHECKING:
    from torch import nn
    from torch.export import ExportedProgram

    from golden.float_graph import FloatGraph

#: Training inputs that choose the first ranges.
CALIBRATION = 512


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    graph:      the integer graph.
    losses:     mean loss of every epoch.
    resumed:    epochs that came out of the checkpoint.
    accuracy:   share of right classes among the evaluation inputs, of the integer graph; None without them.
    start_accuracy: the same before training.
    float_accuracy: that of the float network.
    """

    graph: Graph
    losses: tuple[float, ...]
    resumed: int
    accuracy: float | None
    start_accuracy: float | None
    float_accuracy: float | None

    def to_json(self) -> dict[str, Any]:
        """Everything but the graph, as JSON values."""
        shown = ("resumed", "accuracy", "start_accuracy", "float_accuracy")
        return {"losses": list(self.losses), **{name: getattr(self, name) for name in shown}}


def train(
    model: nn.Module | ExportedProgram | FloatGraph | str,
    data: str | Path,
    *,
    recipe: Recipe | str | Path | None = None,
    output: str | Path | None = None,
    evaluation: str | Path | None = None,
    checkpoint: str | Path | None = None,
    layout: str | None = None,
    values: str | None = None,
    name: str | None = None,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Trained:
    """Trains a float network with fake quantization and makes an integer graph of it.

    model:      as `weft.quantize` takes it.
    data:       an npz file of real inputs with their labels; its first inputs also choose the first ranges.
    recipe:     the schemes and how to train, or the path of a TOML file; int8 by default.
    output:     a network file to write.
    evaluation: an npz file of inputs with labels, for the accuracies.
    checkpoint: a file to go on from, where there is one, and to write after each epoch.

    Raises InputError for what cannot be trained, with all reasons.
    """
    from golden import training
    from golden.training.trainer import train as train_network
    from weft import calibration_data

    chosen = recipe_of(recipe)
    if isinstance(model, str):
        from weft.model import load_named

        model, name = load_named(model, name, progress)
    label = read_labels(Path(data), layout, values)
    prepared = calibration_data.prepare(model, Path(data), layout, values, name)
    graph = prepared.network
    if len(graph.inputs) != 1:
        raise InputError(f"network {graph.name!r} has {len(graph.inputs)} inputs; train it with a loop of your own (golden.training)")
    (x,) = prepared.x.values()
    held_out = None
    if evaluation is not None:
        other = calibration_data.prepare(graph, Path(evaluation), layout, values, name)
        held_out = next(iter(other.x.values())), read_labels(Path(evaluation), layout, values)
    network = training.prepare(
        graph, x[:CALIBRATION], chosen, layout="NHWC", progress=lambda done, total: progress("calibrating", done, total)
    )
    with ExitStack() as outputs:  # a path that cannot be written is found before the training, not after
        draft = None if output is None else outputs.enter_context(new_file(Path(output)))
        start = None if held_out is None else _accuracy(training.convert(network), *held_out)
        teacher = training.FloatNetwork(graph) if chosen.training.distillation > 0 else None
        history = train_network(
            network,
            x,
            label,
            teacher=teacher,
            checkpoint=None if checkpoint is None else Path(checkpoint),
            progress=lambda done, total, loss: progress("training", done, total),
        )
        result = training.convert(network)
        if draft is not None:
            network_file.save(result, draft)
    accuracy = None if held_out is None else _accuracy(result, *held_out)
    floating = None if held_out is None else _float_accuracy(graph, *held_out)
    return Trained(result, history.losses, history.resumed, accuracy, start, floating)


def _accuracy(graph: Graph, x: npt.NDArray[np.float32], label: npt.NDArray[np.int64]) -> float:
    """Share of real inputs, channels last, that the integer graph classifies as labelled."""
    from golden.input_data import quantize_input
    from golden.interpreter import run

    return float((run(graph, quantize_input(graph, x)).argmax(axis=1) == label).mean())


def _float_accuracy(graph: FloatGraph, x: npt.NDArray[np.float32], label: npt.NDArray[np.int64]) -> float:
    import torch

    from golden.training import FloatNetwork

    network, batches = FloatNetwork(graph), torch.split(torch.from_numpy(x), 256)
    scores = torch.cat([network(batch) for batch in batches])
    return float((scores.argmax(1).numpy() == label).mean())
