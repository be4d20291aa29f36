"""One operator of a TensorFlow Lite file, as the functions that import it see it, and the graph that they build."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from golden.affine import Affine
from golden.formats import clamp_steps
from golden.graph import Op, Reshape, Tensor
from golden.importers.tflite_file import Array, FileModel, FileOperator, FileTensor
from golden.importers.values import UnsupportedError

#: The real clamps of fused activations, by their number in the schema.
ACTIVATIONS = {0: (-math.inf, math.inf), 1: (0.0, math.inf), 2: (-1.0, 1.0), 3: (0.0, 6.0)}
#: Bytes of constants that operators may copy: a tensor shared by several operators counts for each, the slack is for small files.
_SHARED, _SLACK = 16, 2**22


def graph_shape(tensor: FileTensor) -> tuple[int, ...]:
    """The graph's shape, without the batch: [1, H, W, C] is a map, [1, A, B] a map of one row, [1, N] and [N] are vectors."""
    shape = tensor.shape
    if len(shape) == 1:
        return shape
    if not 2 <= len(shape) <= 4:
        raise UnsupportedError(f"tensor {tensor.name!r} has the shape {list(shape)}; only up to four axes, the batch first, are supported")
    if shape[0] != 1:
        raise UnsupportedError(f"tensor {tensor.name!r} has the shape {list(shape)}; convert the network with a batch size of 1")
    return shape if len(shape) == 3 else shape[1:]


def graph_axis(tensor: FileTensor, axis: int) -> int:
    """An axis of a file's tensor as one of the graph's; the batch has none."""
    rank = len(tensor.shape)
    if not -rank <= axis < rank:
        raise UnsupportedError(f"axis {axis} is not one of the {rank} axes of {tensor.name!r}")
    result = axis % rank - (0 if rank in (1, 3) else 1)
    if rank > 1 and axis % rank == 0:
        raise UnsupportedError("it works along the batch; only the axes of one image are supported")
    return result


def affine(tensor: FileTensor) -> Affine:
    """What an activation's integers stand for; an unsigned tensor is a signed one moved by 128 (SPEC eq. 7)."""
    if tensor.unsupported:
        raise UnsupportedError(f"tensor {tensor.name!r}: {tensor.unsupported}")
    if tensor.type not in ("INT8", "UINT8"):
        raise UnsupportedError(f"tensor {tensor.name!r} is {tensor.type}; convert the network with full int8 quantization")
    if len(tensor.scales) != 1:
        raise UnsupportedError(f"tensor {tensor.name!r} has {len(tensor.scales)} scales; an activation needs one")
    zero_point = int(tensor.zero_points[0]) - (128 if tensor.type == "UINT8" else 0)
    if not -128 <= zero_point <= 127:
        raise UnsupportedError(f"tensor {tensor.name!r} has the zero point {int(tensor.zero_points[0])}, which {tensor.type} cannot hold")
    return Affine(float(tensor.scales[0]), zero_point)


@dataclass
class Builder:
    """The integer graph under construction."""

    model: FileModel
    tensors: dict[str, Tensor] = field(default_factory=dict)
    ops: list[Op] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)  # the graph's tensor for each of the file's that has one
    floats: dict[int, str] = field(default_factory=dict)  # the graph's input for a real input of the file
    copied: int = 0

    def declare(self, wanted: str, shape: tuple[int, ...], meaning: Affine) -> str:
        """A new tensor, under the wanted name or that with a number."""
        base = wanted or "tensor"
        name, count = base, 1
        while name in self.tensors:
            count += 1
            name = f"{base}.{count}"
        self.tensors[name] = Tensor(name, shape, meaning)
        return name

    def copy(self, array: Array) -> Array:
        """Counts a constant that an operator is going to hold."""
        self.copied += array.nbytes
        if self.copied > _SHARED * self.model.size + _SLACK:
            raise UnsupportedError("the file's operators share so many constants that they would need many times its size")
        return array

    def reader(self, name: str) -> list[Op]:
        """The operators that read a tensor so far."""
        return [op for op in self.ops if name in op.inputs]


@dataclass(frozen=True)
class Call:
    """One operator.

    op:      as the file has it.
    name:    of the graph's operator: the kind and the operator's number in the file.
    reads:   how many operators and outputs of the network read each tensor of the file.
    """

    builder: Builder
    op: FileOperator
    name: str
    reads: dict[int, int]

    def tensor(self, position: int) -> FileTensor:
        """The file's tensor at an input position."""
        if position >= len(self.op.inputs) or self.op.inputs[position] < 0:
            raise UnsupportedError(f"it has {len(self.op.inputs)} inputs; input {position} is missing")
        return self.builder.model.tensors[self.op.inputs[position]]

    def target(self) -> FileTensor:
        """The file's tensor that the operator writes."""
        if len(self.op.outputs) != 1:
            raise UnsupportedError(f"it has {len(self.op.outputs)} outputs; only one is supported")
        return self.builder.model.tensors[self.op.outputs[0]]

    def activation(self, position: int = 0) -> str:
        """The graph's tensor at an input position.  Raises KeyError where an operator before it is unsupported."""
        tensor = self.tensor(position)
        if tensor.unsupported:
            raise UnsupportedError(f"tensor {tensor.name!r}: {tensor.unsupported}")
        if tensor.data is not None:
            raise UnsupportedError(f"its input {position}, {tensor.name!r}, is a constant; only weights and biases can be")
        if tensor.type != "INT8" and tensor.index not in self.builder.names:
            affine(tensor)  # says what is wrong with it
        return self.builder.names[tensor.index]

    def constant(self, position: int, *types: str) -> Array | None:
        """The constant at an input position, of one of the types; None where it is left out."""
        if position >= len(self.op.inputs) or self.op.inputs[position] < 0:
            return None
        tensor = self.tensor(position)
        if tensor.unsupported:
            raise UnsupportedError(f"tensor {tensor.name!r}: {tensor.unsupported}")
        if tensor.data is None:
            raise UnsupportedError(f"its input {position}, {tensor.name!r}, is computed; only a constant is supported")
        if tensor.type not in types:
            raise UnsupportedError(f"its input {position}, {tensor.name!r}, is {tensor.type}; it must be {' or '.join(types)}")
        return tensor.data

    def integers(self, position: int) -> list[int]:
        """A short constant vector of integers."""
        data = self.constant(position, "INT32", "INT64")
        if data is None or data.size > 16:
            raise UnsupportedError(f"its input {position} must be a short constant vector")
        return [int(value) for value in data.ravel()]

    def option(self, name: str, default: int = 0) -> int:
        """An option, by its name in the schema."""
        return int(self.op.options.get(name, default))

    def clamp(self, meaning: Affine, activation: int | None = None) -> dict[str, int]:
        """The fused activation as the output's clamp (SPEC eq. 17)."""
        number = self.option("FusedActivationFunction") if activation is None else activation
        if number not in ACTIVATIONS:
            raise UnsupportedError(f"its fused activation has the number {number}; only ReLU, ReLU6 and ReLU_N1_TO_1 are supported")
        low, high = clamp_steps(*ACTIVATIONS[number], meaning)
        return {"act_min": low, "act_max": high}

    def same_affine(self, *positions: int) -> Affine:
        """The parameters that inputs and output share, as TensorFlow Lite demands for operators that do not rescale."""
        meaning = affine(self.target())
        for position in positions or (0,):
            source = self.builder.tensors[self.activation(position)].affine
            if source != meaning:
                raise UnsupportedError(
                    f"its input has the scale {source.scale:.9g} and the zero point {source.zero_point}, its output "
                    f"{meaning.scale:.9g} and {meaning.zero_point}; TensorFlow Lite's kernel does not rescale: convert the network again"
                )
        return meaning

    def result(self, shape: tuple[int, ...] | None = None) -> str:
        """Declares what the operator makes, in `shape` where that differs from the output's; `finish` then reshapes it."""
        target = self.target()
        wanted = graph_shape(target)
        meaning = affine(target)
        if shape is None or shape == wanted:
            self.builder.names[target.index] = self.builder.declare(target.name, wanted, meaning)
            return self.builder.names[target.index]
        return self.builder.declare(f"{target.name}.flat" if len(shape) == 1 else f"{target.name}.map", shape, meaning)

    def finish(self, op: Op) -> None:
        """Adds the operator, and a reshape where it made another shape than the file's."""
        self.builder.ops.append(op)
        target = self.target()
        if target.index not in self.builder.names:
            made = self.builder.tensors[op.output]
            if made.size != math.prod(graph_shape(target)):
                raise UnsupportedError(f"it makes {made.shape}, but its output {target.name!r} has the shape {list(target.shape)}")
            name = self.builder.names[target.index] = self.builder.declare(target.name, graph_shape(target), made.affine)
            self.builder.ops.append(Reshape(f"{self.name}.reshape", (op.output,), name))

    def reshaped(self, name: str, shape: tuple[int, ...], label: str) -> str:
        """A tensor in another shape: itself, or through a reshape."""
        tensor = self.builder.tensors[name]
        if tensor.shape == shape:
            return name
        if tensor.size != math.prod(shape):
            raise UnsupportedError(f"its input has the shape {tensor.shape}, which is not {shape}")
        output = self.builder.declare(f"{name}.{label}", shape, tensor.affine)
        self.builder.ops.append(Reshape(f"{self.name}.{label}", (name,), output))
        return output

    def alias(self, name: str) -> None:
        """The output is a tensor that the graph has already."""
        self.builder.names[self.target().index] = name

    def clamped(self, name: str, low: int, high: int) -> bool:
        """Lets the operator before clamp its own output, where nothing else reads it; whether that was possible."""
        ops = self.builder.ops
        last = next((i for i in reversed(range(len(ops))) if ops[i].output == name), None)
        if last is None or self.reads.get(self.tensor(0).index, 0) != 1 or ops[last].kind in ("reshape", "pad", "concatenation"):
            return False
        before = ops[last]
        ops[last] = replace(before, act_min=min(max(before.act_min, low), high), act_max=min(max(before.act_max, low), high))
        return True


def per_channel(tensor: FileTensor, channels: int, axis: int) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], Array]:
    """Scales and zero points of weights, float64[channels] and int64[channels], from one pair or one per channel along `axis`."""
    count = len(tensor.scales)
    if count not in (1, channels) or (count > 1 and tensor.axis != axis):
        raise UnsupportedError(
            f"weights {tensor.name!r} have {count} scales along axis {tensor.axis}; one, or {channels} along axis {axis}, are needed"
        )
    if (np.abs(tensor.zero_points) > 128).any():
        raise UnsupportedError(f"weights {tensor.name!r} have zero points beyond int8")
    return np.broadcast_to(tensor.scales, channels).copy(), np.broadcast_to(tensor.zero_points, channels).copy()
