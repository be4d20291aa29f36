"""Operators on maps and vectors as NCHW frameworks (ONNX, PyTorch) define them, onto the graph builder.

Rank 4 is a map [N, C, H, W], rank 3 a map of one row [N, C, L], rank 2 a vector [N, F].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import numpy as np

from golden.float_graph import BatchStatistics
from golden.graph import Padding, Window
from golden.importers import pointwise
from golden.importers.layout import MAX_AXIS, MAX_ELEMENTS, Layout, graph_shape, map_layout, vector_layout
from golden.importers.pointwise import Call
from golden.importers.values import Constant, Float64, UnsupportedError, Value

#: Most taps of a window: those of a mean over a map of 256 x 256.
MAX_TAPS = 2**16


# --- layout -----------------------------------------------------------------------------------------


def made(tensor: str, layout: Layout) -> Value:
    """An operator's result.  Raises UnsupportedError where it is larger than anything that is imported."""
    if any(size > MAX_AXIS for size in layout.shape) or layout.size > MAX_ELEMENTS:
        raise UnsupportedError(f"it makes a tensor of shape {layout}; {MAX_ELEMENTS} elements are the most")
    return Value(tensor, layout)


def laid_out(call: Call, x: Value) -> Value:
    """A map [N, C, H, W] stored as (H, W, C), or a vector stored as (F,) in any order, through a reshape where needed."""
    layout = x.layout
    if len(layout.axes) not in (2, 4) or layout.axes[0]:
        raise UnsupportedError(f"it is applied to a tensor of shape {layout}; it needs a map [N, C, H, W] or a vector [N, F]")
    if len(layout.axes) == 4 and not layout.is_map():
        raise UnsupportedError(
            f"its input {layout} is transposed or reshaped so that elements would have to move; "
            "only flattening, axes of size 1, and transpositions that undo each other are supported"
        )
    return replace(x, tensor=call.backend.shaped(x.label or f"{call.name}.input", x.tensor, graph_shape(layout)))


def as_map(call: Call, x: Value) -> Value:
    """A map; [N, C, L] is one of one row."""
    if len(x.layout.axes) == 3 and not x.layout.axes[0]:
        _, channels, length = x.layout.shape
        x = replace(x, layout=x.layout.reshape((1, channels, 1, length)))
    if len(x.layout.axes) != 4 or x.layout.axes[0]:
        raise UnsupportedError(f"it is applied to a tensor of shape {x.layout}; it needs a map [N, C, H, W]")
    return laid_out(call, x)


def as_vector(call: Call, x: Value) -> Value:
    """A vector, in any order."""
    if len(x.layout.axes) != 2:
        raise UnsupportedError(f"it is applied to a tensor of shape {x.layout}; it needs [N, F]: flatten it first")
    return laid_out(call, x)


def over_map(call: Call, x: Value, make: Callable[[Value], str]) -> Value:
    """What `make` makes of a map; of a map of one row [N, C, L], again such a one."""
    tensor = make(as_map(call, x))
    rows, columns, channels = call.backend.shape(tensor)
    layout = map_layout(channels, rows, columns)
    return made(tensor, layout if len(x.layout.axes) == 4 else layout.reshape((1, channels, columns)))


def output_shape(layout: Layout) -> tuple[int, ...]:
    """The graph's shape of a network output.  Raises UnsupportedError where the graph's order would not be the framework's."""
    if not layout.axes or layout.axes[0]:
        raise UnsupportedError(f"has the shape {layout}; maps [N, C, H, W] and vectors [N, F] are supported")
    rest = layout.shape[1:]
    if len(rest) == 2:
        layout = layout.reshape((1, rest[0], 1, rest[1]))
        rest = layout.shape[1:]
    if len(rest) == 3 and layout.is_map():
        return (rest[1], rest[2], rest[0])
    if len(rest) in (1, 3) and layout.in_order():
        return rest
    if len(rest) == 1:
        raise UnsupportedError("is a flattened map, whose order differs between NCHW and NHWC; make the map itself the output")
    raise UnsupportedError(f"has the shape {layout}; maps [N, C, H, W] and vectors [N, F] are supported")


# --- layers -----------------------------------------------------------------------------------------


def conv(call: Call, x: Value, weight: Constant, bias: Constant | None, window: Window, groups: int) -> Value:
    """A convolution of weights [O, I / groups, kh, kw] over maps."""
    outputs, depth = weight.array.shape[:2]
    channels = x.layout.shape[1]
    if groups < 1 or depth * groups != channels or outputs % groups:
        raise UnsupportedError(f"its weights {list(weight.array.shape)} in {groups} groups do not fit the {channels} channels of its input")
    return over_map(call, x, lambda y: call.backend.conv(call.name, y.tensor, weight, bias, fitting(y, window), groups))


def linear(call: Call, x: Value, weight: Constant, bias: Constant | None) -> Value:
    """A matrix [O, I] times a vector, or times each pixel of a map whose channels come last, [N, ..., I]."""
    outputs, length = weight.array.shape
    rank = len(x.layout.axes)
    if length != x.layout.shape[-1]:
        raise UnsupportedError(f"its weights take {length} values, but its input has the shape {x.layout}")
    if len(weight.scale if weight.scale is not None else ()) > 1 and weight.axis != 0:
        raise UnsupportedError("its weights have one scale per input; one, or one per output, is needed")
    if rank in (3, 4):
        kernel = replace(weight, array=weight.array[:, :, None, None])
        first, last = (0, rank - 1, *range(1, rank - 1)), (0, *range(2, rank), 1)
        try:
            moved = replace(x, layout=x.layout.transpose(first))
            result = conv(call, moved, kernel, bias, Window((1, 1)), 1)
        except UnsupportedError as error:
            raise UnsupportedError(f"it is applied to a tensor of shape {x.layout}; flatten it first, to [N, F]") from error
        return replace(result, layout=result.layout.transpose(last))
    x = as_vector(call, x)
    ordered = replace(weight, array=weight.array[:, x.layout.order()])
    return made(call.backend.linear(call.name, x.tensor, ordered, bias), vector_layout(outputs))


def per_channel(call: Call, x: Value, scale: Float64, offset: Float64, statistics: BatchStatistics | None = None) -> Value:
    """x * scale + offset with one of each for all, per channel of a map, or per element of a vector, in the framework's order.

    statistics: what they were made of, for a batch normalization.
    """
    origin = None
    if (scale == scale[0]).all() and (offset == offset[0]).all():
        table = pointwise.scale_offset(call, x, float(scale[0]), float(offset[0]))
        if table is not None:
            return table
        origin = pointwise.scaled(x, float(scale[0]), float(offset[0]))
    if len(x.layout.axes) == 2:
        x, order = as_vector(call, x), x.layout.order()
        ordered = None if statistics is None else statistics.ordered(order)
        return replace(x, tensor=call.backend.scale_offset(call.name, x.tensor, scale[order], offset[order], ordered), origin=origin)
    return replace(over_map(call, x, lambda y: call.backend.scale_offset(call.name, y.tensor, scale, offset, statistics)), origin=origin)


def channels(call: Call, constant: Constant, x: Value) -> Float64:
    """A constant that an operator combines with x as one value per channel, or per element of a vector, float64[C]."""
    shape, rank = constant.array.shape, len(x.layout.axes)
    count = x.layout.shape[1] if rank > 1 else 1
    wide = (1,) * (rank - len(shape)) + shape
    if len(shape) > rank or any(size != 1 and (at != 1 or size != count) for at, size in enumerate(wide)):
        raise UnsupportedError(f"its constant has the shape {list(shape)}; only one value, or one per channel, is supported")
    call.backend.spend(16 * count)
    return np.array(np.broadcast_to(constant.real().ravel(), (count,)))


# --- windows ----------------------------------------------------------------------------------------


def fitting(x: Value, window: Window) -> Window:
    """A window over a map, checked."""
    sides = (window.padding.top, window.padding.bottom, window.padding.left, window.padding.right)
    steps = (*window.kernel, *window.stride, *window.dilation)
    if not (all(1 <= n <= MAX_AXIS for n in steps) and all(0 <= n <= MAX_AXIS for n in sides) and math.prod(window.kernel) <= MAX_TAPS):
        raise UnsupportedError(
            f"its kernel is {window.kernel}, its stride {window.stride}, its dilation {window.dilation}, its padding {sides}: out of range"
        )
    rows, columns = window.output_size(*x.layout.shape[2:])
    if not (1 <= rows <= MAX_AXIS and 1 <= columns <= MAX_AXIS):
        raise UnsupportedError(f"its window of {window.extent()} does not fit its input {x.layout}")
    return window


def max_pool(call: Call, x: Value, window: Window) -> Value:
    """The largest value of each window."""
    return over_map(call, x, lambda y: call.backend.max_pool(call.name, y.tensor, fitting(y, window)))


def average_pool(call: Call, x: Value, window: Window, *, counts_padding: bool = False) -> Value:
    """The mean of each window; one that counts padding is a depthwise convolution."""
    if not counts_padding or window.padding == Padding():
        return over_map(call, x, lambda y: call.backend.average_pool(call.name, y.tensor, fitting(y, window)))

    def make(y: Value) -> str:
        count, (rows, columns) = y.layout.shape[1], fitting(y, window).kernel
        call.backend.spend(8 * count * rows * columns)
        weight = Constant(np.ones((count, 1, rows, columns), np.int8), np.array([1.0 / (rows * columns)]), np.zeros(1, np.int64))
        return call.backend.conv(call.name, y.tensor, weight, None, window, count)

    return over_map(call, x, make)


def mean(call: Call, x: Value, axes: Collection[int], *, keep: bool) -> Value:
    """The mean over rows, columns or both of a map; the axes stay with size 1, or go."""
    rank, shape = len(x.layout.axes), x.layout.shape
    over = {axis % rank if -rank <= axis < rank else axis for axis in axes}
    if rank not in (3, 4) or not over or not over <= set(range(2, rank)):
        raise UnsupportedError(f"it takes the mean over the axes {sorted(over)} of {x.layout}; only rows and columns of maps are supported")
    sizes = [shape[axis] if axis in over else 1 for axis in range(2, rank)]
    result = average_pool(call, x, Window((sizes[0], sizes[1]) if rank == 4 else (1, sizes[0])))
    if keep:
        return result
    left = tuple(size for axis, size in enumerate(result.layout.shape) if axis not in over)
    return replace(result, layout=result.layout.reshape(left), label=f"{call.name}.flatten")


def pad(call: Call, x: Value, padding: Padding) -> Value:
    """Zeros around a map."""
    sides = (padding.top, padding.bottom, padding.left, padding.right)
    if not all(0 <= count <= MAX_AXIS for count in sides):
        raise UnsupportedError(f"it pads by {sides}; only whole numbers from 0 are supported")
    return over_map(call, x, lambda y: call.backend.pad(call.name, y.tensor, padding))


# --- whole tensors ----------------------------------------------------------------------------------


def concatenate(call: Call, parts: Sequence[Value], axis: int) -> Value:
    """Maps along channels, rows or columns, or vectors in the framework's order."""
    ranks = {len(part.layout.axes) for part in parts}
    rank = ranks.pop() if len(ranks) == 1 else 0
    if rank not in (2, 3, 4):
        raise UnsupportedError("it joins tensors other than maps [N, C, H, W] or vectors [N, F]")
    if not (-rank <= axis < rank and axis % rank):
        raise UnsupportedError(f"it joins along axis {axis}; only the axes of one image are supported")
    place, sizes = axis % rank, list(parts[0].layout.shape)
    laid = [as_vector(call, part) if rank == 2 else as_map(call, part) for part in parts]
    if rank == 2 and not all(part.layout.in_order() for part in laid):
        raise UnsupportedError("it joins flattened maps, whose order differs between NCHW and NHWC; join the maps instead")
    for part in parts[1:]:
        shape = part.layout.shape
        if any(size != other for at, (size, other) in enumerate(zip(shape, sizes, strict=True)) if at != place):
            raise UnsupportedError(f"it joins {part.layout} and {parts[0].layout}, which differ in other axes too")
        sizes[place] += shape[place]
    if len(parts) == 1:
        return parts[0]
    names = tuple(part.tensor for part in laid)
    if rank == 2:
        return made(call.backend.concatenate(call.name, names, 0), vector_layout(sizes[1]))
    graph_axis = 2 if place == 1 else place - 2 if rank == 4 else 1
    layout = map_layout(sizes[1], sizes[2], sizes[3]) if rank == 4 else map_layout(sizes[1], 1, sizes[2]).reshape(tuple(sizes))
    return made(call.backend.concatenate(call.name, names, graph_axis), layout)


def softmax(call: Call, x: Value, axis: int) -> Value:
    """Softmax over a vector, or over the channels of a map."""
    rank = len(x.layout.axes)
    if rank not in (2, 3, 4) or not -rank <= axis < rank or axis % rank != 1:
        raise UnsupportedError(f"it works along axis {axis} of {x.layout}; only vectors, and channels of maps, are supported")
    if rank == 2:
        x = as_vector(call, x)
        return replace(x, tensor=call.backend.softmax(call.name, x.tensor), origin=None)
    return over_map(call, x, lambda y: call.backend.softmax(call.name, y.tensor))
