"""A network of one's own, from PyTorch to verified Verilog.

    python examples/own_network.py FOLDER

A real program would train the network and take real data; the steps after that are the same.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

import weft


def own_network() -> nn.Module:
    """Any module of convolutions, linear layers, batch normalization, ReLU or ReLU6, and pooling."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU6(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 4 * 4, 10),
    ).eval()


def main(folder: Path) -> bool:
    """Writes the network and the accelerator into a folder; whether the Verilog equals the golden model."""
    folder.mkdir(parents=True, exist_ok=True)
    data = np.random.default_rng(0).normal(size=(256, 3, 16, 16)).astype(np.float32)

    network = weft.quantize(own_network(), data, output=folder / "own.weft")
    weft.generate(network, folder / "accelerator", rows=8, cols=8)
    report = weft.verify(network, data[:8], build=folder / "accelerator")

    for layer in report.layers:
        print(f"{layer.name:12} {layer.kind:16} {layer.cycles:7} cycles  {'equal' if layer.equal else 'NOT EQUAL'}")
    print(report.verdict)
    return report.equal


if __name__ == "__main__":
    sys.exit(0 if main(Path(sys.argv[1])) else 1)
