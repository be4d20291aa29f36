"""A small network that the tests of this folder share: 2 x 8 x 8 inputs, 4 classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

FACTORIES = """
import torch
from torch import nn


def small():
    torch.manual_seed(7)
    return nn.Sequential(
        nn.Conv2d(2, 5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(5, 8, 3, stride=2, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
    ).eval()


def unsupported():
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.Upsample(scale_factor=2), nn.Conv2d(4, 4, 3), nn.ConvTranspose2d(4, 4, 2)).eval()


def number():
    return 3


def broken():
    raise RuntimeError("no weights here")
"""


@dataclass(frozen=True)
class Files:
    """Files of the small network.

    folder:      where they are, and factories.py with functions that return networks.
    calibration: real inputs, NCHW.
    test:        16 real inputs with labels, NHWC.
    network:     the quantized network.
    """

    folder: Path
    calibration: Path
    test: Path
    network: Path


@dataclass(frozen=True)
class Result:
    """What a command came to."""

    code: int
    out: str
    err: str


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


#: Runs `weft` with arguments.
Command = Callable[..., Result]


def small_network() -> nn.Module:
    """What `factories:small` returns."""
    namespace: dict[str, Any] = {}
    exec(FACTORIES, namespace)
    network: nn.Module = namespace["small"]()
    return network
