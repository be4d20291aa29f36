"""Real data that users hand over: checked, brought to NHWC, quantized to the integers that a network takes, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from golden.errors import InputError
from golden.formats import IntegerFormat, Rounding, dequantize_array, quantize_array
from golden.graph import Float64, Graph, Int8

Float32 = npt.NDArray[np.float32]
Number = TypeVar("Number", bound=np.generic)
RealData = npt.NDArray[np.floating] | Mapping[str, npt.NDArray[np.floating]]

LAYOUTS = ("NHWC", "NCHW")


def quantize_input(graph: Graph, x: RealData, *, layout: str = "NHWC", rounding: Rounding = Rounding.HALF_EVEN) -> Int8 | dict[str, Int8]:
    """Real inputs as the integers that the network takes (SPEC eq. 2).

    x: float[N, *shape], or a mapping by input name; checked as calibration data is.  Returns int8 of the same kind, NHWC.
    """
    data = checked_data({name: graph.tensors[name].shape for name in graph.inputs}, x, layout, "input data")
    result: dict[str, Int8] = {}
    for name, array in data.items():
        tensor = graph.tensors[name]
        affine, format = tensor.affine, IntegerFormat(tensor.bits)
        result[name] = quantize_array(array, affine.scale, affine.zero_point, format, rounding).astype(np.int8)
    return result if isinstance(x, Mapping) else result[graph.inputs[0]]


def dequantize_output(graph: Graph, y: Int8, output: str | None = None) -> Float64:
    """The real values that an output's integers stand for (SPEC eq. 1): int8[N, ...] to float64[N, ...]."""
    affine = graph.tensors[output or graph.outputs[0]].affine
    return dequantize_array(y, affine.scale, affine.zero_point)


def checked_data(shapes: Mapping[str, tuple[int, ...]], data: RealData, layout: str, what: str = "calibration data") -> dict[str, Float32]:
    """Data that a user handed over, checked and in NHWC: float32[N, *shape] per input.

    shapes: the network's input shapes by name, (H, W, C) or (N,).
    data:   a floating-point array for a network of one input, or a mapping from input name to array; a map of one row may be
            given without its rows, as [N, L, C] or [N, C, L].
    layout: "NHWC" or "NCHW", for maps.
    Raises InputError with every problem at once.
    """
    if layout not in LAYOUTS:
        raise InputError(f"layout must be NHWC or NCHW, not {layout!r}")
    if not isinstance(data, Mapping):
        if len(shapes) != 1:
            raise InputError(f"{what}: the network has {len(shapes)} inputs; hand over one array for each of {sorted(shapes)}")
        data = {next(iter(shapes)): data}
    if set(data) != set(shapes):
        raise InputError(f"{what}: the network's inputs are {sorted(shapes)}, not {sorted(data)}")
    data = {name: with_rows(data[name], shape, layout) for name, shape in shapes.items()}
    problems = [problem for name, shape in shapes.items() for problem in _problems(name, data[name], shape, layout)]
    if not problems and len({array.shape[0] for array in data.values()}) != 1:
        problems.append(f"the inputs differ in their number of images: { {name: array.shape[0] for name, array in data.items()} }")
    if problems:
        raise InputError(f"{what} cannot be used", problems)
    return {
        name: np.ascontiguousarray(array.transpose(0, 2, 3, 1) if layout == "NCHW" and array.ndim == 4 else array, dtype=np.float32)
        for name, array in data.items()
    }


def with_rows(array: npt.NDArray[Number], shape: tuple[int, ...], layout: str) -> npt.NDArray[Number]:
    """Maps of one row as such: [N, L, C] as [N, 1, L, C] and [N, C, L] as [N, C, 1, L] where the network takes (1, L, C).

    Anything else is given back as it is.
    """
    if np.ndim(array) != 3 or len(shape) != 3 or shape[0] != 1:
        return array
    return array[:, None] if layout == "NHWC" else array[:, :, None]


def _problems(name: str, array: object, shape: tuple[int, ...], layout: str) -> list[str]:
    """What is wrong with the data of one input."""
    if not isinstance(array, np.ndarray):
        return [f"input {name!r}: must be a numpy array, not {type(array).__name__}"]
    if not np.issubdtype(array.dtype, np.floating):
        return [f"input {name!r}: must hold real values (float32), not {array.dtype}; scale it as in training and convert it"]
    expected = (shape[2], shape[0], shape[1]) if layout == "NCHW" and len(shape) == 3 else shape
    if array.ndim != len(shape) + 1 or array.shape[1:] != expected:
        text = f"input {name!r}: must have the shape [N, {', '.join(map(str, expected))}] ({layout}), not {list(array.shape)}"
        other = "NCHW" if layout == "NHWC" else "NHWC"
        swapped = (shape[2], shape[0], shape[1]) if other == "NCHW" and len(shape) == 3 else shape
        if array.shape[1:] == swapped and len(shape) == 3:
            text += f"; it looks like {other}: say so with the layout"
        return [text]
    if array.shape[0] == 0:
        return [f"input {name!r}: is empty; at least one image is needed, and a hundred or more make a good calibration"]
    finite = np.isfinite(array)
    if not finite.all():
        first = [int(index) for index in np.argwhere(~finite)[0]]
        return [
            f"input {name!r}: {int((~finite).sum())} of {array.size} values are NaN or infinite, the first at index {first}; remove them"
        ]
    if (np.abs(array) > np.finfo(np.float32).max).any():
        return [f"input {name!r}: has values beyond the range of float32"]
    return []
