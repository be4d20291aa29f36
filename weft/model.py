"""Finds the float network that a user names: a file of torch.export, TensorFlow Lite or ONNX, or a function that returns a module."""

from __future__ import annotations

import importlib
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from golden import network_file
from golden.errors import InputError
from golden.graph import Graph
from golden.importers.partial import RefusedNetworkError
from weft import exported_program
from weft.foreign_file import refuse_foreign
from weft.network import FACTORY

if TYPE_CHECKING:
    from torch import nn
    from torch.export import ExportedProgram

    from golden.float_graph import FloatGraph


def load_model(name: str) -> tuple[nn.Module | ExportedProgram | FloatGraph, str]:
    """The network named by `name`, and a short name for it.

    name: a path that ends in .pt2, .tflite or .onnx, or package.module:factory; the current folder is searched for the package first.
    Raises InputError for anything else, for files that cannot be read, and for factories that fail.
    """
    path = Path(name)
    if path.suffix.lower() == ".pt2":
        return exported_program.load(path), path.stem
    if path.suffix.lower() in (".tflite", ".onnx"):
        return _from_file(path), path.stem
    if not FACTORY.fullmatch(name) or path.exists():
        refuse_foreign(path)
        if network_file.is_network(path):
            raise _quantized(path)
        missing = "" if path.exists() else ", and there is no such file"
        raise InputError(f"MODEL must be the path of a .pt2, .tflite or .onnx file, or package.module:factory, not {name!r}{missing}")
    module, _, factory = name.partition(":")
    return _call(module, factory), factory


def load_named(
    model: str, name: str | None, progress: Callable[[str, int, int], None]
) -> tuple[nn.Module | ExportedProgram | FloatGraph, str]:
    """The network that `model` names, and `name`, or a short one of its own; `progress` is told before and after."""
    progress("reading the network", 0, 1)
    loaded, own_name = load_model(model)
    progress("reading the network", 1, 1)
    return loaded, name or own_name


def _from_file(path: Path) -> FloatGraph:
    """The float network of a .tflite or .onnx file."""
    if path.suffix.lower() == ".tflite":
        from golden.importers import tflite, tflite_file, tflite_float

        model = tflite_file.read(path)
        if tflite.is_quantized(model):
            raise _quantized(path)
        return tflite_float.import_model(model)
    from golden.importers import onnx

    try:
        network = onnx.import_file(path)
    except RefusedNetworkError as error:
        if error.quantized:
            raise _quantized(path) from error
        raise
    if isinstance(network, Graph):
        raise _quantized(path)
    return network


def _quantized(path: Path) -> InputError:
    return InputError(
        f"{path} is quantized already; give it to check, analyze, verify, generate and predict as it is, "
        f"as in: weft verify {shlex.quote(str(path))} --inputs DATA.npz"
    )


def _call(module: str, factory: str) -> nn.Module | ExportedProgram:
    from torch import nn
    from torch.export import ExportedProgram

    folder = str(Path.cwd())
    sys.path.insert(0, folder)  # an installed command does not search the current folder by itself
    try:
        function = getattr(importlib.import_module(module), factory, None)
        if not callable(function):
            raise InputError(f"{module}:{factory}: the module {module} has no function {factory!r}")
        network = function()
    except InputError:
        raise
    except ModuleNotFoundError as error:
        if error.name is not None and (module == error.name or module.startswith(f"{error.name}.")):
            raise InputError(f"{module}:{factory}: there is no module {error.name!r} here or among the installed packages") from error
        raise InputError(f"{module}:{factory}: failed with {type(error).__name__}: {error}") from error
    except Exception as error:  # the user's own code may raise anything
        raise InputError(f"{module}:{factory}: failed with {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(folder)
    if not isinstance(network, nn.Module | ExportedProgram):
        raise InputError(f"{module}:{factory}: returned a {type(network).__name__}, not a torch.nn.Module or an exported program")
    return network
