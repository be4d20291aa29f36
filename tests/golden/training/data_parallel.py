"""One process of a training in several; `torchrun` starts it with the folder to write to."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import distributed
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from golden import network_file
from golden.training import convert, prepare
from tests.golden.training.networks import recipe, small_data, small_graph


def main(folder: Path) -> None:
    """Trains on this process's share of every batch, and writes what came of it."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    rank, world = distributed.get_rank(), distributed.get_world_size()
    x, label = small_data()
    network = DistributedDataParallel(prepare(small_graph(), x, recipe(4, 4)))
    optimizer = torch.optim.SGD(network.parameters(), 0.02)
    inputs, labels = torch.from_numpy(x), torch.from_numpy(label)
    losses = []
    for step in range(8):
        if step == 5:
            network.module.freeze_batch_norm()
        batch = torch.arange(16 * (step % 4) + rank, 16 * (step % 4) + 16, world)
        loss = cross_entropy(network(inputs[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    network.eval()
    with torch.no_grad():
        network(inputs)  # hands the first process's statistics to all
    (folder / f"{rank}.txt").write_text(f"{world} {network_file.sha256(convert(network))} {losses}\n")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
