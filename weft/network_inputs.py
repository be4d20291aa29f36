"""The data of every input of a network: under the key 'x' where there is one input, else each under the name of its input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from golden.errors import InputError
from golden.formats import IntegerFormat, quantize_array
from golden.graph import Graph, Int8, Tensor
from golden.input_data import checked_data, with_rows
from weft.arrays import Layout, Samples, Values, make_samples, named, read_samples, read_samples_by_name
from weft.data_warnings import warn_about_input

Data = npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]]


def network_samples(data: Data | Path, names: Sequence[str], what: str, layout: Layout | None, values: Values | None) -> dict[str, Samples]:
    """The samples of each input, all of them of one number.

    data:  an array for a network of one input, a mapping by input name, or the path of an npz file.
    names: of the network's inputs.
    what:  to call data that come from no file in messages.
    Raises InputError with what is missing.
    """
    if isinstance(data, Mapping):
        found = {name: make_samples(f"{what} {name!r}", data[name], None, layout, values) for name in names if name in data}
        source = what
    elif isinstance(data, np.ndarray):
        if len(names) > 1:
            raise InputError(f"{what}: the network has {len(names)} inputs; give one array for each of {', '.join(map(repr, names))}")
        return {names[0]: make_samples(what, data, layout=layout, values=values)}
    elif len(names) == 1:
        return {names[0]: read_samples(data, layout, values)}
    else:
        found, source = read_samples_by_name(data, names, layout, values), str(data)
    missing = [name for name in names if name not in found]
    if missing:
        keys = ", ".join(map(repr, names))
        raise InputError(
            f"{source}: the network has {len(names)} inputs, and there is no data for {', '.join(map(repr, missing))}; "
            f"store an array for each input under its name: {keys}"
        )
    counts = {name: len(samples.x) for name, samples in found.items()}
    if len(set(counts.values())) > 1:
        raise InputError(f"{source}: the inputs differ in their number: {', '.join(f'{n} of {name!r}' for name, n in counts.items())}")
    return found


def real_inputs(samples: Mapping[str, Samples], shapes: Mapping[str, tuple[int, ...]], what: str) -> dict[str, npt.NDArray[np.float32]]:
    """Real values, float32[N, *shape] each, channels last.  Raises InputError for other shapes and types, and for NaN and infinity."""
    found: dict[str, npt.NDArray[np.float32]] = {}
    for name, each in samples.items():
        x, layout = each.real(what), each.layout_for(shapes[name])
        with named(each.source):
            found |= checked_data({name: shapes[name]}, {name: x}, layout.name, f"{what} data")
    return found


def int8_inputs(graph: Graph, samples: Mapping[str, Samples]) -> dict[str, Int8]:
    """The inputs as the network takes them, int8[N, *shape] each: quantized if they are real, channels last.

    Raises InputError for inputs of another shape, for NaN and infinity; warns of real ones in the wrong units.
    """
    return int8_samples(graph.tensors, samples)


def int8_samples(tensors: Mapping[str, Tensor], samples: Mapping[str, Samples]) -> dict[str, Int8]:
    """As `int8_inputs`, for whoever knows the inputs' tensors and not the network."""
    found: dict[str, Int8] = {}
    for name, each in samples.items():
        tensor = tensors[name]
        if each.x.dtype == np.int8:
            layout = each.layout_for(tensor.shape)
            x = with_rows(cast(Int8, each.x), tensor.shape, layout.name)
            found[name] = np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if layout is Layout.NCHW and x.ndim == 4 else x
            continue
        real = real_inputs({name: each}, {name: tensor.shape}, "input")[name]
        steps = quantize_array(real, tensor.affine.scale, tensor.affine.zero_point, IntegerFormat(tensor.bits))
        found[name] = steps.astype(np.int8)
        warn_about_input(each.source, real, tensor, found[name])
    return found
