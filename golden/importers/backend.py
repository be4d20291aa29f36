"""The graph builder that importers of NCHW frameworks (ONNX, PyTorch) call, and the values that they hand to it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from golden.affine import Affine
from golden.graph import Padding, Window
from golden.importers.layout import Layout
from golden.importers.values import UnsupportedError

Array = npt.NDArray[np.generic]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

#: Bytes of constants that operators may make of a file: constants shared by several of them count for each, the slack is for small files.
_SHARED, _SLACK = 64, 2**24


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
class Value:
    """A tensor of the graph as its framework sees it.

    tensor:  its name in the graph, or that of one that the builder is going to make.
    layout:  the framework's view of it.
    integer: int8 or uint8 between a quantizer and a dequantizer; nothing for real values.
    """

    tensor: str
    layout: Layout
    integer: str = ""


class Backend(ABC):
    """Builds a graph, float or integer.  Tensors are named; methods return the name of the tensor that they make, in (H, W, C).

    name: of the network.
    size: of its file in bytes, which bounds what it may ask for.
    """

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.size = size
        self.copied = 0
        self.names: dict[str, int] = {}

    def unique(self, wanted: str) -> str:
        """A name that was not given before: the wanted one, or that with a number."""
        base = wanted or "tensor"
        name = base
        while name in self.names:
            self.names[base] += 1
            name = f"{base}.{self.names[base]}"
        self.names[name] = 1
        return name

    def spend(self, size: int) -> None:
        """Counts bytes of constants before they are made.  Raises UnsupportedError where the file asks for many times its own size."""
        self.copied += size
        if self.copied > _SHARED * self.size + _SLACK:
            raise UnsupportedError("the file's operators share or widen so many constants that they would need many times its size")

    @abstractmethod
    def input(self, name: str, shape: tuple[int, ...]) -> str:
        """A network input."""

    @abstractmethod
    def shape(self, tensor: str) -> tuple[int, ...]:
        """The graph's shape of a tensor."""

    @abstractmethod
    def reshape(self, name: str, x: str, shape: tuple[int, ...]) -> str:
        """The same elements in another shape."""

    @abstractmethod
    def conv(self, name: str, x: str, weight: Constant, bias: Constant | None, window: Window, groups: int) -> str:
        """A convolution, weight [O, I / groups, kh, kw]; dense for one group, depthwise for as many as there are input channels."""

    @abstractmethod
    def linear(self, name: str, x: str, weight: Constant, bias: Constant | None) -> str:
        """A matrix [O, I] times a vector."""

    @abstractmethod
    def scale_offset(self, name: str, x: str, scale: Float64, offset: Float64) -> str:
        """x * scale + offset per channel, the last axis."""

    @abstractmethod
    def add(self, name: str, a: str, b: str) -> str:
        """The sum of two tensors of one shape."""

    @abstractmethod
    def clamp(self, name: str, x: str, low: float, high: float) -> str:
        """The clamp to real [low, high]."""

    @abstractmethod
    def max_pool(self, name: str, x: str, window: Window) -> str:
        """The largest valid value of each window."""

    @abstractmethod
    def average_pool(self, name: str, x: str, window: Window) -> str:
        """The mean of the valid values of each window."""

    @abstractmethod
    def pad(self, name: str, x: str, padding: Padding) -> str:
        """Real zero around a map."""

    @abstractmethod
    def concatenate(self, name: str, parts: tuple[str, ...], axis: int) -> str:
        """Tensors one after the other along an axis of the graph's shape."""

    @abstractmethod
    def softmax(self, name: str, x: str) -> str:
        """Softmax over the last axis."""

    @abstractmethod
    def function(self, name: str, x: str, kind: str) -> str:
        """Logistic or tanh, by name, of each element."""

    @abstractmethod
    def quantize(self, name: str, x: str, meaning: Affine) -> str:
        """The integer tensor of a real one."""

    @abstractmethod
    def dequantize(self, name: str, x: str, meaning: Affine) -> str:
        """The real tensor of an integer one."""

    @abstractmethod
    def clamp_integers(self, name: str, x: str, low: int, high: int) -> str:
        """The clamp of an integer tensor to int8 values."""


def scalar_affine(scale: float, zero_point: int, kind: str) -> Affine:
    """What the integers of an int8 or uint8 tensor stand for; an unsigned one is a signed one moved by 128 (SPEC eq. 7)."""
    moved = zero_point - (128 if kind == "uint8" else 0)
    if not (math.isfinite(scale) and scale > 0 and -128 <= moved <= 127):
        raise UnsupportedError(
            f"its scale is {scale!r} and its zero point {zero_point}; {kind} needs a scale above 0 and a zero point that it holds"
        )
    return Affine(scale, moved)
