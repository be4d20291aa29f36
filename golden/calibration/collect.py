"""Runs a float graph over calibration data and shows every tensor's values to its observer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from golden import float_interpreter
from golden.calibration.observers import observer
from golden.calibration.ranges import Range
from golden.errors import InputError
from golden.float_graph import FloatGraph
from golden.recipe import Recipe
from golden.rescale import RescaleKind

Float32 = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]


def calibrate(
    graph: FloatGraph,
    data: Mapping[str, Float32],
    recipe: Recipe | None = None,
    *,
    batch_size: int = 128,
    progress: Progress | None = None,
) -> dict[str, Range]:
    """The range of every tensor of a float graph over a data set, all from the float network (`Order.TOGETHER`).

    data:     float32[N, *shape] per network input, NHWC, as `checked_data` returns it.
    recipe:   names the observers; by default they take the whole range.
    progress: called with (images done, images in all) after each batch.

    Raises InputError, naming the tensors, where the network itself computes NaN or infinity from the data.
    """
    recipe = recipe or Recipe()
    power_of_two = recipe.format.kind is RescaleKind.SHIFT
    observers = {name: observer(recipe.activation_scheme(graph, name), power_of_two=power_of_two) for name in graph.tensors}
    broken: dict[str, None] = {}
    count = next(iter(data.values())).shape[0]
    for start in range(0, count, batch_size):
        values = float_interpreter.run(graph, {name: array[start : start + batch_size] for name, array in data.items()})
        for name, array in values.items():
            if np.isfinite(array).all():
                observers[name].update(array)
            else:
                broken[name] = None
        if progress is not None:
            progress(min(start + batch_size, count), count)
    if broken:
        problems = [f"tensor {name!r} takes NaN or infinite values" for name in graph.tensors if name in broken]
        raise InputError(
            f"network {graph.name!r} overflows on the calibration data; check its weights and the scaling of the data", problems
        )
    return {name: one.range() for name, one in observers.items()}
