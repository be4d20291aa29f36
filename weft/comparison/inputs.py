"""Data with labels for a float network, out of npz files."""

from __future__ import annotations

from pathlib import Path

from golden.errors import InputError
from golden.float_graph import FloatGraph
from weft.arrays import Layout, Values, choice
from weft.comparison.data import Data
from weft.network_inputs import network_samples, real_inputs


def labelled_data(path: Path, network: FloatGraph, purpose: str, layout: str | None = None, values: str | None = None) -> Data:
    """The inputs of a file in the network's layout, and their labels where the file has them.

    Raises InputError for inputs that do not fit the network, and for labels that are no classes of it.
    """
    stated = None if layout is None else choice(Layout, layout)
    kind = None if values is None else choice(Values, values)
    samples = network_samples(path, network.inputs, f"{purpose} data", stated, kind)
    x = real_inputs(samples, {name: network.tensors[name].shape for name in network.inputs}, purpose)
    label = next(iter(samples.values())).label
    classes = network.tensors[network.outputs[0]].shape[-1]
    if label is not None and label.max() >= classes:
        raise InputError(f"{path}: a label is {label.max()}, but the network has {classes} classes, from 0 to {classes - 1}")
    return Data(x, label)
