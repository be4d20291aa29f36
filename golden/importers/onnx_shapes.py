"""ONNX operators that only look at a tensor differently, and those that compute with constants alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from golden.importers.layout import MAX_RANK
from golden.importers.onnx_call import Call
from golden.importers.values import Array, Constant, UnsupportedError, Value

#: Elements of a constant that is computed from others element by element: shapes and paddings are short.
_SHORT = 256


def reshape(call: Call) -> Value | Constant:
    """Reshape to a constant shape, with -1 and 0 as ONNX defines them."""
    x, shape = call.argument(0), call.whole(1, MAX_RANK)
    if shape is None:
        shape = call.integers("shape") or ()
    return _reshaped(call, x, _resolved(shape, _shape(x), bool(call.integer("allowzero", 0))))


def flatten(call: Call) -> Value | Constant:
    """Flatten to two axes."""
    x = call.argument(0)
    shape, axis = _shape(x), call.integer("axis", 1)
    if not -len(shape) <= axis <= len(shape):
        raise UnsupportedError(f"its axis is {axis}, but its input has {len(shape)} axes")
    axis += len(shape) if axis < 0 else 0
    return _reshaped(call, x, (math.prod(shape[:axis]), math.prod(shape[axis:])))


def squeeze(call: Call) -> Value | Constant:
    """Squeeze of axes of size 1."""
    x = call.argument(0)
    shape = _shape(x)
    axes = _axes(call, len(shape))
    removed = {at for at, size in enumerate(shape) if size == 1} if axes is None else set(axes)
    if any(shape[axis] != 1 for axis in removed):
        raise UnsupportedError(f"it removes the axes {sorted(removed)} of {list(shape)}, which are not all of size 1")
    return _reshaped(call, x, tuple(size for at, size in enumerate(shape) if at not in removed))


def unsqueeze(call: Call) -> Value | Constant:
    """Unsqueeze: new axes of size 1."""
    x = call.argument(0)
    given = call.integers("axes") or call.whole(1) or ()
    rank = len(_shape(x)) + len(given)
    axes = _axes(call, rank) or ()
    left = iter(_shape(x))
    if len(set(axes)) != len(given) or rank > MAX_RANK:
        raise UnsupportedError(f"its axes {list(given)[:8]} are not those of one result")
    return _reshaped(call, x, tuple(1 if at in axes else next(left) for at in range(rank)))


def transpose(call: Call) -> Value | Constant:
    """Transpose: another order of axes; whoever reads it says whether elements would have to move."""
    x = call.argument(0)
    permutation = call.integers("perm")
    if permutation is None:
        permutation = tuple(reversed(range(len(_shape(x)))))
    return x.transpose(permutation) if isinstance(x, Constant) else replace(x, layout=x.layout.transpose(permutation))


def shape_of(call: Call) -> Constant:
    """Shape: a constant, because every shape is known."""
    shape = _shape(call.argument(0))
    start, end = call.integer("start", 0), call.integer("end", len(shape))
    return Constant(np.array(shape[start:end], np.int64))


def _shape(x: Value | Constant) -> tuple[int, ...]:
    return x.layout.shape if isinstance(x, Value) else x.array.shape


def _resolved(wanted: tuple[int, ...], shape: tuple[int, ...], allow_zero: bool) -> tuple[int, ...]:
    """A shape with every number filled in."""
    if not wanted or any(size < -1 for size in wanted) or sum(size == -1 for size in wanted) > 1:
        raise UnsupportedError(f"its shape {list(wanted)[:8]} is none")
    sizes = list(wanted)
    for at, size in enumerate(sizes):
        if size == 0 and not allow_zero:
            if at >= len(shape):
                raise UnsupportedError(f"its shape {list(wanted)[:8]} copies an axis that its input {list(shape)} does not have")
            sizes[at] = shape[at]
    known = math.prod(size for size in sizes if size != -1)
    if -1 in sizes and known:
        sizes[sizes.index(-1)] = math.prod(shape) // known
    return tuple(sizes)


def _reshaped(call: Call, x: Value | Constant, shape: tuple[int, ...]) -> Value | Constant:
    if isinstance(x, Value):
        return replace(x, layout=x.layout.reshape(shape))
    if math.prod(shape) != x.array.size or (x.scale is not None and len(x.scale) > 1) or any(size < 0 for size in shape):
        raise UnsupportedError(f"it takes a constant of the shape {list(x.array.shape)} to {list(shape)}, which is not possible")
    return replace(x, array=x.array.reshape(shape), axis=0)


def _axes(call: Call, rank: int) -> tuple[int, ...] | None:
    axes = call.integers("axes") or call.whole(1)
    if axes is None or not axes:
        return None
    if any(not -rank <= axis < rank for axis in axes):
        raise UnsupportedError(f"its axes {list(axes)[:8]} are not axes of a tensor with {rank}")
    return tuple(axis % rank for axis in axes)


# --- constants alone --------------------------------------------------------------------------------


def constant(call: Call) -> Constant:
    """Constant, in every way of writing one that can be a weight, a shape or a parameter."""
    for name in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        if name in call.node.attributes:
            value = np.asarray(call.node.attributes[name])
            if value.dtype.kind not in "iufb":
                break
            return Constant(value.astype(np.float32) if name.startswith("value_float") else value)
    reasons = [f"{name}: {reason}" for name, reason in call.node.unreadable.items()]
    raise UnsupportedError("its value cannot be read" + (f" ({reasons[0][:200]})" if reasons else ""))


def _short(call: Call, *positions: int) -> list[Array]:
    arrays = []
    for position in positions:
        found = call.constant(position)
        if found is None or found.scale is not None or found.array.size > _SHORT or found.array.ndim > 2:
            raise UnsupportedError("it computes with constants that are no short vectors; fold them when the network is exported")
        arrays.append(found.array)
    return arrays


def _gather(call: Call) -> Constant:
    data, indices = _short(call, 0, 1)
    axis = call.integer("axis", 0)
    places = [int(index) for index in indices.ravel()] if indices.dtype.kind in "iu" else [data.size]
    if data.ndim != 1 or axis not in (0, -1) or not all(-data.size <= place < data.size for place in places):
        raise UnsupportedError("it takes elements of a constant that are not there")
    return Constant(np.asarray(data[indices]))


def _concat(call: Call) -> Constant:
    parts = _short(call, *range(len(call.values)))
    if not parts or any(part.ndim != 1 for part in parts) or sum(part.size for part in parts) > _SHORT:
        raise UnsupportedError("it joins constants that are no short vectors; fold them when the network is exported")
    return Constant(np.concatenate(parts))


def _slice(call: Call) -> Constant:
    (data,) = _short(call, 0)
    start, end, step = (call.whole(position) for position in (1, 2, 4))
    if data.ndim != 1 or start is None or end is None or len(start) != 1 or len(end) != 1 or (step or (1,)) == (0,):
        raise UnsupportedError("it cuts a constant in a way that is not supported; fold it when the network is exported")
    return Constant(data[start[0] : end[0] : (step or (1,))[0]])


def _cast(call: Call) -> Constant:
    found = call.constant(0)
    kinds: dict[int, type[np.generic]] = {1: np.float32, 6: np.int32, 7: np.int64, 10: np.float32, 11: np.float64}
    if found is None or found.scale is not None or call.integer("to", 1) not in kinds:
        raise UnsupportedError("it casts a constant to a type that is not supported; fold it when the network is exported")
    call.backend.spend(8 * found.array.size)
    if found.array.dtype.kind == "f" and not np.isfinite(found.array).all():
        raise UnsupportedError("it casts constants that are not finite")
    with np.errstate(invalid="ignore", over="ignore"):
        return Constant(found.array.astype(kinds[call.integer("to", 1)]))


def _arithmetic(function: Callable[[Array, Array], Array]) -> Callable[[Call], Constant]:
    def fold(call: Call) -> Constant:
        a, b = _short(call, 0, 1)
        if a.dtype.kind not in "iuf" or a.dtype != b.dtype or max(a.ndim, b.ndim) > 1 or 1 not in (a.size, b.size, a.size - b.size + 1):
            raise UnsupportedError("it computes with constants of different types or shapes; fold them when the network is exported")
        with np.errstate(all="ignore"):
            return Constant(np.asarray(function(a, b)))

    return fold


def _identity(call: Call) -> Constant:
    found = call.argument(0)
    assert isinstance(found, Constant)
    return found


def _clip(call: Call) -> Constant:
    """Brevitas clips quantized weights to narrower formats."""
    found = call.constant(0)
    low, high = call.number(1), call.number(2)
    if found is None or found.scale is not None or low is None or high is None or not low <= high:
        raise UnsupportedError("it clips a constant without both ends")
    call.backend.spend(8 * found.array.size)
    return Constant(np.clip(found.array.astype(np.float64), low, high).astype(found.array.dtype))


#: What computes constants from constants; shapes, in the main.
FOLD: dict[str, Callable[[Call], Constant]] = {
    "Add": _arithmetic(lambda a, b: a + b),  # type: ignore[operator]
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "Div": _arithmetic(lambda a, b: a / b if a.dtype.kind == "f" else a // np.where(b == 0, 1, b)),  # type: ignore[operator]
    "Gather": _gather,
    "Identity": _identity,
    "Mul": _arithmetic(lambda a, b: a * b),  # type: ignore[operator]
    "Slice": _slice,
    "Sub": _arithmetic(lambda a, b: a - b),  # type: ignore[operator]
}
