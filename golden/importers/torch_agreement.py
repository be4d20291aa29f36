"""How often an imported quantized PyTorch program and PyTorch itself agree: information, never a condition (SPEC section 9)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch.export import ExportedProgram

from golden.graph import Graph
from golden.importers.agreement import Agreement, against


def measure(program: ExportedProgram, graph: Graph, inputs: Sequence[npt.NDArray[np.generic]]) -> dict[str, Agreement]:
    """Runs a program in PyTorch, and its imported graph, on the same images, one by one.

    inputs: [N, ...] for each input of the program, real or integer as it takes them, in PyTorch's layout.

    Returns the agreement by output of the graph, in the program's order.  Raises InputError for inputs that do not fit the graph.
    """
    module = program.module()
    made = []
    with torch.no_grad():
        for image in zip(*inputs, strict=True):
            result = module(*(torch.from_numpy(np.ascontiguousarray(values[None])) for values in image))
            made.append([output.numpy() for output in (result if isinstance(result, tuple) else (result,))])
    theirs = [np.concatenate(values) for values in zip(*made, strict=True)]
    return against(graph, dict(zip(graph.inputs, inputs, strict=True)), theirs)
