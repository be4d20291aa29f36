"""ONNX operators with windows and weights: convolutions, matrix products, pools, padding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from golden.graph import Padding, Window
from golden.importers import nchw
from golden.importers.layout import MAX_AXIS
from golden.importers.onnx_call import Call
from golden.importers.values import Constant, UnsupportedError, Value


def conv(call: Call) -> Value:
    """Conv over maps, any number of groups."""
    x = call.map()
    weight, groups = call.weights(1, 4), call.integer("group", 1)
    outputs, _, *kernel = weight.array.shape
    if (call.integers("kernel_shape") or tuple(kernel)) != tuple(kernel):
        raise UnsupportedError(f"its kernel_shape is not that of its weights {list(weight.array.shape)}; the file is damaged")
    window, _ = _window(call, x, (kernel[0], kernel[1]))
    return nchw.conv(call, x, weight, _bias(call, 2, outputs), window, groups)


def gemm(call: Call) -> Value:
    """Gemm of a vector and constant weights, alpha and beta included."""
    alpha, beta = call.decimal("alpha", 1.0), call.decimal("beta", 1.0)
    if call.integer("transA", 0):
        raise UnsupportedError("it transposes its input (transA = 1); only the weights may be transposed")
    weight = call.weights(1, 2)
    if not call.integer("transB", 0):
        weight = weight.transpose((1, 0))
    if alpha != 1.0:
        weight = _scaled(weight, alpha)
    bias = _bias(call, 2, weight.array.shape[0]) if beta else None
    return _linear(call, weight, bias if bias is None or beta == 1.0 else Constant(bias.real() * beta))


def mat_mul(call: Call) -> Value:
    """MatMul of a vector and constant weights."""
    if not isinstance(call.argument(1), Constant):
        raise UnsupportedError("it multiplies two tensors that both depend on the network's input; only constant weights are supported")
    return _linear(call, call.weights(1, 2).transpose((1, 0)), None)


def max_pool(call: Call) -> Value:
    """MaxPool without indices, of real values or of integers (which then keep their parameters)."""
    x = nchw.as_map(call, call.value())
    window, _ = _window(call, x, _kernel(call), ceil=True)
    if call.integer("storage_order", 0):
        raise UnsupportedError("its storage_order is 1; only 0 is supported")
    return replace(nchw.max_pool(call, x, window), integer=x.integer)


def average_pool(call: Call) -> Value:
    """AveragePool; a mean that counts padding is a depthwise convolution."""
    x = call.map()
    window, added = _window(call, x, _kernel(call), ceil=True)
    counted = bool(call.integer("count_include_pad", 0)) and window.padding != Padding()
    if counted and added:
        raise UnsupportedError("it counts padding pixels in the mean and rounds its size up (ceil_mode); set count_include_pad to 0")
    return nchw.average_pool(call, x, window, counts_padding=counted)


def global_average_pool(call: Call) -> Value:
    """GlobalAveragePool."""
    x = call.map()
    return nchw.average_pool(call, x, _whole_map(x))


def global_max_pool(call: Call) -> Value:
    """GlobalMaxPool."""
    x = call.map()
    return nchw.max_pool(call, x, _whole_map(x))


def reduce_mean(call: Call) -> Value:
    """ReduceMean over rows and columns: global average pooling."""
    axes = call.integers("axes") or call.whole(1)
    if axes is None:
        raise UnsupportedError("it takes the mean over all axes; only rows and columns of maps are supported")
    return nchw.mean(call, call.real(), axes, keep=bool(call.integer("keepdims", 1)))


def pad(call: Call) -> Value:
    """Pad of rows and columns with real zero."""
    x = call.map()
    if call.text("mode", "constant") != "constant":
        raise UnsupportedError(f"its mode is {call.text('mode', '')[:20]!r}; only padding with constants is supported")
    if (call.number(2) or 0.0) != 0.0 or call.decimal("value", 0.0) != 0.0:
        raise UnsupportedError("it pads with another value than 0; only zero padding is supported")
    counts = call.integers("pads") or call.whole(1) or ()
    axes = call.whole(3) or (0, 1, 2, 3)
    if len(counts) != 2 * len(axes) or any(not -4 <= axis < 4 for axis in axes) or any(not 0 <= count <= MAX_AXIS for count in counts):
        raise UnsupportedError(f"it pads by {list(counts)[:8]}; only whole numbers from 0, two for each axis, are supported")
    sides = {axis % 4: (counts[at], counts[at + len(axes)]) for at, axis in enumerate(axes)}
    if any(sides.get(axis, (0, 0)) != (0, 0) for axis in (0, 1)):
        raise UnsupportedError("it pads the batch or the channels; only rows and columns can be padded")
    padding = Padding(*sides.get(2, (0, 0)), *sides.get(3, (0, 0)))
    return nchw.pad(call, x, padding)


def _linear(call: Call, weight: Constant, bias: Constant | None) -> Value:
    return nchw.linear(call, call.real(), weight, bias)


def _scaled(weight: Constant, factor: float) -> Constant:
    """Weights times a factor, which belongs into the scale of quantized ones."""
    if weight.scale is None:
        return Constant(weight.real() * factor)
    if not factor > 0:
        raise UnsupportedError(f"its alpha is {factor}; with quantized weights it must be above 0")
    return replace(weight, scale=weight.scale * factor)


def _bias(call: Call, position: int, channels: int) -> Constant | None:
    """One value per output channel, however ONNX broadcasts it."""
    bias = call.constant(position)
    if bias is None:
        return None
    call.backend.spend(8 * max(bias.array.size, channels))
    if bias.array.size == channels and max(bias.array.shape, default=1) == channels:
        return replace(bias, array=bias.array.reshape(channels), axis=0)
    if bias.array.size == 1:
        return Constant(np.full(channels, bias.real().ravel()[0]))
    raise UnsupportedError(f"its bias has the shape {list(bias.array.shape)}; it must have one value per output channel, [{channels}]")


def _whole_map(x: Value) -> Window:
    rows, columns = x.layout.shape[2:]
    return Window((rows, columns))


def _kernel(call: Call) -> tuple[int, int]:
    kernel = call.integers("kernel_shape")
    if kernel is None or len(kernel) != 2:
        raise UnsupportedError("its kernel_shape must have two numbers; only maps of rows and columns are pooled")
    return kernel[0], kernel[1]


def _window(call: Call, x: Value, kernel: tuple[int, int], ceil: bool = False) -> tuple[Window, bool]:
    """The window with every way of padding as numbers, and whether ceil_mode added padding after the last row or column."""
    stride, dilation = call.integers("strides") or (1, 1), call.integers("dilations") or (1, 1)
    pads = call.integers("pads") or (0, 0, 0, 0)
    if len(stride) != 2 or len(dilation) != 2 or len(pads) != 4:
        raise UnsupportedError("its strides and dilations must have two numbers and its pads four; only maps are supported")
    numbers = (*kernel, *stride, *dilation)
    if not all(1 <= n <= MAX_AXIS for n in numbers) or not all(0 <= n <= MAX_AXIS for n in pads):
        raise UnsupportedError(f"its kernel is {kernel}, its stride {stride}, its dilation {dilation}, its padding {pads}: out of range")
    window = Window(kernel, (stride[0], stride[1]), Padding(), (dilation[0], dilation[1]))
    mode = call.text("auto_pad", "NOTSET")
    if mode not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER", ""):
        raise UnsupportedError(f"its auto_pad is {mode[:20]!r}, which is unknown")
    ceil = ceil and bool(call.integer("ceil_mode", 0))
    sides, added = [], False
    for axis, (size, step, extent) in enumerate(zip(x.layout.shape[2:], stride, window.extent(), strict=True)):
        before, after = (pads[axis], pads[axis + 2]) if mode in ("NOTSET", "") else (0, 0)
        if mode.startswith("SAME"):
            total = max((-(-size // step) - 1) * step + extent - size, 0)
            before, after = (total // 2, total - total // 2) if mode == "SAME_UPPER" else (total - total // 2, total // 2)
        elif ceil:
            windows = -(-(size + before + after - extent) // step) + 1
            if (windows - 1) * step >= size + before:  # a window that would start in the padding after the map is left out
                windows -= 1
            more = (windows - 1) * step + extent - size - before
            added = added or more > after
            after = max(after, more)
        sides += [before, after]
    return nchw.fitting(x, replace(window, padding=Padding(*sides))), added
