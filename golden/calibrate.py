"""Calibration: the range of every activation tensor over real data (min-max observers)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from golden import float_interpreter
from golden.errors import InputError
from golden.float_graph import FloatGraph

Float32 = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Range:
    """The least and the greatest real value that a tensor took."""

    low: float
    high: float


def calibrate(
    graph: FloatGraph, data: Mapping[str, Float32], *, batch_size: int = 128, progress: Progress | None = None
) -> dict[str, Range]:
    """The range of every tensor of a float graph over a data set.

    data:     float32[N, *shape] per network input, NHWC, as `checked_data` returns it.
    progress: called with (images done, images in all) after each batch.

    Raises InputError, naming the tensors, where the network itself computes NaN or infinity from the data.
    """
    count = next(iter(data.values())).shape[0]
    lows = dict.fromkeys(graph.tensors, np.inf)
    highs = dict.fromkeys(graph.tensors, -np.inf)
    for start in range(0, count, batch_size):
        values = float_interpreter.run(graph, {name: array[start : start + batch_size] for name, array in data.items()})
        for name, array in values.items():
            lows[name] = np.minimum(lows[name], array.min())  # these keep NaN
            highs[name] = np.maximum(highs[name], array.max())
        if progress is not None:
            progress(min(start + batch_size, count), count)
    broken = [name for name in graph.tensors if not (np.isfinite(lows[name]) and np.isfinite(highs[name]))]
    if broken:
        problems = [f"tensor {name!r} takes NaN or infinite values" for name in broken]
        raise InputError(
            f"network {graph.name!r} overflows on the calibration data; check its weights and the scaling of the data", problems
        )
    return {name: Range(float(lows[name]), float(highs[name])) for name in graph.tensors}
