"""Operators that work element by element, of ONNX and PyTorch alike.

A value remembers what function of which tensor it is.  So x * sigmoid(x), x * relu6(x + 3) / 6 and whatever else a network
spells out become one table (SPEC eq. 32) of x, and quantizers in between are part of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from golden import scalar_function
from golden.affine import Affine
from golden.importers.backend import Backend
from golden.importers.values import Origin, UnsupportedError, Value
from golden.scalar_function import IDENTITY, ScalarFunction


class Call(Protocol):
    """An operator of the network: the builder, and the name of what it makes."""

    @property
    def backend(self) -> Backend: ...
    @property
    def name(self) -> str: ...


def clamp(call: Call, x: Value, low: float, high: float) -> Value:
    """x clamped to [low, high]."""
    if not low <= high:
        raise UnsupportedError(f"it clips to the empty range {low} to {high}")
    origin = _after(x, scalar_function.clamp(low, high))
    return replace(x, tensor=call.backend.clamp(call.name, x.tensor, low, high), origin=origin)


def function(call: Call, x: Value, what: ScalarFunction) -> Value:
    """A function of each element, as a table; the tables of two functions in a row are one."""
    known = _origin(x)
    if known.tabled or not call.backend.is_readable(x.tensor):
        return _table(call, x, known.tensor, what.after(known.function))
    return _table(call, x, x.tensor, what)


def scale_offset(call: Call, x: Value, scale: float, offset: float) -> Value | None:
    """x * scale + offset, where that is part of a table; None where it is left to the operators of a layer."""
    return function(call, x, scalar_function.affine(scale, offset)) if _origin(x).tabled else None


def scaled(x: Value, scale: float, offset: float) -> Origin:
    """What x * scale + offset is a function of."""
    return _after(x, scalar_function.affine(scale, offset))


def add(call: Call, a: Value, b: Value) -> Value:
    """The sum of two tensors of one shape: of two functions of one tensor, at least one of them a table, a table."""
    origin = _common(a, b, scalar_function.total)
    if origin is not None and (origin.tabled or not all(call.backend.is_readable(x.tensor) for x in (a, b))):
        return _table(call, a, origin.tensor, origin.function)
    if a.layout.shape != b.layout.shape:
        raise UnsupportedError(f"it adds tensors of different shapes, {a.layout} and {b.layout}; only equal shapes are supported")
    if not a.layout.like(b.layout):
        raise UnsupportedError("it adds a flattened or transposed map to a tensor of another order; add the maps themselves, flatten after")
    second, shape = b.tensor, call.backend.shape(a.tensor)
    if call.backend.shape(second) != shape:
        second = call.backend.reshape(f"{call.name}.input", second, shape)
    return replace(a, tensor=call.backend.add(call.name, a.tensor, second), origin=origin)


def combine(call: Call, a: Value, b: Value, operation: Callable[[ScalarFunction, ScalarFunction], ScalarFunction], verb: str) -> Value:
    """Another operation of two tensors, which must be functions of one tensor."""
    origin = _common(a, b, operation)
    if origin is None:
        raise UnsupportedError(
            f"it {verb} two tensors that both depend on the network's input; only functions of one and the same tensor can be, "
            "as in x * sigmoid(x)"
        )
    return _table(call, a, origin.tensor, origin.function)


def quantized(x: Value, tensor: str, meaning: Affine, kind: str, ends: tuple[int, int] = (-128, 127)) -> Value:
    """The integers of a value, from `ends[0]` to `ends[1]`: its function then includes their steps."""
    origin = None
    if x.origin is not None:
        steps, zero_point = meaning.scale, meaning.zero_point
        low, high = ends[0] - zero_point, ends[1] - zero_point
        rounded = ScalarFunction("steps", lambda y: (y / steps).round().clamp(low, high) * steps)
        origin = replace(x.origin, function=rounded.after(x.origin.function))
    return replace(x, tensor=tensor, integer=kind, origin=origin)


def _origin(x: Value) -> Origin:
    return x.origin or Origin(x.tensor, IDENTITY, False)


def _after(x: Value, what: ScalarFunction) -> Origin:
    known = _origin(x)
    return replace(known, function=what.after(known.function))


def _common(a: Value, b: Value, operation: Callable[[ScalarFunction, ScalarFunction], ScalarFunction]) -> Origin | None:
    """What two values of one tensor make together; None for functions of different ones."""
    left, right = _origin(a), _origin(b)
    if left.tensor != right.tensor or a.layout.shape != b.layout.shape or not a.layout.like(b.layout):
        return None
    return Origin(left.tensor, operation(left.function, right.function), left.tabled or right.tabled)


def _table(call: Call, x: Value, tensor: str, what: ScalarFunction) -> Value:
    return replace(x, tensor=call.backend.function(call.name, tensor, what), origin=Origin(tensor, what, True))
