"""ATen operators that look at a tensor differently, or do nothing at inference."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from golden.importers.torch_call import Call
from golden.importers.values import UnsupportedError, Value


def reshape(call: Call) -> Value:
    """Any view that keeps the batch and the order of elements; the graph's reshape comes when the value is used."""
    x = call.tensor("self" if "self" in call.arguments else "input")
    if math.prod(call.shape) != x.layout.size:
        raise UnsupportedError("it changes the batch dimension; keep the first axis as it is, as in x.flatten(1)")
    return replace(x, layout=x.layout.reshape((1, *call.shape)), label=call.name)


def permute(call: Call) -> Value:
    """permute: another order of axes; whoever reads it says whether elements would have to move."""
    return _permuted(call, [int(axis) for axis in call.arguments["dims"]])


def transpose(call: Call) -> Value:
    """transpose of two axes."""
    rank = len(call.tensor("self").layout.axes)
    order = list(range(rank))
    first, second = int(call.arguments["dim0"]), int(call.arguments["dim1"])
    if all(-rank <= axis < rank for axis in (first, second)):
        order[first], order[second] = order[second], order[first]
    return _permuted(call, order)


def _permuted(call: Call, order: list[int]) -> Value:
    x = call.tensor("self")
    rank = len(x.layout.axes)
    positive = tuple(axis % rank if -rank <= axis < rank else rank for axis in order)
    if not positive or positive[0] != 0:
        raise UnsupportedError("it moves the batch dimension; keep the first axis where it is")
    return replace(x, layout=x.layout.transpose(positive))


def identity(call: Call) -> Value:
    """Operators that do nothing at inference."""
    if call.arguments.get("train"):
        raise UnsupportedError("it is in training mode, in which the result is random; call .eval() on the module before exporting it")
    if call.arguments.get("dtype") not in (None, torch.float32, torch.float64):
        raise UnsupportedError(f"it converts to {call.arguments['dtype']}; leave the conversion out, quantization chooses the integers")
    return call.tensor(next(iter(call.arguments)))
