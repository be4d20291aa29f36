"""How often an imported QDQ network and ONNX Runtime agree: information, never a condition (SPEC section 9).

ONNX Runtime rescales in floating point; the graph rescales in its own integer format.  Each rescale may end one
step apart, and later layers pass that on.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from golden.errors import InputError, ToolMissingError
from golden.formats import INT8, quantize_array
from golden.graph import Graph, Tensor
from golden.interpreter import run

Float32 = npt.NDArray[np.float32]
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


def measure(path: str | os.PathLike[str], graph: Graph, inputs: Mapping[str, Float32], *, layout: str = "NCHW") -> dict[str, Agreement]:
    """Runs a file in ONNX Runtime, its optimizations off, and its imported graph, on the same images.

    inputs: float32[N, C, H, W] or float32[N, F] by the file's input names, in the file's own layout.
    layout: of maps in the file, NCHW or NHWC.

    Returns the agreement by output of the graph, in the file's order.  Raises ToolMissingError without onnxruntime,
    and InputError for inputs that do not fit the file.
    """
    try:
        import onnxruntime  # only this comparison needs it
    except ImportError as error:
        raise ToolMissingError("onnxruntime is not installed; install it with pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(Path(path).read_bytes(), options, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]
    if set(names) != set(inputs) or len({len(values) for values in inputs.values()}) != 1:
        raise InputError(f"the network needs the inputs {', '.join(names)}, all of one length, not {', '.join(inputs)}")
    count = len(inputs[names[0]])
    real = [session.run(None, {name: inputs[name][i : i + 1] for name in names}) for i in range(count)]
    quantized = {
        tensor: to_integers(np.asarray(inputs[name]), graph.tensors[tensor], layout).astype(np.int8)
        for name, tensor in zip(names, graph.inputs, strict=True)
    }
    tensors = run(graph, quantized, tensors=True)
    results = {}
    for place, name in enumerate(graph.outputs):
        theirs = to_integers(np.concatenate([values[place] for values in real]), graph.tensors[name], layout)
        results[name] = compare(tensors[name].astype(np.int64), theirs)
    return results


def to_integers(values: npt.NDArray[np.generic], tensor: Tensor, layout: str = "NCHW") -> Int64:
    """ONNX's values of a tensor, real or integer, as the graph's integers, int64[N, *shape]."""
    if values.ndim == 4 and layout == "NCHW":
        values = values.transpose(0, 2, 3, 1)
    if values.size != len(values) * tensor.size or values.ndim not in (2, 4):
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
