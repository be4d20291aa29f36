"""Makes a network that trains with fake quantization of a trained float network (SPEC section 16)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch.export import ExportedProgram

from golden import float_interpreter
from golden.calibration import Progress, Range, calibrate
from golden.errors import InputError
from golden.float_graph import (
    BatchStatistics,
    FloatBatchNorm,
    FloatGraph,
    FloatOp,
    FloatWeightedOp,
)
from golden.formats import INT8, Quantizer
from golden.input_data import RealData, checked_data
from golden.parameters import fixed_output
from golden.passes import pipeline
from golden.passes.average_by_weights import average_by_weights
from golden.passes.fold_batch_norm import fold_batch_norm, layer_before
from golden.quantize import float_graph
from golden.recipe import Method, Recipe
from golden.schemes import Granularity
from golden.tied_scales import KEEPS_INTEGERS
from golden.training.activation_steps import ActivationStep, FixedStep, activation_step
from golden.training.layer import TrainedLayer
from golden.training.network import QuantizedNetwork
from golden.training.weight_steps import weight_step
from golden.training_scheme import Folding, WeightSteps

Float32 = npt.NDArray[np.float32]


def prepare(
    model: torch.nn.Module | ExportedProgram | FloatGraph,
    calibration: RealData,
    recipe: Recipe | None = None,
    *,
    layout: str = "NCHW",
    name: str | None = None,
    batch_size: int = 128,
    progress: Progress | None = None,
) -> QuantizedNetwork:
    """A module with fake quantization that computes nearly what the model does, ready to be trained.

    model:       a PyTorch module (as it is at inference), an exported program, or a float graph.
    calibration: real values as in training, for the start of ranges and scales; a mapping by input name for several inputs.
    recipe:      its schemes, its rescale format and its section `training`; int8 by default.
    layout:      of the calibration data, and of the inputs and outputs of the module: "NCHW" or "NHWC".
    progress:    called with (images done, images in all) during calibration.

    The model is left as it was.  Raises InputError as `golden.quantize.quantize` does, and for a recipe that does not train.
    """
    recipe = recipe or Recipe()
    _check(recipe)
    imported = float_graph(model, calibration, layout, name)
    graph = average_by_weights(pipeline.prepare(imported), recipe.format)
    recipe.check_layers(graph)
    data = checked_data({name: graph.tensors[name].shape for name in graph.inputs}, calibration, layout)
    ranges = calibrate(graph, data, recipe, batch_size=batch_size, progress=progress)
    normalizations = {} if recipe.training.folding is Folding.MERGED else _normalizations(imported, graph)
    layers = {}
    for op in graph.weighted_ops():
        before, statistics = normalizations.get(op.name, (op, None))
        layer = TrainedLayer(before, statistics)
        layer.step = weight_step(recipe.training.weights, recipe.weight_scheme(graph, op.name), layer.folded().rows)
        layers[op.name] = layer
    network = QuantizedNetwork(
        graph, recipe, layers, _activation_steps(graph, recipe, ranges, _magnitudes(graph, data, batch_size)), layout
    )
    if recipe.training.folding is Folding.FROZEN:
        network.freeze_batch_norm()
    return network


def _check(recipe: Recipe) -> None:
    """Raises InputError for a recipe that does not train, with all reasons."""
    problems = []
    if recipe.method is not Method.STATIC:
        problems.append(f"the method is {recipe.method.value!r}; training ends in an integer graph: take 'static'")
    if recipe.recovery:
        problems.append(f"{[step.value for step in recipe.recovery]} recover accuracy without training; leave `recovery` out")
    if recipe.weights.granularity is Granularity.GROUP:
        problems.append("an accumulator has one scale for each output channel; take the granularity 'channel' or 'tensor'")
    few = recipe.training.weights in (WeightSteps.TERNARY, WeightSteps.BINARY)
    bits = {recipe.weights.bits, *(layer.weights for layer in recipe.layers.values())}
    if few and 2 not in bits:
        problems.append(f"{recipe.training.weights.value} weights take 2 bits; set bits = 2 in [weights], or for single layers")
    if problems:
        raise InputError(f"recipe {recipe.name!r} does not train", problems)


def _normalizations(imported: FloatGraph, prepared: FloatGraph) -> dict[str, tuple[FloatWeightedOp, BatchStatistics]]:
    """The layers that one batch normalization alone folds into, as they were before, with its statistics."""
    graph = imported
    for transform in pipeline.PASSES:
        if transform is fold_batch_norm:
            break
        graph = transform(graph)
    found = {}
    folded = {op.name: op for op in prepared.weighted_ops()}
    for norm in graph.ops:
        if not isinstance(norm, FloatBatchNorm) or norm.statistics is None:
            continue
        before = layer_before(graph, norm)
        if before is not None and not isinstance(graph.only_reader(norm.output), FloatBatchNorm):
            assert folded[before.name].weight.shape == before.weight.shape
            found[before.name] = before, norm.statistics
    return found


def _activation_steps(
    graph: FloatGraph, recipe: Recipe, ranges: Mapping[str, Range], magnitudes: Mapping[str, float]
) -> dict[str, ActivationStep]:
    """A quantizer for every tensor that does not take its input's."""

    def step(tensor: str, op: FloatOp | None) -> ActivationStep:
        fixed = None if op is None else fixed_output(op)
        if fixed is not None:
            return FixedStep(Quantizer(INT8, fixed.scale, fixed.zero_point))
        scheme, size = recipe.activation_scheme(graph, tensor), int(np.prod(graph.tensors[tensor].shape))
        return activation_step(recipe.training.activations, scheme, ranges[tensor], magnitudes[tensor], size)

    steps = {name: step(name, None) for name in graph.inputs}
    for op in graph.ops:
        if not isinstance(op, KEEPS_INTEGERS):
            steps[op.output] = step(op.output, op)
    return steps


def _magnitudes(graph: FloatGraph, data: Mapping[str, Float32], batch_size: int) -> dict[str, float]:
    """The mean magnitude of every tensor over the first batch, as learned step sizes start with."""
    values = float_interpreter.run(graph, {name: array[:batch_size] for name, array in data.items()})
    return {name: float(np.abs(array).mean()) for name, array in values.items()}
