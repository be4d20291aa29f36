"""Forward sequential calibration: from the inputs on, each tensor as it is where everything before it is quantized already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from golden import float_interpreter
from golden.calibration.collect import Progress
from golden.calibration.observers import observer
from golden.calibration.ranges import Range
from golden.fake_quantize import fake_quantize
from golden.float_graph import FloatGraph, FloatOp, FloatWeightedOp
from golden.parameters import Chooser, Parameters, has_own_range
from golden.recipe import Recipe

Float32 = npt.NDArray[np.float32]


def forward(
    graph: FloatGraph,
    data: Mapping[str, Float32],
    recipe: Recipe,
    ranges: Mapping[str, Range],
    *,
    batch_size: int,
    progress: Progress | None = None,
) -> dict[str, Range]:
    """The ranges that the recipe's observers choose, operator after operator, weights and activations before it quantized.

    ranges: those from the float network, which the scales of a layer's weights start from.
    The data runs once for each operator, through the operators that its result depends on.
    """
    chosen = dict(ranges)
    chooser = Chooser(graph, chosen, recipe)
    for name in graph.inputs:
        chooser.tensors[name] = chooser.activation(name)
    done: list[FloatOp] = []
    count = next(iter(data.values())).shape[0]
    observed = [op for op in graph.ops if has_own_range(graph, op.output)]
    for op in graph.ops:
        chooser.operator(op)
        parameters = Parameters(recipe.format, chooser.tensors, chooser.weights)
        if isinstance(op, FloatWeightedOp):
            done.append(replace(op, weight=parameters.quantized_weight(op), bias=parameters.quantized_bias(op)))
        else:
            done.append(op)
        if op not in observed:
            continue
        needed = _needed(done)
        one = observer(recipe.activation_scheme(graph, op.output), graph.tensors[op.output].shape)

        def quantized(name: str, values: torch.Tensor, output: str = op.output) -> torch.Tensor:
            return values if name == output else fake_quantize(values, chooser.tensors[name])

        for start in range(0, count, batch_size):
            with torch.no_grad():
                inputs = {name: quantized(name, torch.from_numpy(array[start : start + batch_size]), "") for name, array in data.items()}
                one.update(float_interpreter.run_ops(graph, needed, inputs, change=quantized)[op.output].numpy())
            if progress is not None:
                progress(observed.index(op) * count + min(start + batch_size, count), len(observed) * count)
        chosen[op.output] = one.range()
        chooser.operator(op)
    return chosen


def _needed(ops: list[FloatOp]) -> list[FloatOp]:
    """Of operators in execution order those that the last one depends on, itself included."""
    wanted, result = {ops[-1].output}, []
    for op in reversed(ops):
        if op.output in wanted:
            wanted |= set(op.inputs)
            result.append(op)
    return result[::-1]
