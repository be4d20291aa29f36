"""Inputs as a user hands them over, made the integers that the network takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from golden.errors import InputError
from golden.formats import IntegerFormat, quantize_array
from golden.graph import Int8, Tensor
from golden.input_data import LAYOUTS, checked_data
from hwgen.design import Design

Inputs = npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]]


def as_int8(design: Design, inputs: Inputs, layout: str) -> dict[str, Int8]:
    """The network's inputs by name, int8[N, *shape], maps as NHWC.

    inputs: an array for a network of one input, or a mapping by name; int8 as the network takes it, or real values, which are
            quantized (golden/SPEC.md eq. 2).
    layout: "NHWC" or "NCHW", how the maps lie.
    Raises InputError with everything that is wrong with them.
    """
    if layout not in LAYOUTS:
        raise InputError(f"layout must be NHWC or NCHW, not {layout!r}")
    names = [tensor.name for tensor in design.inputs]
    if isinstance(inputs, Mapping):
        given = dict(inputs)
    elif len(names) == 1:
        given = {names[0]: inputs}
    else:
        raise InputError(f"network {design.network_name!r} has {len(names)} inputs: hand over a dict with the keys {names}")
    if set(given) != set(names):
        raise InputError(f"network {design.network_name!r} takes the inputs {sorted(names)}, not {sorted(given)}")
    found: dict[str, Int8] = {}
    problems: list[str] = []
    for tensor in design.inputs:
        try:
            found[tensor.name] = _one(tensor, given[tensor.name], layout)
        except InputError as error:
            problems += error.problems
    if not problems and len({len(array) for array in found.values()}) != 1:
        problems.append(f"the inputs differ in their number of images: { {name: len(array) for name, array in found.items()} }")
    if problems:
        raise InputError(f"network {design.network_name!r} cannot take these inputs", problems)
    return found


def _one(tensor: Tensor, array: npt.NDArray[Any], layout: str) -> Int8:
    """One input; raises InputError with problems."""
    if not isinstance(array, np.ndarray) or array.dtype != np.int8:
        real = checked_data({tensor.name: tensor.shape}, {tensor.name: array}, layout, "inputs")[tensor.name]
        affine = tensor.affine
        return quantize_array(real, affine.scale, affine.zero_point, IntegerFormat(tensor.bits)).astype(np.int8)
    shape = tensor.shape
    expected = (shape[2], *shape[:2]) if layout == "NCHW" and len(shape) == 3 else shape
    if array.ndim != len(shape) + 1 or array.shape[1:] != expected or not len(array):
        text = f"input {tensor.name!r}: must have the shape [N, {', '.join(map(str, expected))}], N at least 1, not {list(array.shape)}"
        raise InputError("inputs", [text])
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1) if layout == "NCHW" and len(shape) == 3 else array)
