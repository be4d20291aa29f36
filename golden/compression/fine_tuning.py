"""Trains what compression has left of a network: the weights that were not pruned, or the codebooks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from golden.errors import InputError
from golden.trainable_graph import TrainableGraph

#: Called with (epochs done, epochs in all).
Progress = Callable[[int, int], None]


def fine_tune(
    network: TrainableGraph,
    x: npt.NDArray[np.float32],
    label: npt.NDArray[np.int64],
    *,
    epochs: int,
    learning_rate: float,
    batch_size: int = 64,
    seed: int = 1,
    progress: Progress | None = None,
) -> None:
    """Trains in place, for the least cross-entropy, with Adam and a learning rate that falls to 0 along a cosine.

    x:     float32[N, *shape], NHWC.
    label: int64[N], classes.
    learning_rate: of each parameter in units of the root mean square of its values at the start, because a layer whose inputs are large has
                   small weights (relative steps, as in Shazeer and Stern, Adafactor, 2018).
    The same seed and data give the same weights on one machine and thread count.
    Raises InputError for a network without a vector of classes, and for labels that are none of them.
    """
    _check(network, x, label)
    groups = [{"params": [each], "lr": learning_rate * _size(each)} for each in network.parameters() if each.requires_grad]
    optimizer = torch.optim.Adam(groups)
    steps = epochs * -(-len(x) // batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
    inputs, labels = torch.tensor(x), torch.tensor(label)
    order = torch.Generator().manual_seed(seed)
    for epoch in range(epochs):
        for batch in torch.split(torch.randperm(len(inputs), generator=order), batch_size):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(inputs[batch]), labels[batch]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        if progress is not None:
            progress(epoch + 1, epochs)


def _size(parameter: torch.Tensor) -> float:
    """The root mean square of the values that are not 0; 1 where all are."""
    nonzero = parameter.detach()[parameter.detach() != 0]
    return float(nonzero.square().mean().sqrt()) if nonzero.numel() else 1.0


def _check(network: TrainableGraph, x: npt.NDArray[np.float32], label: npt.NDArray[np.int64]) -> None:
    graph = network.graph
    if len(graph.inputs) != 1 or len(graph.outputs) != 1 or len(graph.tensors[graph.outputs[0]].shape) != 1:
        raise InputError(f"network {graph.name!r} cannot be trained here: fine-tuning needs one input, and one output that is a vector")
    (classes,) = graph.tensors[graph.outputs[0]].shape
    if label.shape != (len(x),):
        raise InputError(f"fine-tuning needs one label for each input, not labels of the shape {list(label.shape)} for {len(x)} inputs")
    if label.size and not 0 <= label.min() <= label.max() < classes:
        raise InputError(f"labels must be from 0 to {classes - 1}, but they go from {label.min()} to {label.max()}")
