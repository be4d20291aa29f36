"""ATen operators with windows: padding and pooling."""

from __future__ import annotations

from golden.graph import Padding, Window
from golden.importers import nchw
from golden.importers.torch_call import Call, map_rank, pair, sizes
from golden.importers.values import UnsupportedError, Value


def pad(call: Call) -> Value:
    """Constant padding of height and width with 0."""
    arguments, x = call.arguments, call.value()
    if arguments.get("mode", "constant") != "constant" or (arguments.get("value") or 0.0) != 0.0:
        raise UnsupportedError("only padding with the constant 0 is supported; use zeros")
    rank = map_rank(x)
    sides = [int(side) for side in arguments["pad"]]
    left, right, top, bottom = [*sides, 0, 0, 0, 0][:4] if rank == 4 else (*[*sides, 0, 0][:2], 0, 0)
    if any(sides[4 if rank == 4 else 2 :]) or min(left, right, top, bottom) < 0:
        raise UnsupportedError("only height and width can be padded, and not by negative numbers")
    return nchw.pad(call, x, Padding(top, bottom, left, right))


def _window(call: Call, x: Value) -> Window:
    """The window of a pool; ceil_mode becomes padding after the last row and column, which no pool counts."""
    arguments, rank = call.arguments, map_rank(x)
    kernel = pair(arguments["kernel_size"], rank, 1)
    stride, dilation = pair(arguments["stride"] or list(kernel[4 - rank :]), rank, 1), pair(arguments.get("dilation"), rank, 1)
    before = pair(arguments["padding"], rank, 0)
    after = list(before)
    if arguments["ceil_mode"]:
        for axis, (rows, made) in enumerate(zip(x.layout.shape[2:], call.shape[1:], strict=True), 4 - rank):
            covered = (made - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1
            after[axis] = max(before[axis], covered - rows - before[axis])
    return Window(kernel, stride, Padding(before[0], after[0], before[1], after[1]), dilation)


def max_pool(call: Call) -> Value:
    """max_pool1d and max_pool2d, with or without indices (which must not be used)."""
    x = call.value()
    return nchw.max_pool(call, x, _window(call, x))


def avg_pool(call: Call) -> Value:
    """avg_pool1d and avg_pool2d."""
    arguments, x = call.arguments, call.value()
    if arguments.get("divisor_override") is not None:
        raise UnsupportedError("divisor_override is not supported; leave it out")
    counted = bool(arguments["count_include_pad"]) and any(sizes(arguments["padding"], 1 if map_rank(x) == 3 else 2, (0, 0)))
    if counted and arguments["ceil_mode"]:
        raise UnsupportedError("it counts padding pixels in the mean and has ceil_mode; set count_include_pad=False (or ceil_mode=False)")
    return nchw.average_pool(call, x, _window(call, x), counts_padding=counted)


def adaptive_avg_pool(call: Call) -> Value:
    """adaptive_avg_pool1d and adaptive_avg_pool2d to a size that divides the map's."""
    x = call.value()
    return nchw.average_pool(call, x, _adaptive(call, x))


def adaptive_max_pool(call: Call) -> Value:
    """adaptive_max_pool1d and adaptive_max_pool2d to a size that divides the map's, without indices."""
    x = call.value()
    return nchw.max_pool(call, x, _adaptive(call, x))


def _adaptive(call: Call, x: Value) -> Window:
    rank = map_rank(x)
    before, after = ((1,) * (4 - rank) + tuple(shape) for shape in (x.layout.shape[2:], call.shape[1:]))
    if len(after) != 2 or any(size < 1 or whole % size for whole, size in zip(before, after, strict=True)):
        raise UnsupportedError(
            f"a {before[0]} x {before[1]} map does not divide into {' x '.join(map(str, after))} equal windows; "
            "use an output size that divides it, such as 1"
        )
    kernel = before[0] // after[0], before[1] // after[1]
    return Window(kernel, kernel)


def mean(call: Call) -> Value:
    """mean over height, width or both: global average pooling."""
    axes = [int(axis) for axis in call.arguments.get("dim") or []]
    return nchw.mean(call, call.value(), axes, keep=bool(call.arguments.get("keepdim")))
