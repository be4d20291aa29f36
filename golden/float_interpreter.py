"""Runs a float graph with PyTorch, in float32: for calibration, and to check importers and passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from golden.errors import InputError
from golden.float_graph import (
    FloatAdd,
    FloatAveragePool2d,
    FloatBatchNorm,
    FloatConcatenation,
    FloatConv2d,
    FloatDepthwiseConv2d,
    FloatFullyConnected,
    FloatFunction,
    FloatGraph,
    FloatMaxPool2d,
    FloatOp,
    FloatPad,
    FloatReshape,
    FloatSoftmax,
    FloatWeightedOp,
)
from golden.graph import Padding, Window

Float32 = npt.NDArray[np.float32]


#: Takes a tensor's name and values and gives what the operators that read it see.
Change = Callable[[str, torch.Tensor], torch.Tensor]


def run(
    graph: FloatGraph, inputs: Mapping[str, npt.NDArray[np.floating]], *, change: Change = lambda name, values: values
) -> dict[str, Float32]:
    """Every tensor of the graph for a batch: {name: float32[N, *shape]}.

    inputs: float[N, *shape] per network input, NHWC.  Accurate to float32; nothing about it is bit-exact.
    change: applied to every input and output of an operator, such as quantization to integers and back.
    """
    with torch.no_grad():
        values = {name: change(name, torch.tensor(np.asarray(value, dtype=np.float32))) for name, value in inputs.items()}
        values |= run_ops(graph, graph.ops, values, change=change)
    return {name: value.numpy() for name, value in values.items()}


def run_ops(
    graph: FloatGraph, ops: Iterable[FloatOp], values: Mapping[str, torch.Tensor], *, change: Change = lambda name, values: values
) -> dict[str, torch.Tensor]:
    """The outputs of some of a graph's operators, in execution order, where everything else that they read is known: by name."""
    results: dict[str, torch.Tensor] = {}
    for op in ops:
        result = evaluate(graph, op, [results[name] if name in results else values[name] for name in op.inputs])
        results[op.output] = change(op.output, result.clamp(op.low, op.high))
    return results


def evaluate(graph: FloatGraph, op: FloatOp, inputs: list[torch.Tensor]) -> torch.Tensor:
    """One operator on a batch, not yet clamped, in the precision of its inputs."""
    x = inputs[0]
    if isinstance(op, FloatWeightedOp):
        return evaluate_weighted(op, x, _tensor(op.weight, x), _tensor(op.bias, x))
    if isinstance(op, FloatBatchNorm):
        return x * _tensor(op.scale, x) + _tensor(op.offset, x)
    if isinstance(op, FloatAdd):
        return x + inputs[1]
    if isinstance(op, FloatMaxPool2d):
        padded = _nchw(_pad(x, op.window.padding, -torch.inf))
        return _nhwc(functional.max_pool2d(padded, op.window.kernel, op.window.stride, 0, op.window.dilation))
    if isinstance(op, FloatAveragePool2d):
        return _sums(x, op.window) / _sums(torch.ones_like(x[:1]), op.window)
    if isinstance(op, FloatReshape):
        return x.reshape(-1, *graph.tensors[op.output].shape)
    if isinstance(op, FloatPad):
        return _pad(x, op.padding, 0.0)
    if isinstance(op, FloatConcatenation):
        return torch.cat(inputs, dim=op.axis + 1)
    if isinstance(op, FloatSoftmax):
        return torch.softmax(op.beta * x, dim=-1)
    if isinstance(op, FloatFunction):
        return op.function.evaluate(x)
    if op.kind == "clamp":
        return x
    raise InputError(f"operator {op.name!r} is of an unknown kind {op.kind!r}")


def evaluate_weighted(op: FloatWeightedOp, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """An operator with weights on a batch, not yet clamped, with other weights and biases of the same shapes than its own."""
    if isinstance(op, FloatConv2d):
        padded = _nchw(_pad(x, op.window.padding, 0.0))
        return _nhwc(functional.conv2d(padded, weight.permute(0, 3, 1, 2), bias, op.window.stride, 0, op.window.dilation))
    if isinstance(op, FloatDepthwiseConv2d):
        padded = _nchw(_pad(x, op.window.padding, 0.0))
        taps = weight.permute(2, 0, 1)[:, None]
        return _nhwc(functional.conv2d(padded, taps, bias, op.window.stride, 0, op.window.dilation, x.shape[-1]))
    if isinstance(op, FloatFullyConnected):
        return functional.linear(x, weight, bias)
    raise InputError(f"operator {op.name!r} with weights is of an unknown kind {op.kind!r}")


def _sums(x: torch.Tensor, window: Window) -> torch.Tensor:
    """Sums over each window, padding counting 0; a convolution with ones, because pooling knows no dilation."""
    channels = x.shape[-1]
    ones = torch.ones((channels, 1, *window.kernel), dtype=x.dtype, device=x.device)
    return _nhwc(functional.conv2d(_nchw(_pad(x, window.padding, 0.0)), ones, None, window.stride, 0, window.dilation, channels))


def _pad(x: torch.Tensor, padding: Padding, value: float) -> torch.Tensor:
    """An NHWC map with a border of `value`."""
    return functional.pad(x, (0, 0, padding.left, padding.right, padding.top, padding.bottom), value=value)


def _tensor(array: npt.NDArray[np.float64], x: torch.Tensor) -> torch.Tensor:
    """A constant in the precision of an activation."""
    return torch.tensor(array, dtype=x.dtype)


def _nchw(x: torch.Tensor) -> torch.Tensor:
    return x.permute(0, 3, 1, 2)


def _nhwc(x: torch.Tensor) -> torch.Tensor:
    return x.permute(0, 2, 3, 1)
