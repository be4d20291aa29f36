"""A ready training loop: epochs, a schedule, distillation, checkpoints that go on as if nothing had happened."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from golden.errors import InputError
from golden.float_graph import FloatSoftmax
from golden.training import checkpoint as checkpoints
from golden.training.distillation import distillation_loss
from golden.training.network import QuantizedNetwork
from golden.training_scheme import Schedule, Training

#: Called with (epochs done, epochs in all, mean loss of the last one).
Progress = Callable[[int, int, float], None]
#: Changes a batch of training inputs, with random numbers from the generator alone.
Augmentation = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class History:
    """What a training came to.

    losses:  mean loss of every epoch.
    resumed: epochs that came out of a checkpoint.
    """

    losses: tuple[float, ...]
    resumed: int


def train(
    network: QuantizedNetwork,
    x: npt.NDArray[np.floating],
    label: npt.NDArray[np.integer],
    *,
    teacher: nn.Module | None = None,
    augmentation: Augmentation | None = None,
    checkpoint: Path | None = None,
    stop_after: int | None = None,
    progress: Progress = lambda done, total, loss: None,
) -> History:
    """Trains a network by the section `training` of its recipe, with AdamW; it ends in evaluation mode.

    x:            real inputs in the network's layout.
    label:        the class of each, for outputs [N, classes].
    teacher:      the float network, for a recipe with distillation; takes and gives what the network does.
    augmentation: of each batch.
    checkpoint:   a file to go on from, where there is one, and to write after each epoch.
    stop_after:   epochs after which to leave, to go on from the checkpoint another time.

    One seed gives one result on one machine with one number of threads, with or without interruptions: random numbers depend
    on the seed and the epoch alone.  Raises InputError for labels that do not fit, and for a training that diverges.
    """
    settings = network.recipe.training
    inputs, labels = _checked(network, x, label)
    if (teacher is not None) != (settings.distillation > 0):
        raise InputError(
            "distillation needs the float network: hand it over as the teacher"
            if teacher is None
            else "a teacher is of no use to a recipe without distillation; set `distillation` in its section [training]"
        )
    groups = network.parameter_groups(settings.learning_rate, settings.weight_decay)
    optimizer = torch.optim.AdamW(groups)
    rates = [float(group["lr"]) for group in optimizer.param_groups]
    losses: list[float] = []
    made_by = _digest(network, inputs, labels) if checkpoint is not None else ""
    state = None if checkpoint is None else checkpoints.load(checkpoint, made_by)
    if state is not None:
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        losses = list(state["losses"])
    resumed = len(losses)
    for epoch in range(resumed, settings.epochs):
        if stop_after is not None and epoch >= stop_after:
            break
        if epoch >= settings.freeze * settings.epochs:
            network.freeze_batch_norm()
        losses.append(_epoch(network, optimizer, rates, epoch, inputs, labels, teacher, augmentation))
        if checkpoint is not None:
            checkpoints.save(checkpoint, network.state_dict(), optimizer.state_dict(), epoch + 1, losses, made_by)
        progress(epoch + 1, settings.epochs, losses[-1])
    network.eval()
    return History(tuple(losses), resumed)


def _epoch(
    network: QuantizedNetwork,
    optimizer: torch.optim.Optimizer,
    rates: list[float],
    epoch: int,
    inputs: Tensor,
    labels: Tensor,
    teacher: nn.Module | None,
    augmentation: Augmentation | None,
) -> float:
    """One pass over the data; its mean loss."""
    settings = network.recipe.training
    seed = int(np.random.SeedSequence([settings.seed, epoch]).generate_state(1)[0])  # generators take 32 bits
    generator = torch.Generator().manual_seed(seed)
    batches = torch.split(torch.randperm(len(inputs), generator=generator), settings.batch_size)
    network.train()
    total = 0.0
    for index, batch in enumerate(batches):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * schedule(settings, epoch + index / len(batches))
        x, label = inputs[batch], labels[batch]
        x = x if augmentation is None else augmentation(x, generator)
        scores = network.scores(x)
        if teacher is None:
            loss = functional.cross_entropy(scores, label)
        else:
            with torch.no_grad():
                target = _teacher_scores(network, teacher(x))
            loss = distillation_loss(scores, target, label, share=settings.distillation, temperature=settings.temperature)
        loss = loss + network.penalty()
        if not bool(torch.isfinite(loss)):
            raise InputError(f"the training of {network.graph.name!r} diverged in epoch {epoch + 1}; lower the learning rate")
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += float(loss.detach()) * len(batch)
    return total / len(inputs)


def _teacher_scores(network: QuantizedNetwork, output: Tensor) -> Tensor:
    """The teacher's class scores: the logarithms of its probabilities where the network ends in a softmax, else its output."""
    probabilities = isinstance(network.graph.producer(network.graph.outputs[0]), FloatSoftmax)
    return output.clamp_min(torch.finfo(output.dtype).tiny).log() if probabilities else output


def schedule(settings: Training, epoch: float) -> float:
    """The share of the learning rate at a time in epochs: 1 at the start; half a cosine down to 0, or 1 all the time."""
    return 1.0 if settings.schedule is Schedule.CONSTANT else 0.5 * (1 + math.cos(math.pi * epoch / settings.epochs))


def _checked(network: QuantizedNetwork, x: npt.NDArray[np.floating], label: npt.NDArray[np.integer]) -> tuple[Tensor, Tensor]:
    """Inputs and labels as tensors.  Raises InputError with all that is wrong."""
    graph = network.graph
    problems = []
    if len(graph.inputs) != 1 or len(graph.outputs) != 1 or len(graph.tensors[graph.outputs[0]].shape) != 1:
        problems.append("the trainer takes networks of one input and one vector of class scores; train others with a loop of your own")
    elif len(x) != len(label):
        problems.append(f"there are {len(x)} inputs and {len(label)} labels")
    else:
        classes = graph.tensors[graph.outputs[0]].shape[0]
        if len(label) == 0 or label.min() < 0 or label.max() >= classes:
            problems.append(f"labels must be from 0 to {classes - 1}, the network's classes" + ("" if len(label) else "; there are none"))
    if not np.isfinite(x).all():
        problems.append("the inputs hold NaN or infinite values")
    if problems:
        raise InputError(f"network {graph.name!r} cannot be trained on these data", problems)
    return torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32)), torch.from_numpy(np.ascontiguousarray(label, dtype=np.int64))


def _digest(network: QuantizedNetwork, inputs: Tensor, labels: Tensor) -> str:
    """Of everything that a training depends on: the recipe, the network at its start, the data."""
    digest = hashlib.sha256(network.recipe.to_toml().encode())
    for name, values in network.state_dict().items():
        digest.update(f"\n{name} {tuple(values.shape)}\n".encode() + values.cpu().numpy().tobytes())
    for values in (inputs, labels):
        digest.update(f"\n{tuple(values.shape)}\n".encode() + values.numpy().tobytes())
    return digest.hexdigest()
