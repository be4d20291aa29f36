"""Reads the `.pt2` files that `torch.export.save` writes, without running anything out of them.

`torch.export.load` unpickles some records of the archive and evaluates expressions in others, so opening a
stranger's file with it may run a stranger's code.  Here every record is checked first; what could run is refused,
and an ordinary exported network holds nothing of the kind.
"""

from __future__ import annotations

import ast
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from golden.errors import InputError

if TYPE_CHECKING:
    from torch.export import ExportedProgram

EXPORT = "torch.export.save(torch.export.export(model.eval(), (example_input,)), 'network.pt2')"
EXPORT_AGAIN = f"export the network again: {EXPORT}"

#: The records of an exported network with plain tensors; anything else in the archive is refused.
_RECORDS = re.compile(
    r"archive_format|archive_version|byteorder|\.data/(version|serialization_id)|extra/.*"
    r"|models/model\.json|data/sample_inputs/model\.pt"
    r"|data/weights/(model_weights_config\.json|weight_\d+)|data/constants/(model_constants_config\.json|tensor_\d+)"
)
_MODEL = "models/model.json"
_SAMPLE_INPUTS = "data/sample_inputs/model.pt"
_PAYLOADS = ("data/weights/model_weights_config.json", "data/constants/model_constants_config.json")

#: What a symbolic size may be made of: sympy evaluates these strings.
_EXPRESSION_NODES = (
    ast.Expression, ast.Call, ast.Name, ast.Load, ast.Constant, ast.keyword, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop,
    ast.Compare, ast.cmpop,
)  # fmt: skip
_EXPRESSION_CALLS = {
    "Symbol",
    "Integer",
    "Float",
    "Rational",
    "Add",
    "Mul",
    "Pow",
    "Max",
    "Min",
    "Mod",
    "PythonMod",
    "FloorDiv",
    "CleanDiv",
}
_OPERATORS = ("torch.ops.", "_operator.", "math.")


def load(path: Path) -> ExportedProgram:
    """The exported program in a file.

    Raises InputError for a file that is missing, damaged, of another kind, or that holds pickled objects or code.
    """
    try:
        data = path.read_bytes()  # once: what is checked below is what is loaded
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; {EXPORT} writes one") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not zipfile.is_zipfile(io.BytesIO(data)):
        raise InputError(f"{path}: not a torch.export file, or a damaged one; {EXPORT_AGAIN}")

    import torch
    from torch.ao.quantization.fx import _decomposed  # noqa: F401  # the quantizers of a quantized program are operators from there
    from torch.export.pt2_archive._package import PT2ArchiveReader

    from golden.importers.torch_tracing import quiet

    try:
        with PT2ArchiveReader(io.BytesIO(data)) as archive:
            names = archive.get_file_names()
            problems = list(_dangers({name: archive.read_bytes(name) for name in names if _is_checked(name)}, names))
        if problems:
            raise InputError(f"{path}: refused, because loading it could run code that it contains; {EXPORT_AGAIN}", problems)
        with quiet():  # a failure there is logged with its traceback, and reported below
            program: ExportedProgram = torch.export.load(io.BytesIO(data))
    except InputError:
        raise
    except Exception as error:  # torch raises anything from KeyError to AssertionError for a damaged archive
        raise InputError(
            f"{path}: not a torch.export file of this version of PyTorch, or a damaged one ({error}); {EXPORT_AGAIN}"
        ) from error
    program._guards_code = []  # source text that module() would execute; it only repeats what the example inputs were like
    return program


def _is_checked(name: str) -> bool:
    return name in (_MODEL, _SAMPLE_INPUTS, *_PAYLOADS)


def _dangers(records: dict[str, bytes], names: list[str]) -> Iterator[str]:
    """What in an archive could run code when torch loads it."""
    import torch

    for name in names:
        if not _RECORDS.fullmatch(name):
            yield f"record {name!r} has no place in the file of one exported network with plain tensors"
    if len(set(names)) != len(names):
        yield "records with the same name"
    if _SAMPLE_INPUTS in records:
        try:
            torch.load(io.BytesIO(records[_SAMPLE_INPUTS]), weights_only=True)
        except Exception as error:  # the restricted unpickler reports what it refuses in several ways
            yield f"the example inputs are not plain tensors ({str(error).splitlines()[0]})"
    for name in _PAYLOADS:
        for tensor, payload in json.loads(records[name])["config"].items():
            if payload["use_pickle"] or not re.fullmatch(r"(weight|tensor)_\d+", payload["path_name"]):
                yield f"tensor {tensor!r} is stored as a pickled object"
    for key, text in _strings(json.loads(records[_MODEL])):
        if key == "expr_str" and not _is_plain_expression(text):
            yield f"the size {text[:60]!r} is no arithmetic expression"
        if key == "target" and "." in text and not text.startswith(_OPERATORS):
            yield f"the operator {text[:60]!r} is none of PyTorch's"


def _strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every string of a JSON value, with the name of the member that holds it."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _strings(member, name)
    elif isinstance(value, list):
        for member in value:
            yield from _strings(member, key)
    elif isinstance(value, str):
        yield key, value


def _is_plain_expression(text: str) -> bool:
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    for node in ast.walk(tree):
        if not isinstance(node, _EXPRESSION_NODES):
            return False
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in _EXPRESSION_CALLS):
            return False
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and not node.value.isidentifier():
            return False
    return True
