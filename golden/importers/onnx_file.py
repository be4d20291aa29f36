"""Reads an ONNX file into plain, checked data (SPEC section 9).

Files are not trusted.  Nothing outside the file is ever read: tensors stored elsewhere are refused.  Every
shape is checked against the bytes that are there before an array is made of them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

from golden.errors import InputError
from golden.importers.layout import MAX_ELEMENTS, MAX_RANK

Array = npt.NDArray[np.generic]
#: What an attribute can hold, of those that are read at all.
Attribute = int | float | str | tuple[int, ...] | tuple[float, ...] | Array

#: The largest file that is read.
MAX_BYTES = 2**28
#: Operator sets that are understood: those with the ways of writing Clip, Pad and others that the importer knows.
OPSETS = range(7, 100)
#: Domains whose operators are known by name; ONNX Runtime writes some QuantizeLinear in its own.
_DOMAINS = ("", "ai.onnx", "com.microsoft")

_TYPES: dict[int, str] = {
    TensorProto.FLOAT: "float32",
    TensorProto.DOUBLE: "float64",
    TensorProto.FLOAT16: "float16",
    TensorProto.INT8: "int8",
    TensorProto.UINT8: "uint8",
    TensorProto.INT32: "int32",
    TensorProto.INT64: "int64",
    TensorProto.BOOL: "bool",
}


def _text(stored: str | bytes) -> str:
    """A stored name; protobuf hands over bytes where they are no UTF-8, whatever its type annotations say."""
    return stored if isinstance(stored, str) else stored.decode("utf-8", "replace")


def shown(name: str) -> str:
    """A name from the file as messages quote it, never longer than a line."""
    return repr(name if len(name) <= 60 else f"{name[:57]}...")


@dataclass(frozen=True)
class FileValue:
    """A network input or output: its type by name, and its shape, None for an axis without a number."""

    name: str
    type: str
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True, eq=False)
class FileNode:
    """An operator: `attributes` by name, those that could not be read in `unreadable`, with the reason."""

    index: int
    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    unreadable: Mapping[str, str]

    def __str__(self) -> str:
        return f"node {shown(self.name)} ({self.kind[:60]})" if self.name else f"node number {self.index} ({self.kind[:60]})"


@dataclass(frozen=True, eq=False)
class FileModel:
    """A file's main graph.

    size:       bytes of the file.
    opset:      of the standard operators.
    shapes:     of tensors between the operators, where the file says them.
    unreadable: constants that are among the problems.
    problems:   what is wrong with the file as a whole; none of it is repaired.
    """

    name: str
    size: int
    opset: int
    inputs: tuple[FileValue, ...]
    outputs: tuple[FileValue, ...]
    nodes: tuple[FileNode, ...]
    constants: Mapping[str, Array]
    unreadable: frozenset[str]
    problems: tuple[str, ...]
    shapes: Mapping[str, tuple[int | None, ...]] = field(default_factory=dict)


def read(path: str | os.PathLike[str]) -> FileModel:
    """Reads a file.  Raises InputError where it cannot be read or is no ONNX file."""
    file = Path(path)
    try:
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"{file}: has {size} bytes; networks of at most {MAX_BYTES} bytes are read")
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror or error}") from error
    return parse(data, file.stem)


def parse(data: bytes, name: str = "network") -> FileModel:
    """Reads a file's bytes.  Raises InputError where they are no ONNX file."""
    try:
        proto = ModelProto.FromString(data)
    except DecodeError as error:
        raise InputError(f"network {name!r} is no ONNX file, or is damaged; export it again") from error
    if not proto.HasField("graph") or not proto.graph.node:
        raise InputError(f"network {name!r} is no ONNX file, or an empty one: it has no graph with operators; export it again")
    graph, problems = proto.graph, []
    opsets = [entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")]
    opset = opsets[0] if opsets else 0
    if opset not in OPSETS:
        problems.append(f"operator set {opset} is not supported; export with version 13 or newer")
    if graph.sparse_initializer:
        problems.append(f"it has {len(graph.sparse_initializer)} sparse constants; store them dense")
    constants: dict[str, Array] = {}
    unreadable: set[str] = set()
    for tensor in graph.initializer:
        try:
            constants[_text(tensor.name)] = array(tensor)
        except InputError as error:
            problems.append(f"constant {shown(_text(tensor.name))}: {error}")
            unreadable.add(_text(tensor.name))
    inputs = tuple(value for value in map(_value, graph.input) if value.name not in constants and value.name not in unreadable)
    outputs = tuple(_value(value) for value in graph.output)
    nodes = tuple(_node(index, node) for index, node in enumerate(graph.node))
    shapes = {value.name: value.shape for value in map(_value, graph.value_info) if value.shape is not None}
    return FileModel(name, len(data), opset, inputs, outputs, nodes, constants, frozenset(unreadable), tuple(problems), shapes)


def array(tensor: TensorProto) -> Array:
    """A stored tensor.  Raises InputError for data elsewhere, unknown types, and shapes that the data does not fill."""
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise InputError("its data is in another file, which is never read; save the model as one file (save_as_external_data=False)")
    if tensor.data_type not in _TYPES:
        raise InputError(f"its type is {_type_name(tensor.data_type)}; only {', '.join(_TYPES.values())} are supported")
    dims = tuple(tensor.dims)
    if len(dims) > MAX_RANK or any(not 0 <= size <= MAX_ELEMENTS for size in dims) or math.prod(dims) > MAX_ELEMENTS:
        raise InputError(f"its shape {list(dims)[:MAX_RANK]} is not one of up to {MAX_RANK} axes and {MAX_ELEMENTS} elements")
    try:
        result = onnx.numpy_helper.to_array(tensor)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"its data does not fill its shape {list(dims)}; the file is damaged") from error
    if result.shape != dims or result.dtype.name != _TYPES[tensor.data_type]:
        raise InputError(f"its data does not fill its shape {list(dims)}; the file is damaged")
    if result.dtype.kind == "f" and np.isnan(result).any():
        raise InputError("has values that are no numbers (NaN); train the network again or repair it")
    return result


def _type_name(number: int) -> str:
    return TensorProto.DataType.Name(number) if number in TensorProto.DataType.values() else f"number {number}"


def _value(value: ValueInfoProto) -> FileValue:
    if not value.type.HasField("tensor_type"):
        return FileValue(_text(value.name), "no tensor", None)
    tensor = value.type.tensor_type
    kind = _TYPES.get(tensor.elem_type, _type_name(tensor.elem_type))
    if not tensor.HasField("shape"):
        return FileValue(_text(value.name), kind, None)
    shape = tuple(axis.dim_value if axis.HasField("dim_value") else None for axis in tensor.shape.dim)
    return FileValue(_text(value.name), kind, shape)


def _node(index: int, node: NodeProto) -> FileNode:
    attributes: dict[str, Attribute] = {}
    unreadable: dict[str, str] = {}
    for attribute in node.attribute:
        try:
            attributes[_text(attribute.name)] = _attribute(attribute)
        except InputError as error:
            unreadable[_text(attribute.name)] = str(error)
    kind, domain = _text(node.op_type), _text(node.domain)
    inputs, outputs = tuple(map(_text, node.input)), tuple(map(_text, node.output))
    return FileNode(index, _text(node.name), kind if domain in _DOMAINS else f"{domain}.{kind}", inputs, outputs, attributes, unreadable)


def _attribute(attribute: AttributeProto) -> Attribute:
    if attribute.type == AttributeProto.INT:
        return int(attribute.i)
    if attribute.type == AttributeProto.FLOAT:
        return float(attribute.f)
    if attribute.type == AttributeProto.STRING:
        return attribute.s.decode("utf-8", "replace")
    if attribute.type == AttributeProto.INTS:
        return tuple(attribute.ints)
    if attribute.type == AttributeProto.FLOATS:
        return tuple(attribute.floats)
    if attribute.type == AttributeProto.TENSOR:
        return array(attribute.t)
    raise InputError("is of a type that no supported operator has")
