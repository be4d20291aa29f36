"""A graph as data: a description in JSON and the arrays that belong to it, from which the same graph can be made again (SPEC section 8)."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import numpy.typing as npt

from golden.affine import Affine
from golden.errors import InputError
from golden.graph import OPS, Graph, Op, Padding, Tensor, WeightedOp, Window, op_arrays
from golden.packed_storage import pack, unpack
from golden.rescale import Rescale, RescaleFormat

FORMAT = "weft-network"
VERSION = 2  # 1 had no bits: every tensor and weight had 8

_KINDS = {op.kind: op for op in OPS}


# --- graph to data --------------------------------------------------------------------------------


def encode(graph: Graph) -> tuple[str, dict[str, npt.NDArray[np.generic]]]:
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


def decode(data: dict[str, Any], arrays: dict[str, npt.NDArray[np.generic]]) -> Graph:
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
