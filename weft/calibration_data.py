"""A model and the data to calibrate it with, brought together: which array is for which input, and in which layout."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from golden.errors import InputError
from golden.float_graph import FloatGraph
from golden.graph import Graph
from golden.input_data import quantize_input
from weft.arrays import Layout, Samples, Values, choice
from weft.data_warnings import warn_about_calibration, warn_about_result
from weft.network_inputs import Data, network_samples, real_inputs

if TYPE_CHECKING:
    from torch import nn
    from torch.export import ExportedProgram

#: Inputs that the quantized network is tried with.
_TRIED = 8


@dataclass(frozen=True, eq=False)
class Calibration:
    """A float network and its data.

    source: the file, or what else to call the data in a message.
    x:      float32[N, *shape] by input, channels last.
    """

    network: FloatGraph
    source: str
    x: dict[str, npt.NDArray[np.float32]]

    def warn_about(self, quantized: Graph) -> None:
        """Warns where the quantized network cannot tell the data apart."""
        few = {name: array[:_TRIED] for name, array in self.x.items()}
        steps = quantize_input(quantized, few)
        assert isinstance(steps, dict)
        warn_about_result(self.source, quantized, steps)


def prepare(
    model: nn.Module | ExportedProgram | FloatGraph,
    calibration: Data | str | os.PathLike[str],
    layout: str | None,
    values: str | None,
    name: str | None,
) -> Calibration:
    """Reads the data for the model's inputs, and imports the model; the arguments are those of `weft.quantize`.

    Raises InputError for a model with unsupported operators, and for data that do not fit it.
    """
    stated = None if layout is None else choice(Layout, layout)
    kind = None if values is None else choice(Values, values)
    data = Path(calibration) if isinstance(calibration, str | os.PathLike) else calibration
    source = str(data) if isinstance(data, Path) else "calibration data"
    samples = network_samples(data, _input_names(model), "calibration data", stated, kind)
    real = {key: each.real("calibration") for key, each in samples.items()}
    network = _imported(model, real, samples, name)
    if isinstance(network, Graph):
        raise InputError(f"network {network.name!r} is quantized already; give it to check, analyze, verify, generate and predict as it is")
    if len(network.inputs) != len(samples):
        raise InputError(f"network {network.name!r} has {len(network.inputs)} inputs {list(network.inputs)}; give data for each")
    samples = dict(zip(network.inputs, samples.values(), strict=True))
    x = real_inputs(samples, {key: network.tensors[key].shape for key in network.inputs}, "calibration")
    for key, each in samples.items():
        warn_about_calibration(each.source, x[key])
    return Calibration(network, source, x)


def _input_names(model: nn.Module | ExportedProgram | FloatGraph) -> tuple[str, ...]:
    """The names of a model's inputs, in order: those that a file of data must have where there are several."""
    from torch.export import ExportedProgram

    if isinstance(model, FloatGraph):
        return model.inputs
    if isinstance(model, ExportedProgram):
        return tuple(model.graph_signature.user_inputs) or ("x",)
    required = [
        key
        for key, parameter in inspect.signature(model.forward).parameters.items()
        if parameter.default is parameter.empty and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    return tuple(required) or ("x",)


def _imported(
    model: nn.Module | ExportedProgram | FloatGraph,
    x: Mapping[str, npt.NDArray[np.float32]],
    samples: Mapping[str, Samples],
    name: str | None,
) -> FloatGraph | Graph:
    """The model as a graph.  A module without a stated layout is fed NCHW, as PyTorch does; where it refuses that, NHWC."""
    from torch import nn

    from golden import quantize as quantizer

    stated = next(iter(samples.values())).layout
    layouts: Sequence[Layout] = [stated] if stated else [Layout.NCHW, Layout.NHWC]
    try:
        return quantizer.float_graph(model, x, layouts[0].name, name)
    except InputError as first_error:
        if len(layouts) > 1 and isinstance(model, nn.Module) and any(array.ndim > 2 for array in x.values()):
            with suppress(InputError):
                return quantizer.float_graph(model, x, layouts[1].name, name)
        raise first_error
