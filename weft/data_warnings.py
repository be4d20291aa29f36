"""Data that can be used but can hardly be right: said as warnings, never as errors."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from golden.errors import DataWarning
from golden.formats import IntegerFormat
from golden.graph import Graph, Tensor
from golden.interpreter import run

Float32 = npt.NDArray[np.float32]
Int8 = npt.NDArray[np.int8]

#: Share of values beyond the input's range from which a warning is due; typical data leave a few in a thousand there.
_BEYOND = 0.1
#: Integers that real data should take at the least, of those that an input has.
_LEVELS = 4
#: Least span of whole numbers that look like pixels or like quantized values.
_SPAN = 64
#: Calibration inputs that a quantized network is tried with.
_TRIED = 8


def warn_about_calibration(source: str, x: Float32) -> None:
    """Warns of calibration data of one input, float32[N, ...], that cannot be typical."""
    for text in _calibration(x):
        warnings.warn(f"{source}: {text}", DataWarning, stacklevel=2)


def warn_about_input(source: str, x: Float32, tensor: Tensor, quantized: Int8) -> None:
    """Warns of real inputs, float32[N, ...], that a network's input was not made for; `quantized` is what becomes of them."""
    for text in _input(x, tensor, quantized):
        warnings.warn(f"{source}: {text}", DataWarning, stacklevel=2)


def warn_about_result(source: str, graph: Graph, x: Int8 | dict[str, Int8]) -> None:
    """Warns of a quantized network that makes the same of different calibration inputs."""
    few = {name: array[:_TRIED] for name, array in (x.items() if isinstance(x, dict) else ((graph.inputs[0], x),))}
    if all((array == array[:1]).all() for array in few.values()):
        return
    found = run(graph, few, tensors=True)
    if all((found[name] == found[name][:1]).all() for name in graph.outputs):
        warnings.warn(
            f"{source}: the quantized network gives the same output for different inputs of these; check that they are in the units "
            "in which the network was trained, and that the network has its trained weights",
            DataWarning,
            stacklevel=2,
        )


def _calibration(x: Float32) -> Iterator[str]:
    low, high = float(x.min()), float(x.max())
    if low == high:
        yield f"every value of x is {low:g}; calibration needs typical inputs, and the network will be wrong on any other"
        return
    if len(x) > 1 and (x == x[:1]).all():
        yield f"all {len(x)} inputs are the same; calibration needs a few hundred different ones"
    if high - low < _SPAN or not (x == np.rint(x)).all():
        return
    if -128 <= low < 0 and high <= 127:
        yield (
            f"x holds whole numbers from {low:g} to {high:g} alone, as quantized inputs do; calibration needs the real values "
            "that the float network takes"
        )
    elif low >= 0 and high <= 255:
        yield (
            f"x holds whole numbers from {low:g} to {high:g} alone, as pixels do before they are scaled; if the network was trained on "
            "scaled pixels (0 to 1, or normalized), scale these in the same way"
        )


def _input(x: Float32, tensor: Tensor, quantized: Int8) -> Iterator[str]:
    format, affine = IntegerFormat(tensor.bits), tensor.affine
    low, high = (affine.scale * (end - affine.zero_point) for end in (format.low, format.high))
    beyond = float(((x < low - affine.scale) | (x > high + affine.scale)).mean())
    hint = f"the network's input {tensor.name!r} holds {low:.4g} to {high:.4g}; give data in the units in which it was trained"
    if beyond > _BEYOND:
        yield f"{beyond:.0%} of the values are beyond what the input can hold (x goes from {x.min():.4g} to {x.max():.4g}): {hint}"
        return
    levels, different = len(np.unique(quantized)), len(np.unique(x[: _TRIED * 8]))
    if levels <= _LEVELS < different and levels < format.high - format.low:
        yield (
            f"the values become no more than {levels} different integers (x goes from {x.min():.4g} to {x.max():.4g}): {hint}, "
            "or say --values int8 if they are integers already"
        )
