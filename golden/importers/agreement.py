"""How often an imported quantized network and the framework it comes from agree: information, never a condition (SPEC section 9).

The framework rescales in floating point; the graph rescales in its own integer format.  Each rescale may end one step
apart, and later layers pass that on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from golden.errors import InputError
from golden.formats import INT8, quantize_array
from golden.graph import Graph, Tensor
from golden.interpreter import run

Array = npt.NDArray[np.generic]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Agreement:
    """Of one output.

    equal:      share of the elements that are the same integers.
    difference: the largest one, in steps (LSB) of the output.
    argmax:     share of the images whose largest element is at the same place; ties count as the first.
    """

    equal: float
    difference: int
    argmax: float

    def __str__(self) -> str:
        return f"{100 * self.equal:.2f} % equal, largest difference {self.difference} LSB, argmax {100 * self.argmax:.2f} % equal"


def against(graph: Graph, inputs: Mapping[str, Array], theirs: Sequence[Array], layout: str = "NCHW") -> dict[str, Agreement]:
    """Runs a graph on the images that the framework has run, and compares.

    inputs: real or integer, [N, ...] by the graph's input names, in the framework's layout.
    theirs: what the framework made of them, one array for each output of the graph.
    layout: of maps in the framework, NCHW or NHWC.

    Returns the agreement by output of the graph.  Raises InputError for arrays that do not fit the graph.
    """
    quantized = {name: to_integers(np.asarray(values), graph.tensors[name], layout).astype(np.int8) for name, values in inputs.items()}
    tensors = run(graph, quantized, tensors=True)
    results = {}
    for name, values in zip(graph.outputs, theirs, strict=True):
        results[name] = compare(tensors[name].astype(np.int64), to_integers(values, graph.tensors[name], layout))
    return results


def to_integers(values: npt.NDArray[np.generic], tensor: Tensor, layout: str = "NCHW") -> Int64:
    """The framework's values of a tensor, real or integer, as the graph's integers, int64[N, *shape]."""
    if values.ndim == 4 and layout == "NCHW":
        values = values.transpose(0, 2, 3, 1)
    if values.ndim == 3 and layout == "NCHW":  # a map of one row, [N, C, L]
        values = values.transpose(0, 2, 1)
    if values.size != len(values) * tensor.size or values.ndim not in (2, 3, 4):
        raise InputError(
            f"tensor {tensor.name!r} has the shape {tensor.shape}, which values of the shape {values.shape} in {layout} do not fit"
        )
    shaped = values.reshape(len(values), *tensor.shape)
    if shaped.dtype == np.uint8:
        return shaped.astype(np.int64) - 128
    if shaped.dtype == np.int8:
        return shaped.astype(np.int64)
    return quantize_array(shaped, tensor.affine.scale, tensor.affine.zero_point, INT8)


def compare(ours: Int64, theirs: Int64) -> Agreement:
    """The agreement of two batches of integers, int64[N, ...]."""
    flat = ours.reshape(len(ours), -1), theirs.reshape(len(theirs), -1)
    largest = float((flat[0].argmax(1) == flat[1].argmax(1)).mean())
    return Agreement(float((ours == theirs).mean()), int(np.abs(ours - theirs).max()), largest)
