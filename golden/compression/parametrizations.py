"""PyTorch parametrizations that keep a weight compressed while it is trained: any training loop can use them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.utils import parametrize

from golden.compression.codebook import PRUNED, SharedWeights


class Masked(nn.Module):
    """Pruned weights stay 0: they have no gradient either."""

    mask: torch.Tensor

    def __init__(self, mask: npt.NDArray[np.bool_]) -> None:
        super().__init__()
        self.register_buffer("mask", torch.tensor(mask))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """The weight with its pruned elements at 0."""
        return weight * self.mask


class FromCodebook(nn.Module):
    """The weight is read from a codebook, which is what is trained: an entry's gradient is the sum of its weights' (SPEC eq. 58).

    unit: what one unit of the codebook is worth: a number, or an array that broadcasts against the weight, such as a scale for each
          output channel.
    """

    indices: torch.Tensor
    unit: torch.Tensor

    def __init__(self, shared: SharedWeights, unit: npt.ArrayLike = 1.0) -> None:
        super().__init__()
        self.codebook = nn.Parameter(torch.tensor(shared.codebook, dtype=torch.float32))
        self.register_buffer("indices", torch.tensor(np.where(shared.indices == PRUNED, shared.codebook.size, shared.indices)))
        self.register_buffer("unit", torch.tensor(np.asarray(unit, dtype=np.float64), dtype=torch.float32))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """The weight that the codebook stands for; the one that was there before is not used."""
        entries = torch.cat([self.codebook, self.codebook.new_zeros(1)])
        return entries[self.indices] * self.unit

    def shared(self) -> SharedWeights:
        """The codebook as it is now."""
        codebook, indices = self.codebook.detach().double().numpy(), self.indices.numpy()
        return SharedWeights(codebook, np.where(indices == codebook.size, PRUNED, indices))


def keep_pruned(module: nn.Module, mask: npt.NDArray[np.bool_], name: str = "weight") -> None:
    """From now on the module's weight is 0 where the mask, of its shape, is False."""
    parametrize.register_parametrization(module, name, Masked(mask))


def train_codebook(module: nn.Module, shared: SharedWeights, unit: npt.ArrayLike = 1.0, name: str = "weight") -> FromCodebook:
    """From now on the module's weight is what the shared weights stand for, and training moves their codebook."""
    source = FromCodebook(shared, unit)
    parametrize.register_parametrization(module, name, source, unsafe=True)  # it does not read the weight
    getattr(module.parametrizations, name).original.requires_grad_(False)
    return source


def leave(module: nn.Module, name: str = "weight") -> None:
    """The weight is an ordinary parameter again, with the values that it has now."""
    parametrize.remove_parametrizations(module, name, leave_parametrized=True)
    getattr(module, name).requires_grad_(True)
