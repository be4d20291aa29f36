"""Small networks to train: one for each thing that training has to get right."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from golden.float_graph import (
    FloatAdd,
    FloatAveragePool2d,
    FloatConcatenation,
    FloatConv2d,
    FloatDepthwiseConv2d,
    FloatFullyConnected,
    FloatFunction,
    FloatGraph,
    FloatMaxPool2d,
    FloatReshape,
    FloatSoftmax,
    FloatTensor,
)
from golden.graph import Padding, Window
from golden.importers.torch_export import import_module
from golden.recipe import Recipe
from golden.scalar_function import TANH
from golden.schemes import ActivationScheme, WeightScheme
from golden.training_scheme import Training


class Small(nn.Module):
    """Convolution, depthwise and residual add, each with batch normalization, and a linear layer; float32[N, 2, 6, 6] to [N, 3]."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.first = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.depthwise = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False), nn.BatchNorm2d(4, momentum=0.3), nn.ReLU6())
        self.pool, self.head = nn.AvgPool2d(2), nn.Linear(36, 3)
        for norm in (self.first[1], self.depthwise[1]):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        x = torch.relu(x + self.depthwise(x))
        scores: Tensor = self.head(self.pool(x).flatten(1))
        return scores


@cache
def small_graph() -> FloatGraph:
    """The same, imported: tracing takes longer than training here."""
    return import_module(Small(), (torch.zeros(2, 2, 6, 6),))


def small_data(count: int = 64, seed: int = 1) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Images in NCHW and classes that follow from them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 2, 6, 6)).astype(np.float32)
    return x, (x[:, 0, :3].mean(axis=(1, 2)) * 4).round().astype(np.int64).clip(-1, 1) + 1


def every_operator() -> FloatGraph:
    """What an integer graph can do with rounding of its own: x (6, 6, 2) to scores, a softmax of them, and a map."""
    rng = np.random.default_rng(5)
    shapes = {"x": (6, 6, 2), "a": (6, 6, 4), "b": (6, 6, 4), "s": (6, 6, 4), "c": (6, 6, 8), "m": (3, 3, 8), "v": (3, 3, 8)}
    shapes |= {"flat": (72,), "f": (72,), "y": (5,), "p": (5,)}
    window = Window((3, 3), padding=Padding(1, 1, 1, 1))
    ops = (
        FloatConv2d("conv", ("x",), "a", weight=rng.normal(size=(4, 3, 3, 2)), bias=rng.normal(size=4), window=window, low=0.0),
        FloatDepthwiseConv2d("depthwise", ("a",), "b", weight=rng.normal(size=(3, 3, 4)), bias=rng.normal(size=4), window=window),
        FloatAdd("add", ("a", "b"), "s", low=0.0, high=6.0),
        FloatConcatenation("concatenation", ("s", "b"), "c", axis=2),
        FloatMaxPool2d("max", ("c",), "m", window=Window((2, 2), (2, 2)), low=-1.0),
        FloatAveragePool2d("average", ("m",), "v", window=window),
        FloatReshape("flatten", ("v",), "flat"),
        FloatFunction("tanh", ("flat",), "f", function=TANH),
        FloatFullyConnected("linear", ("f",), "y", weight=rng.normal(size=(5, 72)), bias=rng.normal(size=5)),
        FloatSoftmax("softmax", ("y",), "p"),
    )
    return FloatGraph("every", {name: FloatTensor(name, shape) for name, shape in shapes.items()}, ("x",), ("y", "p"), ops)


def recipe(weight_bits: int = 4, activation_bits: int = 4, rescale: str = "tflite", **training: object) -> Recipe:
    """A recipe by its most used fields."""
    return Recipe(
        weights=WeightScheme(weight_bits),
        activations=ActivationScheme(activation_bits),
        rescale=rescale,
        training=Training(**training),  # type: ignore[arg-type]
    )
