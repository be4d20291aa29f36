"""What importers of NCHW frameworks (ONNX, PyTorch) work with: constants, and tensors of the graph as the framework sees them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from golden.scalar_function import ScalarFunction

if TYPE_CHECKING:
    from golden.importers.layout import Layout

Array = npt.NDArray[np.generic]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


class UnsupportedError(Exception):
    """An operator that the graph cannot represent; the text says why and what to do."""


@dataclass(frozen=True, eq=False)
class Constant:
    """A constant, or the integers of a quantized one.

    array:      as stored; integers where it has a scale.
    scale:      float64[n], one or one per element of `axis`; None for a constant that is what it says.
    zero_point: int64[n].
    """

    array: Array
    scale: Float64 | None = None
    zero_point: Int64 | None = None
    axis: int = 0

    def real(self) -> Float64:
        """The values that it stands for (SPEC eq. 1)."""
        if self.scale is None or self.zero_point is None:
            return np.asarray(self.array, dtype=np.float64)
        shape = [1] * self.array.ndim
        if len(self.scale) > 1:
            shape[self.axis] = -1
        scale, zero_point = (values.reshape(shape) if self.array.ndim else values[0] for values in (self.scale, self.zero_point))
        return np.asarray((self.array.astype(np.float64) - zero_point) * scale)

    def transpose(self, permutation: tuple[int, ...]) -> Constant:
        """The axes in another order."""
        if sorted(permutation) != list(range(self.array.ndim)):
            raise UnsupportedError(f"{list(permutation)} is no permutation of the axes of its constant {list(self.array.shape)}")
        return replace(self, array=self.array.transpose(permutation), axis=permutation.index(self.axis) if self.array.ndim else 0)


@dataclass(frozen=True, eq=False)
class Origin:
    """The tensor that a value is a function of, element by element.

    tensor:   its name.
    function: of its real values.
    tabled:   whether only a table makes that: it is more than a clamp, a scale and an offset.
    """

    tensor: str
    function: ScalarFunction
    tabled: bool


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor of the graph as its framework sees it.

    tensor:  its name in the graph, or that of one that the builder is going to make.
    layout:  the framework's view of it.
    integer: int8 or uint8 between a quantizer and a dequantizer; nothing for real values.
    origin:  what it is a function of, where that is known.
    label:   the name of the operator that gave it this layout, where that only looked at it differently.
    """

    tensor: str
    layout: Layout
    integer: str = ""
    origin: Origin | None = None
    label: str = ""
