"""The graph builder that importers of NCHW frameworks (ONNX, PyTorch) call."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

from golden.affine import Affine
from golden.float_graph import BatchStatistics
from golden.graph import Padding, Window
from golden.importers.partial import Refusal, RefusedNetworkError
from golden.importers.values import Constant, Float64, UnsupportedError
from golden.scalar_function import ScalarFunction

#: Bytes of constants that operators may make of a file: constants shared by several of them count for each, the slack is for small files.
_SHARED, _SLACK = 64, 2**24


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
        self.reshapes: dict[tuple[str, tuple[int, ...]], str] = {}

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

    def shaped(self, name: str, x: str, shape: tuple[int, ...]) -> str:
        """The same elements in a shape: the tensor itself, or one reshape of it for all that need that."""
        if self.shape(x) == shape:
            return x
        if (x, shape) not in self.reshapes:
            self.reshapes[x, shape] = self.reshape(name, x, shape)
        return self.reshapes[x, shape]

    @abstractmethod
    def conv(self, name: str, x: str, weight: Constant, bias: Constant | None, window: Window, groups: int) -> str:
        """A convolution, weight [O, I / groups, kh, kw]; dense for one group, depthwise for as many as there are input channels."""

    @abstractmethod
    def linear(self, name: str, x: str, weight: Constant, bias: Constant | None) -> str:
        """A matrix [O, I] times a vector."""

    @abstractmethod
    def scale_offset(self, name: str, x: str, scale: Float64, offset: Float64, statistics: BatchStatistics | None = None) -> str:
        """x * scale + offset per channel, the last axis; `statistics` are what a batch normalization made them of."""

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
    def function(self, name: str, x: str, function: ScalarFunction) -> str:
        """A function of each element."""

    @abstractmethod
    def is_readable(self, x: str) -> bool:
        """Whether an operator can read a tensor as it is."""

    @abstractmethod
    def stand_in(self, name: str, shape: tuple[int, ...]) -> str:
        """A tensor in place of one that a refused operator makes, so that what reads it is still judged."""

    @abstractmethod
    def refused(self, outputs: tuple[str, ...], refusals: Sequence[Refusal]) -> RefusedNetworkError:
        """The error for a network of which these parts were refused."""

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
