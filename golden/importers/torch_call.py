"""One ATen operator call, as the functions that import it see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch

from golden.float_graph import BatchStatistics, FloatBatchNorm
from golden.importers.torch_values import Builder, Value
from golden.importers.values import UnsupportedError

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Call:
    """One operator call.

    builder:   the float graph so far.
    name:      the name of the operator, and of the tensor it makes.
    arguments: every argument by its name in the operator's schema, defaults filled in: Value, torch.Tensor (a constant) or plain.
    shape:     PyTorch's shape of the result without the batch.
    """

    builder: Builder
    name: str
    arguments: dict[str, Any]
    shape: tuple[int, ...]

    def value(self, name: str) -> Value:
        """An argument that depends on the network's input, laid out for its shape."""
        argument = self.arguments[name]
        if not isinstance(argument, Value):
            raise UnsupportedError(f"its {name} does not depend on the network's input")
        return self.builder.laid_out(argument, f"{self.name}.{name}")

    def constant(self, name: str) -> Float64 | None:
        """A constant array argument as float64; None where it is None."""
        argument = self.arguments[name]
        if argument is None:
            return None
        if not isinstance(argument, torch.Tensor):
            raise UnsupportedError(f"its {name} is computed from the network's input; only constants are supported")
        return cast(Float64, argument.detach().to("cpu", torch.float64).numpy())

    def weights(self, name: str) -> Float64:
        """A constant array argument that must be there."""
        array = self.constant(name)
        if array is None:
            raise UnsupportedError(f"it has no {name}")
        return array

    def result(self) -> Value:
        """Declares the tensor that the operator makes."""
        return self.builder.declare(self.name, self.shape)


def map_argument(call: Call, name: str) -> Value:
    """An argument that must be a map."""
    value = call.value(name)
    if len(value.shape) != 3:
        raise UnsupportedError(f"it is applied to a tensor of shape [N, {', '.join(map(str, value.shape))}]; it needs a map [N, C, H, W]")
    return value


def pair(values: Any, default: tuple[int, int] = (0, 0)) -> tuple[int, int]:
    """A size as (y, x); PyTorch writes one number for two equal ones, and nothing for the default."""
    if isinstance(values, int):
        return values, values
    if not values:
        return default
    numbers = [int(value) for value in values]
    return (numbers[0], numbers[-1])


def per_channel(call: Call, x: Value, scale: Float64, offset: Float64, statistics: BatchStatistics | None = None) -> Value:
    """x * scale + offset with one of each per channel, or per element of a vector, in PyTorch's order."""
    order = x.order if len(x.shape) == 1 else np.arange(x.shape[0])
    if statistics is not None:
        arrays = (array[order] for array in (statistics.gamma, statistics.beta, statistics.mean, statistics.variance))
        statistics = BatchStatistics(*arrays, statistics.epsilon, statistics.momentum)
    call.builder.ops.append(
        FloatBatchNorm(call.name, (x.tensor,), call.name, scale=scale[order], offset=offset[order], statistics=statistics)
    )
    return Value(call.result().tensor, call.shape, x.order)
