"""What an imported value is while a PyTorch program is being read: a tensor of the float graph, seen in PyTorch's shape."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from golden.float_graph import FloatOp, FloatReshape, FloatTensor
from golden.importers.values import UnsupportedError

Order = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor of the float graph as PyTorch sees it.

    tensor: its name in the float graph.
    shape:  PyTorch's shape without the batch, (C, H, W) for maps.
    order:  int64[size]: the place in PyTorch's order of each element in the float graph's, which is (H, W, C).
    label:  the name of the operator that gave it this shape, where that only looked at it differently.
    """

    tensor: str
    shape: tuple[int, ...]
    order: Order
    label: str = ""


def graph_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The float graph's shape for PyTorch's: (C, H, W) becomes (H, W, C), a vector stays."""
    if len(shape) == 3:
        return (shape[1], shape[2], shape[0])
    if len(shape) == 1:
        return shape
    raise UnsupportedError(
        f"its tensor has the shape [N, {', '.join(map(str, shape))}]; only maps [N, C, H, W] and vectors [N, F] are supported"
    )


def natural_order(shape: tuple[int, ...]) -> Order:
    """The order of a tensor that was laid out for its shape."""
    places = np.arange(int(np.prod(shape, dtype=np.int64)), dtype=np.int64)
    return places.reshape(shape).transpose(1, 2, 0).ravel() if len(shape) == 3 else places


@dataclass
class Builder:
    """The float graph under construction."""

    tensors: dict[str, FloatTensor] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    ops: list[FloatOp] = field(default_factory=list)
    _reshaped: dict[tuple[str, tuple[int, ...]], str] = field(default_factory=dict)

    def unique(self, wanted: str) -> str:
        """A name that no tensor has yet: the wanted one, or that with a number."""
        name, count = wanted, 1
        while name in self.tensors:
            count += 1
            name = f"{wanted}.{count}"
        return name

    def declare(self, name: str, shape: tuple[int, ...]) -> Value:
        """Declares a tensor that PyTorch sees in `shape`."""
        self.tensors[name] = FloatTensor(name, graph_shape(shape))
        return Value(name, shape, natural_order(shape))

    def laid_out(self, value: Value, name: str) -> Value:
        """The value with the float graph's tensor in the shape that goes with PyTorch's: through a reshape where needed.

        Raises UnsupportedError where that would take more than a reshape.
        """
        wanted = graph_shape(value.shape)
        if len(wanted) == 3 and not np.array_equal(value.order, natural_order(value.shape)):
            raise UnsupportedError(
                f"a reshape to [N, {', '.join(map(str, value.shape))}] moves elements between channels and pixels; "
                "only flattening, and removing or adding axes of size 1, are supported"
            )
        if self.tensors[value.tensor].shape == wanted:
            return value
        key = (value.tensor, wanted)
        if key in self._reshaped:
            return Value(self._reshaped[key], value.shape, value.order)
        output = self._reshaped[key] = self.unique(value.label or name)
        self.tensors[output] = FloatTensor(output, wanted)
        self.ops.append(FloatReshape(output, (value.tensor,), output))
        return Value(output, value.shape, value.order)
