"""How often an imported QDQ network and ONNX Runtime agree: information, never a condition (SPEC section 9)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from golden.errors import InputError, ToolMissingError
from golden.graph import Graph
from golden.importers.agreement import Agreement, against

Float32 = npt.NDArray[np.float32]


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
    theirs = [np.concatenate(values) for values in zip(*real, strict=True)]
    return against(graph, {tensor: inputs[name] for name, tensor in zip(names, graph.inputs, strict=True)}, theirs, layout)
