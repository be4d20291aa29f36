"""Runs a float graph over calibration data and shows every tensor's values to its observer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from golden import float_interpreter
from golden.calibration.min_max import MinMaxObserver
from golden.calibration.observers import observer
from golden.calibration.ranges import Range
from golden.errors import InputError
from golden.float_graph import FloatGraph
from golden.parameters import has_own_range
from golden.recipe import Recipe

Float32 = npt.NDArray[np.float32]
#: Called with (images done, images in all).
Progress = Callable[[int, int], None]


def collect(
    graph: FloatGraph, data: Mapping[str, Float32], recipe: Recipe, *, batch_size: int, progress: Progress | None = None
) -> dict[str, Range]:
    """The range of every tensor of a float graph over a data set, all from the float network; arguments as of `calibrate`.

    Tensors whose parameters do not follow from their own values, such as the output of a pool, get their whole range.
    """
    observers = {
        name: observer(recipe.activation_scheme(graph, name), tensor.shape) if has_own_range(graph, name) else MinMaxObserver()
        for name, tensor in graph.tensors.items()
    }
    broken: dict[str, None] = {}
    count = next(iter(data.values())).shape[0]
    for start in range(0, count, batch_size):
        values = float_interpreter.run(graph, {name: array[start : start + batch_size] for name, array in data.items()})
        for name, array in values.items():
            if np.isfinite(array).all():
                observers[name].update(array)
            else:
                broken[name] = None
        del values, array  # one batch's tensors at a time: the next one's are made before these names would be given away
        if progress is not None:
            progress(min(start + batch_size, count), count)
    if broken:
        problems = [f"tensor {name!r} takes NaN or infinite values" for name in graph.tensors if name in broken]
        raise InputError(
            f"network {graph.name!r} overflows on the calibration data; check its weights and the scaling of the data", problems
        )
    return {name: one.range() for name, one in observers.items()}
