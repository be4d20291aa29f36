"""The range of every activation tensor, chosen in the order that a recipe names."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from golden.calibration.collect import Progress, collect
from golden.calibration.forward import forward
from golden.calibration.output_error import backward, least_output_error
from golden.calibration.ranges import Range
from golden.float_graph import FloatGraph
from golden.recipe import Order, Recipe

Float32 = npt.NDArray[np.float32]


def calibrate(
    graph: FloatGraph,
    data: Mapping[str, Float32],
    recipe: Recipe | None = None,
    *,
    batch_size: int = 128,
    progress: Progress | None = None,
) -> dict[str, Range]:
    """The range of every tensor of a prepared float graph.

    data:     float32[N, *shape] per network input, NHWC, as `checked_data` returns it.
    recipe:   names the observers and the order; by default they take the whole range, all together.
    progress: called with (images done, images in all) after each batch; the orders other than "together" see every image many times.

    Memory is that of one batch, of the observers, and of the network's outputs for all data.
    Raises InputError, naming the tensors, where the network itself computes NaN or infinity from the data, and for bits of layers
    that do not exist.
    """
    recipe = recipe or Recipe()
    recipe.check_layers(graph)
    if recipe.order is Order.TOGETHER:
        return collect(graph, data, recipe, batch_size=batch_size, progress=progress)
    ranges = collect(graph, data, recipe, batch_size=batch_size)
    ordered = {Order.FORWARD: forward, Order.BACKWARD: backward, Order.OUTPUT_ERROR: least_output_error}[recipe.order]
    return ordered(graph, data, recipe, ranges, batch_size=batch_size, progress=progress)
