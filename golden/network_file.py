"""The quantized network as one file: safetensors, with the graph as JSON in its metadata and no pickle (SPEC section 8).

The same graph always gives the same bytes.  Opening a file runs nothing from it, and what is loaded
has passed the checker.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from golden.affine import Affine
from golden.checker import check
from golden.errors import InputError
from golden.graph import OPS, Graph, Op, Padding, Tensor, WeightedOp, Window, op_arrays
from golden.packed_storage import pack, unpack
from golden.rescale import Rescale, RescaleFormat

FORMAT = "weft-network"
VERSION = 2  # 1 had no bits: every tensor and weight had 8

#: One metadata key alone: safetensors writes several in no fixed order, and the bytes must be reproducible.
_METADATA_KEY = "weft"
_KINDS = {op.kind: op for op in OPS}
_MAKE_AGAIN = "write it again with `weft quantize`"


def save(graph: Graph, path: str | os.PathLike[str]) -> None:
    """Writes a graph to a file, whole or not at all.  Raises InputError for an unsound graph or a path that cannot be written."""
    check(graph)
    target = Path(path)
    description, arrays = _encode(graph)
    data = safetensors.numpy.save(arrays, metadata={_METADATA_KEY: description})
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)  # what open() would have given; temporary files are private
        temporary.replace(target)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise InputError(
            f"cannot write the network to {target}: {error.strerror or error}; choose a folder that exists and is writable"
        ) from error


def load(path: str | os.PathLike[str]) -> Graph:
    """Reads a graph.  Raises InputError for a file that is missing, damaged, foreign, of a newer version or unsound."""
    source = Path(path)
    if not source.is_file():
        raise InputError(f"{source}: no such file; give the path of a network that `weft quantize` wrote")
    try:
        with safetensors.safe_open(source, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (the file is no mapping)
    except (safetensors.SafetensorError, OSError, ValueError, TypeError) as error:
        raise InputError(f"{source}: not a network file, or a damaged one ({error}); {_MAKE_AGAIN}") from error
    if _METADATA_KEY not in metadata:
        raise InputError(
            f"{source}: a safetensors file, but not one of Weft's: it holds weights without a quantized graph; quantize the network first"
        )
    try:
        description = json.loads(metadata[_METADATA_KEY])
        kind, version = description["format"], description["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{source}: the description of the network is damaged ({error!r}); {_MAKE_AGAIN}") from error
    if kind != FORMAT:
        raise InputError(f"{source}: the format is {kind!r}, not {FORMAT!r}; quantize the network first")
    if not isinstance(version, int) or version > VERSION:
        raise InputError(f"{source}: written by a newer Weft (file version {version}, this one reads up to {VERSION}); update Weft")
    try:
        graph = _decode(description["graph"], arrays)
    except InputError as error:
        raise InputError(f"{source}: {error.message}; {_MAKE_AGAIN}", error.problems) from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(f"{source}: the description of the network is inconsistent ({error!r}); {_MAKE_AGAIN}") from error
    try:
        check(graph, after="loading")
    except InputError as error:
        raise InputError(f"{source}: {error.message}; {_MAKE_AGAIN}", error.problems) from error
    return graph


def sha256(graph: Graph) -> str:
    """A digest, in hex, of everything in a graph: two graphs with one digest compute the same under the same names."""
    description, arrays = _encode(graph)
    digest = hashlib.sha256(description.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


# --- graph to data --------------------------------------------------------------------------------


def _encode(graph: Graph) -> tuple[str, dict[str, npt.NDArray[np.generic]]]:
    """The description as canonical JSON, and the arrays by name (operator index and field)."""
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    ops = []
    for index, op in enumerate(graph.ops):
        fields: dict[str, Any] = {"kind": op.kind, "name": op.name, "inputs": list(op.inputs), "output": op.output}
        fields |= {"act_min": int(op.act_min), "act_max": int(op.act_max)}
        for name, array in op_arrays(op).items():
            arrays[f"{index}.{name}"] = array
        if isinstance(op, WeightedOp) and op.weight_bits < 8:
            fields["weight_shape"] = [int(size) for size in op.weight.shape]
            arrays[f"{index}.weight"] = pack(op.weight, op.weight_bits)
        for name, value in vars(op).items():
            if isinstance(value, Rescale):
                arrays[f"{index}.{name}.multiplier"] = value.multiplier
                arrays[f"{index}.{name}.shift"] = value.shift
                fields[name] = str(value.format)
            elif isinstance(value, Window):
                fields[name] = _encode_window(value)
            elif isinstance(value, Padding):
                fields[name] = _encode_padding(value)
            elif name in _INTEGERS:
                fields[name] = int(value)
            elif name in _TUPLES:
                fields[name] = [int(item) for item in value]
        ops.append(fields)
    tensors = [
        {
            "name": t.name,
            "shape": [int(size) for size in t.shape],
            "scale": float(t.affine.scale),
            "zero_point": int(t.affine.zero_point),
            "bits": int(t.bits),
        }
        for t in graph.tensors.values()
    ]
    data = {
        "name": graph.name,
        "rescale": str(graph.format),
        "tensors": tensors,
        "inputs": list(graph.inputs),
        "outputs": list(graph.outputs),
        "ops": ops,
    }
    description = {"format": FORMAT, "version": VERSION, "graph": data}
    return json.dumps(description, sort_keys=True, separators=(",", ":"), allow_nan=False), arrays


def _encode_window(window: Window) -> dict[str, list[int]]:
    return {
        "kernel": [int(size) for size in window.kernel],
        "stride": [int(size) for size in window.stride],
        "dilation": [int(size) for size in window.dilation],
        "padding": _encode_padding(window.padding),
    }


def _encode_padding(padding: Padding) -> list[int]:
    return [int(size) for size in (padding.top, padding.bottom, padding.left, padding.right)]


# --- data to graph --------------------------------------------------------------------------------


def _decode(data: dict[str, Any], arrays: dict[str, npt.NDArray[np.generic]]) -> Graph:
    """The graph of a description; raises KeyError, TypeError, ValueError or InputError where the two do not belong together."""
    listed = [
        Tensor(
            _text(item["name"]),
            tuple(_integer(size) for size in item["shape"]),
            Affine(float(item["scale"]), _integer(item["zero_point"])),
            _integer(item.get("bits", 8)),
        )
        for item in data["tensors"]
    ]
    tensors = {tensor.name: tensor for tensor in listed}
    if len(tensors) != len(listed):
        raise InputError("two tensors share a name")
    left = dict(arrays)
    ops = tuple(_decode_op(index, item, left) for index, item in enumerate(data["ops"]))
    if left:
        raise InputError(f"the file holds arrays that no operator uses: {sorted(left)[:4]}")
    inputs, outputs = (tuple(_text(name) for name in data[key]) for key in ("inputs", "outputs"))
    return Graph(_text(data["name"]), RescaleFormat.parse(_text(data["rescale"])), tensors, inputs, outputs, ops)


def _decode_op(index: int, item: dict[str, Any], arrays: dict[str, npt.NDArray[np.generic]]) -> Op:
    """One operator; takes its arrays out of `arrays`."""
    if item["kind"] not in _KINDS:
        raise InputError(f"unknown kind of operator {item['kind']!r}; the known ones are {sorted(_KINDS)}")
    kind = _KINDS[item["kind"]]
    fields: dict[str, Any] = {
        "name": _text(item["name"]),
        "inputs": tuple(_text(name) for name in item["inputs"]),
        "output": _text(item["output"]),
    }
    if issubclass(kind, WeightedOp):
        fields["weight_bits"] = _integer(item.get("weight_bits", 8))
        if fields["weight_bits"] < 8:
            shape = tuple(_integer(size) for size in item["weight_shape"])
            fields["weight"] = unpack(_array(arrays, f"{index}.weight", np.uint8), fields["weight_bits"], shape)
    for name in (entry.name for entry in dataclasses.fields(kind)):
        if name in fields:
            continue
        if name in ("act_min", "act_max", *_INTEGERS):
            fields[name] = _integer(item[name])
        elif name in _TUPLES:
            fields[name] = tuple(_integer(value) for value in item[name])
        elif name == "padding":
            fields[name] = _decode_padding(item[name])
        elif name == "window":
            fields[name] = _decode_window(item[name])
        elif name.startswith("rescale"):
            multiplier, shift = (_array(arrays, f"{index}.{name}.{part}", np.int64) for part in ("multiplier", "shift"))
            fields[name] = Rescale(RescaleFormat.parse(_text(item[name])), multiplier, shift)
        else:
            fields[name] = _array(arrays, f"{index}.{name}", _DTYPES[name])
    return kind(**fields)


_DTYPES: dict[str, type[np.generic]] = {
    "weight": np.int8,
    "weight_zero_point": np.int32,
    "weight_scale": np.float64,
    "bias": np.int32,
    "table": np.int8,
}
#: Fields of operators that are an integer, and that are a tuple of integers.
_INTEGERS, _TUPLES = ("left_shift", "multiplier", "axis", "weight_bits"), ("axes", "channels")


def _array(arrays: dict[str, npt.NDArray[np.generic]], name: str, dtype: type[np.generic]) -> npt.NDArray[Any]:
    if name not in arrays:
        raise InputError(f"the array {name!r} is missing")
    array = arrays.pop(name)
    if array.dtype != dtype:
        raise InputError(f"the array {name!r} must be {np.dtype(dtype)}, not {array.dtype}")
    return array


def _decode_window(item: dict[str, Any]) -> Window:
    kernel, stride, dilation = (_pair(item[key]) for key in ("kernel", "stride", "dilation"))
    return Window(kernel, stride, _decode_padding(item["padding"]), dilation)


def _decode_padding(values: list[Any]) -> Padding:
    top, bottom, left, right = (_integer(value) for value in values)
    return Padding(top, bottom, left, right)


def _pair(values: list[Any]) -> tuple[int, int]:
    first, second = (_integer(value) for value in values)
    return first, second


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"an integer is expected, not {value!r}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text is expected, not {value!r}")
    return value
