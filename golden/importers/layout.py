"""How an NCHW framework (ONNX, PyTorch) sees a tensor of the graph: NCHW against (H, W, C), flattened, transposed (SPEC section 9).

Data is never permuted.  An axis is a sequence of factors; flattening joins the factors of several axes, a
transposition changes the order of axes, and neither moves an element.  Whether what it sees is what the graph
stores is then a comparison of two sequences of factors.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from golden.importers.values import UnsupportedError

#: Bounds of the tensors that are imported; far above what fits an FPGA.
MAX_AXIS, MAX_ELEMENTS, MAX_RANK = 2**20, 2**28, 8


@dataclass(frozen=True, eq=False)
class Factor:
    """An axis of more than one element, or a part of one; equal to itself alone."""

    size: int


@dataclass(frozen=True, eq=False)
class Layout:
    """the framework's view of a tensor.

    axes:   the factors of each axis that the framework sees, the batch first; none for an axis of one element.
    memory: the same factors in the order in which the graph stores them, the last one fastest.
    """

    axes: tuple[tuple[Factor, ...], ...]
    memory: tuple[Factor, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that the framework sees, the batch included."""
        return tuple(math.prod(factor.size for factor in axis) for axis in self.axes)

    def __str__(self) -> str:
        """The shape for messages, N for the batch."""
        sizes = [str(size) for size in self.shape]
        if self.axes and not self.axes[0]:
            sizes[0] = "N"
        return f"[{', '.join(sizes[:MAX_RANK])}]"

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(factor.size for factor in self.memory)

    def transpose(self, permutation: Sequence[int]) -> Layout:
        """The axes in another order."""
        if sorted(permutation) != list(range(len(self.axes))):
            raise UnsupportedError(f"{list(permutation)} is no permutation of its {len(self.axes)} axes")
        return Layout(tuple(self.axes[axis] for axis in permutation), self.memory)

    def reshape(self, shape: Sequence[int]) -> Layout:
        """The same elements, in the framework's order, in another shape.  Raises UnsupportedError where sizes have no common factors."""
        if len(shape) > MAX_RANK or any(size < 1 for size in shape) or math.prod(shape) != self.size:
            raise UnsupportedError(f"it takes {list(self.shape)} to {list(shape)[:MAX_RANK]}, which is not the same number of elements")
        left = [factor for axis in self.axes for factor in axis]
        memory, axes = list(self.memory), []
        for size in shape:
            axis: list[Factor] = []
            need = size
            while need > 1:
                factor = left.pop(0)
                if need % factor.size == 0:
                    axis.append(factor)
                    need //= factor.size
                elif factor.size % need == 0:
                    parts = [Factor(need), Factor(factor.size // need)]
                    at = memory.index(factor)
                    memory[at : at + 1] = parts
                    left.insert(0, parts[1])
                    axis.append(parts[0])
                    need = 1
                else:
                    raise UnsupportedError(
                        f"a reshape from {list(self.shape)} to {list(shape)} mixes axes; only joining and splitting them is"
                    )
            axes.append(tuple(axis))
        return Layout(tuple(axes), tuple(memory))

    def order(self) -> npt.NDArray[np.int64]:
        """int64[size]: the place in the framework's order of each element in the graph's."""
        seen = [factor for axis in self.axes for factor in axis]
        places = np.arange(self.size, dtype=np.int64).reshape([factor.size for factor in seen])
        return places.transpose([seen.index(factor) for factor in self.memory]).ravel()

    def is_map(self) -> bool:
        """Whether the framework sees [1, C, H, W] and the graph stores (H, W, C)."""
        if len(self.axes) != 4 or self.axes[0]:
            return False
        channels, rows, columns = self.axes[1:]
        return (*rows, *columns, *channels) == self.memory

    def is_vector(self) -> bool:
        """Whether the framework sees [1, N], in any order."""
        return len(self.axes) == 2 and not self.axes[0]

    def in_order(self) -> bool:
        """Whether the graph's order is the framework's."""
        return tuple(factor for axis in self.axes for factor in axis) == self.memory

    def like(self, other: Layout) -> bool:
        """Whether two tensors of one shape are stored in the same order."""
        return self.shape == other.shape and self._signature() == other._signature()

    def _signature(self) -> list[tuple[int, int]]:
        """The order of storage, as (place in the framework's order, size) of runs that are together in both."""
        seen = [factor for axis in self.axes for factor in axis]
        runs: list[tuple[int, int]] = []
        last = -2
        for factor in self.memory:
            at = seen.index(factor)
            if at == last + 1 and runs:
                runs[-1] = (runs[-1][0], runs[-1][1] * factor.size)
            else:
                runs.append((math.prod(before.size for before in seen[:at]), factor.size))
            last = at
        return runs


def stored(shape: Sequence[int], memory: Iterable[int]) -> Layout:
    """The layout of a new tensor that the framework sees in `shape` and the graph stores with these axes in this order."""
    axes = tuple((Factor(size),) if size > 1 else () for size in shape)
    return Layout(axes, tuple(factor for axis in memory for factor in axes[axis]))


def map_layout(channels: int, rows: int, columns: int) -> Layout:
    """[1, C, H, W] stored as (H, W, C)."""
    return stored((1, channels, rows, columns), (2, 3, 1))


def vector_layout(size: int) -> Layout:
    """[1, N]."""
    return stored((1, size), (1,))


def graph_shape(layout: Layout) -> tuple[int, ...]:
    """The graph's shape for a map or a vector."""
    _, *rest = layout.shape
    return (rest[1], rest[2], rest[0]) if len(rest) == 3 else (layout.size,)
