"""One ATen operator call, as the functions that import it see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from golden.importers.backend import Backend
from golden.importers.values import Constant, UnsupportedError, Value

#: Types of constants that numpy does not have, or that are computed with in more bits.
_REAL = {torch.float16, torch.bfloat16, torch.float32, torch.float64}


@dataclass(frozen=True)
class Call:
    """One operator call.

    backend:   the graph so far.
    name:      wanted, for the operator and the tensor that it makes.
    arguments: every argument by its name in the operator's schema, defaults filled in: Value, Constant, torch.Tensor (a constant),
               lists of these, or plain.
    shape:     PyTorch's shape of the result without the batch.
    """

    backend: Backend
    name: str
    arguments: dict[str, Any]
    shape: tuple[int, ...]

    def value(self, name: str = "self") -> Value:
        """A real argument that depends on the network's input."""
        found = self.tensor(name)
        if found.integer:
            raise UnsupportedError(f"its {name} is {found.integer}; it must be dequantized first")
        return found

    def tensor(self, name: str) -> Value:
        """An argument that depends on the network's input, real or integer."""
        found = self.arguments[name]
        if not isinstance(found, Value):
            raise UnsupportedError(f"its {name} does not depend on the network's input")
        return found

    def constant(self, name: str) -> Constant | None:
        """A constant array argument; None where it is None."""
        found = self.arguments[name]
        if found is None or isinstance(found, Constant):
            return found
        if not isinstance(found, torch.Tensor):
            raise UnsupportedError(f"its {name} is computed from the network's input; only constants are supported")
        return stored(found)

    def weights(self, name: str, rank: int) -> Constant:
        """A constant array argument of `rank` axes that must be there."""
        found = self.constant(name)
        if found is None or found.array.ndim != rank or not found.array.size:
            shape = "nothing" if found is None else list(found.array.shape)
            raise UnsupportedError(f"its {name} must be a constant of {rank} axes, not {shape}")
        self.backend.spend(8 * found.array.size)
        return found

    def reals(self, name: str, size: int) -> np.ndarray[Any, np.dtype[np.float64]] | None:
        """A constant vector of real values, float64[size]; None where it is None."""
        if self.arguments[name] is None:
            return None
        found = self.weights(name, 1)
        if found.array.shape != (size,):
            raise UnsupportedError(f"its {name} has the shape {list(found.array.shape)}; it must be [{size}]")
        return found.real()

    def operand(self, name: str) -> Value | Constant:
        """An operand of an arithmetic operator: real and dependent on the network's input, or a constant, a number included."""
        found = self.arguments[name]
        if isinstance(found, Value):
            return self.value(name)
        if isinstance(found, (int, float)):
            return Constant(np.array(found, np.float64))
        constant = self.constant(name)
        if constant is None:
            raise UnsupportedError(f"it has no {name}")
        return constant

    def values(self, name: str) -> list[Value]:
        """A list of real arguments, every one of which depends on the network's input."""
        found = self.arguments[name]
        if not all(isinstance(value, Value) for value in found):
            raise UnsupportedError("it joins constants with the network's data; only data is supported")
        if any(value.integer for value in found):
            raise UnsupportedError("it joins integers; they must be dequantized first")
        return list(found)


def stored(tensor: torch.Tensor) -> Constant:
    """A constant tensor, real ones in float64."""
    data = tensor.detach().to("cpu")
    return Constant((data.to(torch.float64) if data.dtype in _REAL else data).numpy())


def sizes(values: Any, count: int, default: tuple[int, ...]) -> tuple[int, ...]:
    """`count` sizes, one per axis; PyTorch writes one number for equal ones, and nothing for the default."""
    if isinstance(values, int):
        return (values,) * count
    if not values:
        return default
    numbers = tuple(int(value) for value in values)
    if len(numbers) not in (1, count):
        raise UnsupportedError(f"its sizes {list(numbers)[:8]} are not {count}")
    return numbers * count if len(numbers) == 1 else numbers


def pair(values: Any, rank: int, default: int) -> tuple[int, int]:
    """Sizes as (y, x) for a map [N, C, H, W] or one of one row [N, C, L], where the other axis has `default`."""
    if rank == 4:
        y, x = sizes(values, 2, (default, default))
        return y, x
    (x,) = sizes(values, 1, (default,))
    return default, x


def map_rank(x: Value) -> int:
    """The rank of a map: 4, or 3 for one of one row."""
    rank = len(x.layout.axes)
    if rank not in (3, 4):
        raise UnsupportedError(f"it is applied to a tensor of shape {x.layout}; it needs a map [N, C, H, W]")
    return rank
