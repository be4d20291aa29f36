"""Reads a TensorFlow Lite file into plain data, and trusts nothing in it (SPEC section 9).

The flatbuffer schema comes from the `tflite` package, which follows every offset as it is.  Here every index,
length and number is checked before it is used, and the amount of what is read is bounded by the size of the
file, so that a damaged or hostile file ends in an InputError.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from golden.errors import InputError

Array = npt.NDArray[Any]

#: Largest axis and largest tensor (in elements) that are accepted: far beyond what any accelerator holds.
MAX_AXIS, MAX_ELEMENTS = 2**20, 2**28
#: What a sound file may hold of each kind of thing, beyond its own size: vectors share no elements in a file that a converter wrote.
_SLACK = 1024

_TYPES = {value: name for name, value in vars(tflite.TensorType).items() if isinstance(value, int)}
_OPERATORS = {value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}
_OPTIONS = {value: name for name, value in vars(tflite.BuiltinOptions).items() if isinstance(value, int)}
_DTYPES = {"INT8": "<i1", "UINT8": "<u1", "INT32": "<i4", "INT64": "<i8", "FLOAT32": "<f4", "FLOAT16": "<f2"}

#: The fields of each operator's options that are read.
_FIELDS = {
    "Conv2DOptions": ("Padding", "StrideH", "StrideW", "DilationHFactor", "DilationWFactor", "FusedActivationFunction"),
    "DepthwiseConv2DOptions": ("Padding", "StrideH", "StrideW", "DilationHFactor", "DilationWFactor", "FusedActivationFunction"),
    "Pool2DOptions": ("Padding", "StrideH", "StrideW", "FilterHeight", "FilterWidth", "FusedActivationFunction"),
    "FullyConnectedOptions": ("FusedActivationFunction", "WeightsFormat"),
    "AddOptions": ("FusedActivationFunction",),
    "ConcatenationOptions": ("Axis", "FusedActivationFunction"),
    "SoftmaxOptions": ("Beta",),
    "LeakyReluOptions": ("Alpha",),
}


@dataclass(frozen=True, eq=False)
class FileTensor:
    """A tensor as the file has it.

    index:       its number in the file.
    shape:       with the batch.
    type:        such as "INT8".
    scales:      float64[n] and zero_points int64[n]: one pair, or one per slice along `axis`; empty where it is not quantized.
    data:        the constant's values in `shape`; None for an activation.
    unsupported: what of it cannot be used, as text; empty where all is well.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    type: str
    scales: npt.NDArray[np.float64]
    zero_points: npt.NDArray[np.int64]
    axis: int
    data: Array | None
    unsupported: str = ""

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class FileOperator:
    """An operator as the file has it: its number, its kind (such as "CONV_2D"), tensor numbers (-1: left out), and its options."""

    index: int
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, int | float]


@dataclass(frozen=True)
class FileModel:
    """The one subgraph of a file."""

    name: str
    size: int
    tensors: tuple[FileTensor, ...]
    operators: tuple[FileOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read(path: str | os.PathLike[str]) -> FileModel:
    """Reads a file.  Raises InputError for one that is missing, no TensorFlow Lite file, or damaged."""
    source = Path(path)
    if not source.is_file():
        raise InputError(f"{source}: no such file; give the path of a .tflite file")
    try:
        if source.stat().st_size >= 2**31:
            raise InputError(f"{source}: larger than 2 GiB, which no TensorFlow Lite flatbuffer can be")
        data = source.read_bytes()
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror or error}") from error
    return parse(data, source.stem, str(source))


def parse(data: bytes, name: str, where: str = "") -> FileModel:
    """The same for a file's bytes; `name` is the network's, `where` what messages call the file."""
    where = where or name
    if len(data) < 8 or data[4:8] != b"TFL3":
        raise InputError(f"{where}: not a TensorFlow Lite file (no TFL3 mark at byte 4); convert the network to .tflite first")
    try:
        return _Reader(data).model(name)
    except InputError as error:
        raise InputError(f"{where}: {error.message}", error.problems) from error
    except (
        struct.error,
        IndexError,
        ValueError,
        TypeError,
        OverflowError,
        KeyError,
        AttributeError,
        RecursionError,
        AssertionError,
    ) as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{where}: damaged TensorFlow Lite file ({reason[:200]}); convert or download it again") from error


@dataclass
class _Reader:
    """One pass over a file."""

    data: bytes
    left: int = field(init=False)  # elements of vectors that may still be read

    def __post_init__(self) -> None:
        self.left = len(self.data) + _SLACK

    def model(self, name: str) -> FileModel:
        """The file's first subgraph, the one that an interpreter runs."""
        root = tflite.Model.GetRootAs(self.data, 0)
        kinds = [self._kind(root.OperatorCodes(i)) for i in range(self._length(root.OperatorCodesLength()))]
        buffers = [root.Buffers(i) for i in range(self._length(root.BuffersLength()))]
        if self._length(root.SubgraphsLength()) < 1:
            raise InputError("the file has no network in it")
        graph = root.Subgraphs(0)
        tensors = tuple(self._tensor(i, graph.Tensors(i), buffers) for i in range(self._length(graph.TensorsLength())))
        count = len(tensors)
        operators = tuple(self._operator(i, graph.Operators(i), kinds, count) for i in range(self._length(graph.OperatorsLength())))
        inputs = self._indices("network inputs", graph.InputsLength, graph.Inputs, count)
        outputs = self._indices("network outputs", graph.OutputsLength, graph.Outputs, count)
        return FileModel(name, len(self.data), tensors, operators, inputs, outputs)

    def _length(self, length: int) -> int:
        """The length of a vector, taken from what may still be read."""
        self.left -= length
        if length < 0 or self.left < 0:
            raise InputError("damaged TensorFlow Lite file (it claims to hold more than its size); convert or download it again")
        return length

    def _kind(self, code: Any) -> str:
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if _OPERATORS.get(number) == "CUSTOM":
            return f"CUSTOM {self._text(code.CustomCode())}"
        return str(_OPERATORS.get(number, f"operator code {number}"))

    def _operator(self, index: int, operator: Any, kinds: list[str], count: int) -> FileOperator:
        number = operator.OpcodeIndex()
        if not 0 <= number < len(kinds):
            raise InputError(f"damaged TensorFlow Lite file (operator {index} has the kind {number} of {len(kinds)})")
        inputs = self._indices(f"inputs of operator {index}", operator.InputsLength, operator.Inputs, count, optional=True)
        outputs = self._indices(f"outputs of operator {index}", operator.OutputsLength, operator.Outputs, count)
        return FileOperator(index, kinds[number], inputs, outputs, self._options(operator))

    def _options(self, operator: Any) -> dict[str, int | float]:
        name = _OPTIONS.get(operator.BuiltinOptionsType(), "")
        table = operator.BuiltinOptions()
        if name not in _FIELDS or table is None:
            return {}
        options = getattr(tflite, name)()
        options.Init(table.Bytes, table.Pos)
        return {entry: getattr(options, entry)() for entry in _FIELDS[name]}

    def _indices(
        self, what: str, length: Callable[[], int], entry: Callable[[int], int], count: int, optional: bool = False
    ) -> tuple[int, ...]:
        """A vector of tensor numbers, each within the file."""
        indices = tuple(int(entry(i)) for i in range(self._length(length())))
        if not all((-1 if optional else 0) <= index < count for index in indices):
            raise InputError(f"damaged TensorFlow Lite file ({what}: tensors {list(indices)[:8]} of {count})")
        return indices

    def _tensor(self, index: int, tensor: Any, buffers: list[Any]) -> FileTensor:
        shape = tuple(int(tensor.Shape(i)) for i in range(self._length(tensor.ShapeLength())))
        kind = _TYPES.get(tensor.Type(), f"type {tensor.Type()}")
        name = self._text(tensor.Name())
        scales, zero_points, axis, problem = self._quantization(tensor.Quantization())
        if any(not 1 <= size <= MAX_AXIS for size in shape) or math.prod(shape) > MAX_ELEMENTS:
            problem = f"its shape is {list(shape)[:8]}; sizes must be from 1 to {MAX_AXIS}, and {MAX_ELEMENTS} elements at most in all"
        elif tensor.Sparsity() is not None:
            problem = "its values are stored sparsely; convert the network without sparsity"
        data = None
        number = tensor.Buffer()
        if not 0 <= number < len(buffers):
            raise InputError(f"damaged TensorFlow Lite file (tensor {index} has the buffer {number} of {len(buffers)})")
        if not problem:
            data, problem = self._data(buffers[number], kind, shape)
        return FileTensor(index, name, shape, kind, scales, zero_points, axis, data, problem)

    def _data(self, buffer: Any, kind: str, shape: tuple[int, ...]) -> tuple[Array | None, str]:
        """A constant's values, or None for an activation; a view of the file, so tensors may share a buffer."""
        if buffer.Offset() > 1:
            return None, "its values lie outside the flatbuffer; convert the network without external buffers"
        length = buffer.DataLength()
        if length == 0:
            return None, ""
        if kind not in _DTYPES:
            return None, f"its values are of the type {kind}, which is not supported; quantize the network to int8"
        values = np.dtype(_DTYPES[kind])
        if length != math.prod(shape) * values.itemsize:
            return None, f"it holds {length} bytes, but its shape {list(shape)} of {kind} needs {math.prod(shape) * values.itemsize}"
        return buffer.DataAsNumpy().view(values).reshape(shape), ""

    def _quantization(self, table: Any) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], int, str]:
        """Scales, zero points, the axis they run along, and what is wrong with them."""
        none = np.zeros(0), np.zeros(0, np.int64), 0
        if table is None or self._length(table.ScaleLength()) == 0:
            return *none, ""
        with np.errstate(invalid="ignore"):  # a signalling NaN is one that the check below refuses
            scales = np.asarray(table.ScaleAsNumpy(), np.float64)
        count = self._length(table.ZeroPointLength())
        zero_points = np.asarray(table.ZeroPointAsNumpy(), np.int64) if count else np.zeros(len(scales), np.int64)
        if len(zero_points) != len(scales):
            return *none, f"it has {len(scales)} scales but {len(zero_points)} zero points"
        if not (np.isfinite(scales).all() and (scales > 0).all()):
            return *none, "it has scales that are not finite and greater than 0"
        return scales, zero_points, int(table.QuantizedDimension()), ""

    def _text(self, text: bytes | None) -> str:
        """A name that can be printed, of bounded length."""
        self._length(len(text or b""))
        decoded = (text or b"").decode("utf-8", "replace")[:200]
        return "".join(character if character.isprintable() else "?" for character in decoded)
