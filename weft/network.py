"""Reads the network that a user names, by what its file is."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from golden import network_file
from golden.errors import InputError
from golden.graph import Graph
from golden.importers.partial import RefusedNetworkError
from weft.foreign_file import refuse_foreign

if TYPE_CHECKING:
    from golden.float_graph import FloatGraph

Path_ = str | os.PathLike[str]

#: A function that returns a network: package.module:factory.
FACTORY = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def graph_of(network: Graph | Path_) -> Graph:
    """A quantized network that is given as it is, or as its file (`load_network`)."""
    return network if isinstance(network, Graph) else load_network(Path(network))


def load_network(path: Path) -> Graph:
    """A quantized network: a file that Weft wrote, an int8 TFLite file, or an ONNX file with QuantizeLinear and DequantizeLinear.

    Raises InputError for a file that cannot be read, or that holds a network which is not quantized.
    """
    try:
        network = read_network(path)
    except RefusedNetworkError as error:
        if error.quantized:
            raise
        raise _float(path) from error
    if not isinstance(network, Graph):
        raise _float(path)
    return network


def read_network(path: Path) -> Graph | FloatGraph:
    """A network from its file, quantized or not.  Raises RefusedNetworkError for one that holds anything unsupported."""
    suffix = path.suffix.lower()
    if FACTORY.fullmatch(str(path)) and not path.exists():
        return _from_factory(str(path))
    if suffix == ".tflite":
        from golden.importers import tflite, tflite_file, tflite_float

        model = tflite_file.read(path)
        return tflite.import_model(model) if tflite.is_quantized(model) else tflite_float.import_model(model)
    if suffix == ".onnx":
        from golden.importers import onnx

        return onnx.import_file(path)
    if suffix == ".pt2":
        from golden.importers.torch_export import import_program
        from weft import exported_program

        return import_program(exported_program.load(path), path.stem)
    refuse_foreign(path)
    return network_file.load(path)


def _from_factory(name: str) -> Graph | FloatGraph:
    from torch.export import ExportedProgram

    from golden.importers.torch_export import import_program
    from weft.exported_program import EXPORT
    from weft.model import load_model

    model, factory = load_model(name)
    if not isinstance(model, ExportedProgram):
        raise InputError(f"{name}: a module alone does not say which shape its inputs have; give its file: {EXPORT}")
    return import_program(model, factory)


def _float(path: Path) -> InputError:
    name = shlex.quote(str(path))
    return InputError(
        f"{path} is a float network; quantize it first: weft quantize {name} --calibration DATA.npz -o NET "
        f"(weft check {name} says whether all of it is supported)"
    )
