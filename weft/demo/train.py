"""Trains the demonstration's network: the same weights on every run of one machine."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from weft.demo.data import Split
from weft.demo.network import DigitsNet

EPOCHS = 24
BATCH = 64
LEARNING_RATE = 4e-3
SEED = 1


def train(
    split: Split, progress: Callable[[int, int], None] = lambda done, total: None, *, activation: type[nn.Module] = nn.ReLU
) -> DigitsNet:
    """The trained network in evaluation mode; `progress` gets (epochs done, epochs in all) after each.

    Random shifts by up to one pixel stand in for more data.  One thread and a fixed seed make the sums, and so the
    weights, repeatable; the caller's random state and thread count are restored.
    """
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        try:
            torch.set_num_threads(1)
            torch.manual_seed(SEED)
            return _train(split, progress, activation)
        finally:
            torch.set_num_threads(threads)


def _train(split: Split, progress: Callable[[int, int], None], activation: type[nn.Module]) -> DigitsNet:
    images = torch.from_numpy(split.train_x.transpose(0, 3, 1, 2).copy())
    labels = torch.from_numpy(split.train_label)
    network = DigitsNet(activation)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=1e-2)
    steps = EPOCHS * -(-len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    loss = nn.CrossEntropyLoss(label_smoothing=0.05)
    network.train()
    for epoch in range(EPOCHS):
        for batch in torch.split(torch.randperm(len(images)), BATCH):
            optimizer.zero_grad()
            loss(network(shifted(images[batch])), labels[batch]).backward()
            optimizer.step()
            schedule.step()
        progress(epoch + 1, EPOCHS)
    return network.eval()


def shifted(images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
    """Every image [N, 1, 8, 8] moved by -1, 0 or 1 pixels in each direction, paper moving in."""
    down, right = torch.randint(0, 3, (2, len(images)), generator=generator)
    padded = nn.functional.pad(images, (1, 1, 1, 1))
    row = torch.arange(8)[None, :, None] + down[:, None, None]
    col = torch.arange(8)[None, None, :] + right[:, None, None]
    return padded[torch.arange(len(images))[:, None, None], :, row, col].permute(0, 3, 1, 2)


def float_accuracy(network: nn.Module, x: npt.NDArray[np.float32], label: npt.NDArray[np.int64]) -> float:
    """Share of the images float32[N, 8, 8, 1] that the float network classifies as labelled."""
    with torch.no_grad():
        scores = network(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()))
    return float((scores.argmax(1).numpy() == label).mean())
