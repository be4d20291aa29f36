"""Post-training quantization: a trained network and real data become an integer graph (SPEC section 10).

By default symmetric per-channel int8 weights, asymmetric per-tensor int8 activations, int32 biases; a recipe says otherwise.
Where the rescale format cannot express a factor M = S_w * S_x / S_y exactly with a small multiplier, the weight
scale of that channel is widened until it can, so that the format adds no error of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch.export import ExportedProgram

from golden.calibration import Progress, Range, calibrate
from golden.errors import InputError
from golden.float_graph import FloatGraph
from golden.graph import Graph
from golden.importers.torch_export import import_float, import_module
from golden.input_data import RealData, checked_data
from golden.integer_graph import build
from golden.parameters import Parameters, choose
from golden.passes.average_by_weights import average_by_weights
from golden.passes.pipeline import prepare
from golden.recipe import Method, Recipe, Recovery
from golden.recovery import correct_biases, equalize, round_adaptively
from golden.rescale import RescaleFormat


def quantize(
    model: torch.nn.Module | ExportedProgram | FloatGraph,
    calibration: RealData,
    *,
    recipe: Recipe | None = None,
    format: RescaleFormat | None = None,
    layout: str = "NHWC",
    name: str | None = None,
    batch_size: int = 128,
    progress: Progress | None = None,
) -> Graph:
    """Quantizes a network after its training, by a static recipe.

    model:       a PyTorch module (exported as it is at inference), an exported program, or a float graph.
    calibration: real values as in training, float32[N, H, W, C] or float32[N, F]; a mapping by input name for several inputs.
    recipe:      how; static int8 with min-max ranges by default.
    format:      the rescale format of the accelerator that will run the network, in place of the recipe's.
    layout:      of the calibration array, "NHWC" or "NCHW".
    name:        of the network, for people; the module's class by default.
    progress:    called with (images done, images in all) during calibration.

    Raises InputError for unsupported operators (all of them at once), for calibration data that cannot be used, and for a recipe
    whose result is no integer graph.
    """
    recipe = recipe or Recipe()
    if format is not None:
        recipe = replace(recipe, rescale=str(format))
    if recipe.method is not Method.STATIC:
        raise InputError(
            f"recipe {recipe.name!r} is {recipe.method.value}: its networks run in the golden model only, as golden.simulated makes them; "
            f"an integer graph needs the method 'static'"
        )
    graph = prepare(float_graph(model, calibration, layout, name))
    shapes = {tensor: graph.tensors[tensor].shape for tensor in graph.inputs}
    data = checked_data(shapes, calibration, layout)
    return build(*quantized_parameters(graph, data, recipe, batch_size=batch_size, progress=progress))


def quantized_parameters(
    graph: FloatGraph,
    data: Mapping[str, npt.NDArray[np.float32]],
    recipe: Recipe,
    *,
    batch_size: int = 128,
    progress: Progress | None = None,
) -> tuple[FloatGraph, Parameters]:
    """A prepared float graph, as the recipe's rescale format and recovery change it, and the parameters that it is quantized with.

    data: float32[N, *shape] per network input, NHWC, as `checked_data` returns it.
    """
    graph = average_by_weights(graph, recipe.format)
    if Recovery.EQUALIZATION in recipe.recovery:
        graph = equalize(graph)
    ranges = calibrate(graph, data, recipe, batch_size=batch_size, progress=progress)
    parameters = choose(graph, ranges, recipe)
    if Recovery.ADAPTIVE_ROUNDING in recipe.recovery:
        parameters = round_adaptively(graph, parameters, data, batch_size=batch_size)
    if Recovery.BIAS_CORRECTION in recipe.recovery:
        graph = correct_biases(graph, parameters, data, batch_size=batch_size)
    return graph, parameters


def float_graph(
    model: torch.nn.Module | ExportedProgram | FloatGraph, calibration: RealData, layout: str, name: str | None = None
) -> FloatGraph:
    """The model as a float graph; a module is traced with inputs of the calibration data's shape."""
    if isinstance(model, FloatGraph):
        return model if name is None else FloatGraph(name, model.tensors, model.inputs, model.outputs, model.ops)
    if isinstance(model, ExportedProgram):
        return import_float(model, name or "")
    if not isinstance(model, torch.nn.Module):
        raise InputError(
            f"a network must be a torch.nn.Module, a torch.export.ExportedProgram or a float graph, not {type(model).__name__}"
        )
    parameter = next((p for p in model.parameters() if p.dtype.is_floating_point), None)
    dtype = torch.float32 if parameter is None else parameter.dtype
    device = torch.device("cpu") if parameter is None else parameter.device
    arrays = list(calibration.values()) if isinstance(calibration, Mapping) else [calibration]
    examples = []
    for array in arrays:
        shape = np.shape(array)
        if len(shape) not in (2, 3, 4) or 0 in shape[1:]:
            raise InputError(f"calibration data must have the shape [N, H, W, C], [N, C, H, W], [N, C, L] or [N, F], not {list(shape)}")
        sizes = (shape[-1], *shape[1:-1]) if len(shape) > 2 and layout == "NHWC" else shape[1:]
        examples.append(torch.zeros((2, *sizes), dtype=dtype, device=device))
    return import_module(model, tuple(examples), name or "")


def quantize_graph(graph: FloatGraph, ranges: Mapping[str, Range], recipe: Recipe) -> Graph:
    """Quantizes a prepared float graph with known ranges; the result has passed the checker."""
    return build(graph, choose(graph, ranges, recipe))
