"""One node of an ONNX file, as the functions that import it see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from golden.importers import nchw
from golden.importers.backend import Backend
from golden.importers.layout import MAX_AXIS, MAX_ELEMENTS, Layout
from golden.importers.onnx_file import FileNode, shown
from golden.importers.values import Constant, Float64, UnsupportedError, Value


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
        return nchw.as_map(self, self.real(position))

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
