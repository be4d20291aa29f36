"""One node of an ONNX file, as the functions that import it see it, and the graph builder that they call."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from golden.affine import Affine
from golden.graph import Padding, Window
from golden.importers.onnx_file import MAX_AXIS, MAX_ELEMENTS, Array, FileModel, FileNode, shown
from golden.importers.onnx_layout import Layout, graph_shape
from golden.importers.values import UnsupportedError

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
    """A tensor of the graph as ONNX sees it.

    tensor:  its name in the graph, or that of one that the builder is going to make.
    layout:  ONNX's view of it.
    integer: int8 or uint8 between QuantizeLinear and DequantizeLinear; nothing for real values.
    """

    tensor: str
    layout: Layout
    integer: str = ""


class Backend(ABC):
    """Builds a graph, float or integer.  Tensors are named; methods return the name of the tensor that they make, in (H, W, C)."""

    def __init__(self, model: FileModel) -> None:
        self.model = model
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
        if self.copied > _SHARED * self.model.size + _SLACK:
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


@dataclass(frozen=True)
class Call:
    """One node.

    node:   as the file has it.
    name:   of the tensor and the operator that it makes.
    values: what each input is; None for one that is left out.
    opset:  of the file.
    """

    backend: Backend
    node: FileNode
    name: str
    values: tuple[Value | Constant | None, ...]
    opset: int = field(default=13)

    # --- inputs -------------------------------------------------------------------------------------

    def argument(self, position: int) -> Value | Constant:
        """An input that must be there."""
        found = self.values[position] if position < len(self.values) else None
        if found is None:
            raise UnsupportedError(f"it has {len(self.values)} inputs; input {position} is missing")
        return found

    def value(self, position: int = 0) -> Value:
        """An input that depends on the network's, integer or real."""
        found = self.argument(position)
        if not isinstance(found, Value):
            raise UnsupportedError(f"its input {position} is a constant; only weights, biases and parameters can be")
        return found

    def real(self, position: int = 0) -> Value:
        """An input that depends on the network's, in real values."""
        found = self.value(position)
        if found.integer:
            raise UnsupportedError(f"its input {position} is {found.integer}; it must go through DequantizeLinear first")
        return found

    def map(self, position: int = 0) -> Value:
        """A real input [1, C, H, W], stored as (H, W, C)."""
        return self.laid_out(self.real(position), rank=4)

    def vector(self, position: int = 0) -> Value:
        """A real input [1, N], stored as (N,), in any order."""
        return self.laid_out(self.real(position), rank=2)

    def laid_out(self, value: Value, rank: int) -> Value:
        """The value in the graph's shape for a map (rank 4) or a vector (rank 2), through a reshape where needed."""
        layout = value.layout
        if len(layout.axes) != rank or layout.axes[0]:
            wanted = "a map [1, C, H, W]" if rank == 4 else "[1, N]; flatten it first"
            raise UnsupportedError(f"it is applied to a tensor of shape {list(layout.shape)}; it needs {wanted}")
        if rank == 4 and not layout.is_map():
            raise UnsupportedError(
                f"its input {list(layout.shape)} is transposed or reshaped so that elements would have to move; "
                "only flattening, axes of size 1, and transpositions that undo each other are supported"
            )
        wanted_shape = graph_shape(layout)
        if self.backend.shape(value.tensor) == wanted_shape:
            return value
        return replace(value, tensor=self.backend.reshape(f"{self.name}.input", value.tensor, wanted_shape))

    def constant(self, position: int) -> Constant | None:
        """A constant input; None where it is left out."""
        found = self.values[position] if position < len(self.values) else None
        if isinstance(found, Value):
            raise UnsupportedError(f"its input {position} is computed from the network's input; only a constant is supported")
        return found

    def weights(self, position: int, rank: int) -> Constant:
        """A constant of `rank` axes that must be there, with elements."""
        found = self.constant(position)
        if found is None or found.array.ndim != rank or not found.array.size:
            shape = "nothing" if found is None else list(found.array.shape)
            raise UnsupportedError(f"its input {position} must be a constant of {rank} axes, not {shape}")
        self.backend.spend(found.array.size * 8)
        return found

    def reals(self, position: int, size: int) -> Float64:
        """A constant vector of real values, float64[size]."""
        found = self.weights(position, 1)
        if found.array.shape != (size,):
            raise UnsupportedError(f"its input {position} has the shape {list(found.array.shape)}; it must be [{size}]")
        return found.real()

    def number(self, position: int) -> float | None:
        """A constant of one element; None where it is left out."""
        found = self.constant(position)
        if found is None or not found.array.size:
            return None
        if found.array.size != 1:
            raise UnsupportedError(f"its input {position} has the shape {list(found.array.shape)}; it must be one number")
        return float(found.real().ravel()[0])

    def whole(self, position: int, limit: int = 16) -> tuple[int, ...] | None:
        """A short constant vector of integers; None where it is left out."""
        found = self.constant(position)
        if found is None:
            return None
        if found.scale is not None or found.array.dtype.kind not in "iu" or found.array.size > limit or found.array.ndim > 1:
            raise UnsupportedError(f"its input {position} must be a short constant vector of integers")
        return tuple(int(value) for value in found.array.ravel())

    # --- attributes ---------------------------------------------------------------------------------

    def _attribute(self, name: str, default: Any, *types: type) -> Any:
        if name in self.node.unreadable:
            raise UnsupportedError(f"its attribute {shown(name)} {self.node.unreadable[name]}")
        found = self.node.attributes.get(name, default)
        if found is not default and not isinstance(found, types):
            raise UnsupportedError(f"its attribute {shown(name)} is of the wrong type; the file is damaged")
        return found

    def integer(self, name: str, default: int) -> int:
        """An integer attribute."""
        return int(self._attribute(name, default, int))

    def decimal(self, name: str, default: float) -> float:
        """A real attribute."""
        return float(self._attribute(name, default, float))

    def text(self, name: str, default: str) -> str:
        """A text attribute."""
        return str(self._attribute(name, default, str))

    def integers(self, name: str) -> tuple[int, ...] | None:
        """An attribute of integers; None where it is left out."""
        found = self._attribute(name, None, tuple)
        if found is not None and not all(isinstance(value, int) for value in found):
            raise UnsupportedError(f"its attribute {shown(name)} is of the wrong type; the file is damaged")
        return found  # type: ignore[no-any-return]

    # --- the result ---------------------------------------------------------------------------------

    def made(self, tensor: str, layout: Layout) -> Value:
        """The operator's result.  Raises UnsupportedError where it is larger than anything that is imported."""
        if any(size > MAX_AXIS for size in layout.shape) or layout.size > MAX_ELEMENTS:
            raise UnsupportedError(f"it makes a tensor of shape {list(layout.shape)}; {MAX_ELEMENTS} elements are the most")
        return Value(tensor, layout)


def scalar_affine(scale: float, zero_point: int, kind: str) -> Affine:
    """What the integers of an int8 or uint8 tensor stand for; an unsigned one is a signed one moved by 128 (SPEC eq. 7)."""
    moved = zero_point - (128 if kind == "uint8" else 0)
    if not (math.isfinite(scale) and scale > 0 and -128 <= moved <= 127):
        raise UnsupportedError(
            f"its scale is {scale!r} and its zero point {zero_point}; {kind} needs a scale above 0 and a zero point that it holds"
        )
    return Affine(scale, moved)
