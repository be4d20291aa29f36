"""The float graph of a TensorFlow Lite file under construction, as the functions that import its operators see it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from golden.float_graph import FloatOp, FloatReshape, FloatTensor
from golden.importers.tflite_call import ACTIVATIONS, graph_shape
from golden.importers.tflite_file import FileModel, FileOperator, FileTensor
from golden.importers.values import UnsupportedError

Float64 = npt.NDArray[np.float64]

#: Elements of constants that operators may hold, for each byte of the file: shared ones count for each operator.
_SHARED, _SLACK = 16, 2**22


@dataclass
class FloatBuilder:
    """The float graph under construction, and what its operators read of the file."""

    model: FileModel
    tensors: dict[str, FloatTensor] = field(default_factory=dict)
    ops: list[FloatOp] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    constants: dict[int, Float64] = field(default_factory=dict)  # what operators make from constants alone
    held: int = 0

    def declare(self, tensor: FileTensor, shape: tuple[int, ...] | None = None) -> str:
        """A new tensor for one of the file's; in `shape` where that differs, to be reshaped by `finish`."""
        if tensor.unsupported:
            raise UnsupportedError(f"tensor {tensor.name!r}: {tensor.unsupported}")
        if tensor.type != "FLOAT32":
            raise UnsupportedError(f"tensor {tensor.name!r} is {tensor.type}; only FLOAT32 is supported in a float network")
        wanted = graph_shape(tensor)
        name = self._new(tensor.name or "tensor", wanted if shape is None else shape)
        if shape is None or shape == wanted:
            self.names[tensor.index] = name
        return name

    def _new(self, base: str, shape: tuple[int, ...]) -> str:
        name, count = base, 1
        while name in self.tensors:
            count += 1
            name = f"{base}.{count}"
        self.tensors[name] = FloatTensor(name, shape)
        return name

    def tensor(self, op: FileOperator, position: int) -> FileTensor:
        """The file's tensor at an input position."""
        if position >= len(op.inputs) or op.inputs[position] < 0:
            raise UnsupportedError(f"its input {position} is missing")
        return self.model.tensors[op.inputs[position]]

    def source(self, op: FileOperator, position: int = 0) -> FloatTensor:
        """The graph's tensor at an input position."""
        tensor = self.tensor(op, position)
        if self.is_constant(op, position):
            raise UnsupportedError(f"its input {position}, {tensor.name!r}, is a constant")
        return self.tensors[self.names[tensor.index]]

    def is_constant(self, op: FileOperator, position: int) -> bool:
        """Whether an input is known when the network is imported."""
        tensor = self.tensor(op, position)
        return tensor.data is not None or tensor.index in self.constants

    def constant(self, op: FileOperator, position: int) -> Float64 | None:
        """The constant at an input position in real numbers, None where it is left out."""
        if position >= len(op.inputs) or op.inputs[position] < 0:
            return None
        tensor = self.tensor(op, position)
        if tensor.index in self.constants:
            return self._counted(self.constants[tensor.index])
        if tensor.unsupported or tensor.data is None:
            raise UnsupportedError(
                f"its input {position}, {tensor.name!r}: {tensor.unsupported or 'is computed; only a constant is supported'}"
            )
        return self._counted(self._real(tensor))

    def _counted(self, array: Float64) -> Float64:
        self.spend(array.size)
        return array

    def spend(self, count: int) -> None:
        """Counts elements of constants that an operator holds.  Raises UnsupportedError where the file asks for many times its own size."""
        self.held += count
        if self.held > _SHARED * self.model.size + _SLACK:
            raise UnsupportedError("the file's operators share so many constants that they would need many times its size")

    def _real(self, tensor: FileTensor) -> Float64:
        """A constant's values: as they are, or with its scales."""
        assert tensor.data is not None
        with np.errstate(invalid="ignore"):  # a signalling NaN; the checker refuses it
            values = tensor.data.astype(np.float64)
        if tensor.type in ("INT8", "UINT8", "INT32") and len(tensor.scales):
            axis = tensor.axis if len(tensor.scales) > 1 else 0
            if len(tensor.scales) > 1 and not (0 <= axis < values.ndim and values.shape[axis] == len(tensor.scales)):
                raise UnsupportedError(f"tensor {tensor.name!r} has {len(tensor.scales)} scales, which do not fit its shape {tensor.shape}")
            shape = [-1 if number == axis else 1 for number in range(values.ndim)]
            values = (values - tensor.zero_points.reshape(shape)) * tensor.scales.reshape(shape)
        elif tensor.type not in ("FLOAT32", "FLOAT16"):
            raise UnsupportedError(f"tensor {tensor.name!r} is {tensor.type} without a scale; only real constants are supported")
        return values

    def integers(self, op: FileOperator, position: int) -> list[int]:
        """A short constant vector of integers."""
        data = self.tensor(op, position).data
        if data is None or data.size > 16 or data.dtype.kind != "i":
            raise UnsupportedError(f"its input {position} must be a short constant vector")
        return [int(value) for value in data.ravel()]

    def finish(
        self, op: FileOperator, kind: type[FloatOp], inputs: tuple[str, ...], shape: tuple[int, ...] | None = None, **fields: object
    ) -> None:
        """Adds an operator with its fused activation, and a reshape where it makes `shape` and the file has another."""
        target = self.model.tensors[op.outputs[0]]
        number = int(op.options.get("FusedActivationFunction", 0))
        if number not in ACTIVATIONS:
            raise UnsupportedError(f"its fused activation has the number {number}; only ReLU, ReLU6 and ReLU_N1_TO_1 are supported")
        low, high = ACTIVATIONS[number]
        name = f"{op.kind.lower()}_{op.index}"
        output = self.declare(target, shape)
        self.ops.append(kind(name, inputs, output, **({"low": low, "high": high} | fields)))  # type: ignore[arg-type]
        if target.index not in self.names:
            if math.prod(self.tensors[output].shape) != math.prod(graph_shape(target)):
                raise UnsupportedError(f"it makes {shape}, but its output {target.name!r} has the shape {list(target.shape)}")
            self.ops.append(FloatReshape(f"{name}.reshape", (output,), self.declare(target)))

    def reshaped(self, op: FileOperator, source: FloatTensor, shape: tuple[int, ...]) -> str:
        """A tensor in another shape: itself, or through a reshape."""
        if source.shape == shape:
            return source.name
        if math.prod(source.shape) != math.prod(shape):
            raise UnsupportedError(f"its input has the shape {source.shape}, which is not {shape}")
        output = self._new(f"{source.name}.flatten", shape)
        self.ops.append(FloatReshape(f"{op.kind.lower()}_{op.index}.flatten", (source.name,), output))
        return output
