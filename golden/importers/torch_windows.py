"""ATen operators with windows: padding and pooling."""

from __future__ import annotations

from golden.float_graph import FloatAveragePool2d, FloatMaxPool2d, FloatPad
from golden.graph import Padding, Window
from golden.importers.torch_call import Call, map_argument, pair
from golden.importers.torch_values import Value, natural_order
from golden.importers.values import UnsupportedError


def pad(call: Call) -> Value:
    """Constant padding of height and width with 0."""
    arguments = call.arguments
    if arguments.get("mode", "constant") != "constant" or (arguments.get("value") or 0.0) != 0.0:
        raise UnsupportedError("only padding with the constant 0 is supported; use zeros")
    x = map_argument(call, "self")
    sides = [int(side) for side in arguments["pad"]] + [0, 0]
    left, right, top, bottom, *others = [*sides, 0, 0]
    if any(others) or min(left, right, top, bottom) < 0:
        raise UnsupportedError("only height and width can be padded, and not by negative numbers")
    call.builder.ops.append(FloatPad(call.name, (x.tensor,), call.name, padding=Padding(top, bottom, left, right)))
    return call.result()


def _pool_window(call: Call, x: Value) -> Window:
    """The window of a pool; ceil_mode becomes padding after the last row and column, which no pool counts."""
    arguments = call.arguments
    kernel = pair(arguments["kernel_size"])
    stride, dilation = pair(arguments["stride"], kernel), pair(arguments.get("dilation"), (1, 1))
    (before_y, before_x) = pair(arguments["padding"])
    after = []
    for axis, before in enumerate((before_y, before_x)):
        covered = (call.shape[1 + axis] - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1
        after.append(max(before, covered - x.shape[1 + axis] - before) if arguments["ceil_mode"] else before)
    return Window(kernel, stride, Padding(before_y, after[0], before_x, after[1]), dilation)


def max_pool2d(call: Call) -> Value:
    """max_pool2d, with or without indices (which must not be used)."""
    x = map_argument(call, "self")
    call.builder.ops.append(FloatMaxPool2d(call.name, (x.tensor,), call.name, window=_pool_window(call, x)))
    return call.result()


def avg_pool2d(call: Call) -> Value:
    """avg_pool2d that divides by the number of valid pixels."""
    arguments = call.arguments
    x = map_argument(call, "self")
    window = _pool_window(call, x)
    if arguments["divisor_override"] is not None:
        raise UnsupportedError("divisor_override is not supported; leave it out")
    if arguments["count_include_pad"] and any(pair(arguments["padding"])):
        raise UnsupportedError("it counts padding pixels in the mean; set count_include_pad=False (or padding=0) and train again")
    call.builder.ops.append(FloatAveragePool2d(call.name, (x.tensor,), call.name, window=window))
    return call.result()


def adaptive_avg_pool2d(call: Call) -> Value:
    """adaptive_avg_pool2d to a size that divides the map's."""
    x = map_argument(call, "self")
    (height, width), (rows, cols) = x.shape[1:], call.shape[1:]
    if height % rows or width % cols:
        raise UnsupportedError(
            f"a {height} x {width} map does not divide into {rows} x {cols} equal windows; use an output size that divides it, such as 1"
        )
    kernel = (height // rows, width // cols)
    call.builder.ops.append(FloatAveragePool2d(call.name, (x.tensor,), call.name, window=Window(kernel, kernel)))
    return call.result()


def mean(call: Call) -> Value:
    """mean over height and width: global average pooling."""
    x = map_argument(call, "self")
    axes = {int(axis) % 4 for axis in (call.arguments.get("dim") or [])}
    if axes != {2, 3}:
        raise UnsupportedError("only the mean over height and width, dim=(2, 3), is supported")
    pooled = (x.shape[0], 1, 1)
    call.builder.ops.append(FloatAveragePool2d(call.name, (x.tensor,), call.name, window=Window((x.shape[1], x.shape[2]))))
    return Value(call.builder.declare(call.name, pooled).tensor, call.shape, natural_order(pooled), f"{call.name}.flatten")
