"""Imports a TensorFlow Lite float network as a float graph, for post-training quantization (SPEC section 9)."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from golden.errors import InputError
from golden.float_checker import check
from golden.float_graph import (
    FloatAdd,
    FloatAveragePool2d,
    FloatBatchNorm,
    FloatClamp,
    FloatConcatenation,
    FloatConv2d,
    FloatDepthwiseConv2d,
    FloatFullyConnected,
    FloatGraph,
    FloatLogistic,
    FloatMaxPool2d,
    FloatOp,
    FloatPad,
    FloatReshape,
    FloatSoftmax,
    FloatTanh,
    FloatTensor,
)
from golden.graph import Padding, Window
from golden.importers import tflite_file
from golden.importers.tflite import data_inputs, needed, unsupported
from golden.importers.tflite_call import ACTIVATIONS, graph_axis, graph_shape
from golden.importers.tflite_file import FileModel, FileOperator, FileTensor
from golden.importers.tflite_windows import window
from golden.importers.values import UnsupportedError

Float64 = npt.NDArray[np.float64]

#: Elements of constants that operators may hold, for each byte of the file: shared ones count for each operator.
_SHARED, _SLACK = 16, 2**22


def import_file(path: str | os.PathLike[str]) -> FloatGraph:
    """Imports a .tflite file of float32.  Raises InputError for a damaged file, and with every unsupported operator at once."""
    return import_model(tflite_file.read(path))


def import_bytes(data: bytes, name: str = "network") -> FloatGraph:
    """Imports a file's bytes; raises InputError as `import_file` does."""
    return import_model(tflite_file.parse(data, name))


def import_model(model: FileModel) -> FloatGraph:
    """Imports a file that has been read; the graph has passed the checker."""
    importer = _Importer(model)
    problems = importer.inputs()
    failed: set[int] = set()
    for op in needed(model):
        if not failed.intersection(data_inputs(op)):
            problem = importer.operator(op)
            if not problem:
                continue
            problems.append(f"operator {op.index} ({op.kind}): {problem}")
        failed.update(op.outputs)
    for index in model.outputs:
        if index not in importer.names and index not in failed:
            problems.append(f"network output {model.tensors[index].name!r}: no operator makes it")
    if problems:
        raise InputError(f"network {model.name!r} cannot be imported: {len(problems)} problem(s)", problems)
    inputs, outputs = (tuple(importer.names[index] for index in indices) for indices in (model.inputs, model.outputs))
    graph = FloatGraph(model.name, importer.tensors, inputs, outputs, tuple(importer.ops))
    check(graph, "import")
    return graph


@dataclass
class _Importer:
    """The float graph under construction, and the operator that is being imported."""

    model: FileModel
    tensors: dict[str, FloatTensor] = field(default_factory=dict)
    ops: list[FloatOp] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    constants: dict[int, Float64] = field(default_factory=dict)  # what operators make from constants alone
    held: int = 0

    def inputs(self) -> list[str]:
        """Declares the network's inputs; returns what is wrong with them."""
        problems = []
        for index in dict.fromkeys(self.model.inputs):
            try:
                self._declare(self.model.tensors[index])
            except UnsupportedError as error:
                problems.append(f"network input: {error}")
        return problems

    def operator(self, op: FileOperator) -> str:
        """Imports one operator; returns why that is impossible, or nothing."""
        if op.kind not in OPERATORS:
            return unsupported(op.kind, OPERATORS)
        if any(index in self.names or index in self.constants for index in op.outputs) or len(op.outputs) != 1:
            return "must write one tensor that nothing has written yet; the file is damaged"
        try:
            OPERATORS[op.kind](self, op)
        except (UnsupportedError, InputError) as error:
            return str(error)
        except KeyError:
            return "reads a tensor before any operator writes it; the file is damaged"
        return ""

    def _declare(self, tensor: FileTensor, shape: tuple[int, ...] | None = None) -> str:
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
        self.held += array.size
        if self.held > _SHARED * self.model.size + _SLACK:
            raise UnsupportedError("the file's operators share so many constants that they would need many times its size")
        return array

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
        output = self._declare(target, shape)
        self.ops.append(kind(name, inputs, output, **({"low": low, "high": high} | fields)))  # type: ignore[arg-type]
        if target.index not in self.names:
            if math.prod(self.tensors[output].shape) != math.prod(graph_shape(target)):
                raise UnsupportedError(f"it makes {shape}, but its output {target.name!r} has the shape {list(target.shape)}")
            self.ops.append(FloatReshape(f"{name}.reshape", (output,), self._declare(target)))

    def reshaped(self, op: FileOperator, source: FloatTensor, shape: tuple[int, ...]) -> str:
        """A tensor in another shape: itself, or through a reshape."""
        if source.shape == shape:
            return source.name
        if math.prod(source.shape) != math.prod(shape):
            raise UnsupportedError(f"its input has the shape {source.shape}, which is not {shape}")
        output = self._new(f"{source.name}.flatten", shape)
        self.ops.append(FloatReshape(f"{op.kind.lower()}_{op.index}.flatten", (source.name,), output))
        return output


def _map(graph: _Importer, op: FileOperator) -> FloatTensor:
    source = graph.source(op)
    if len(source.shape) != 3:
        raise UnsupportedError(f"its input has the shape {source.shape}; it needs a map (H, W, C)")
    return source


def _weights(graph: _Importer, op: FileOperator, rank: int, axis: int) -> tuple[Float64, Float64]:
    """Weights and biases."""
    weight = graph.constant(op, 1)
    if weight is None or weight.ndim != rank:
        raise UnsupportedError(f"its weights must be a constant of {rank} axes")
    bias = graph.constant(op, 2)
    return weight, np.zeros(weight.shape[axis]) if bias is None else bias


def _conv(graph: _Importer, op: FileOperator) -> None:
    source, (weight, bias) = _map(graph, op), _weights(graph, op, 4, 0)
    if weight.shape[3] != source.shape[2]:
        raise UnsupportedError(f"its weights take {weight.shape[3]} channels of {source.shape[2]}; groups are not supported")
    moving = window(op, source.shape, (weight.shape[1], weight.shape[2]))
    graph.finish(op, FloatConv2d, (source.name,), weight=weight, bias=bias, window=moving)


def _depthwise(graph: _Importer, op: FileOperator) -> None:
    source, (weight, bias) = _map(graph, op), _weights(graph, op, 4, 3)
    if weight.shape[0] != 1:
        raise UnsupportedError(f"its weights have the shape {list(weight.shape)}; they must be [1, kh, kw, C]")
    moving = window(op, source.shape, (weight.shape[1], weight.shape[2]))
    graph.finish(op, FloatDepthwiseConv2d, (source.name,), weight=weight[0], bias=bias, window=moving)


def _fully_connected(graph: _Importer, op: FileOperator) -> None:
    weight, bias = _weights(graph, op, 2, 0)
    vector = graph.reshaped(op, graph.source(op), (weight.shape[1],))
    graph.finish(op, FloatFullyConnected, (vector,), (weight.shape[0],), weight=weight, bias=bias)


def _pool(kind: type[FloatOp]) -> Callable[[_Importer, FileOperator], None]:
    def imported(graph: _Importer, op: FileOperator) -> None:
        source = _map(graph, op)
        kernel = int(op.options.get("FilterHeight", 0)), int(op.options.get("FilterWidth", 0))
        graph.finish(op, kind, (source.name,), window=window(op, source.shape, kernel))

    return imported


def _clamp(low: float, high: float) -> Callable[[_Importer, FileOperator], None]:
    return lambda graph, op: graph.finish(op, FloatClamp, (graph.source(op).name,), low=low, high=high)


def _plain(kind: type[FloatOp]) -> Callable[[_Importer, FileOperator], None]:
    return lambda graph, op: graph.finish(op, kind, (graph.source(op).name,))


def _arithmetic(graph: _Importer, op: FileOperator) -> None:
    """The sum of two activations, or a constant per channel added, subtracted or multiplied."""
    constant = [position for position in (0, 1) if graph.is_constant(op, position)]
    if not constant:
        a, b = graph.source(op, 0), graph.source(op, 1)
        if op.kind != "ADD" or a.shape != b.shape:
            raise UnsupportedError("of two activations only the sum, of equal shapes, is supported")
        graph.finish(op, FloatAdd, (a.name, b.name))
        return
    if op.kind == "SUB" and constant == [0]:
        raise UnsupportedError("only a constant can be subtracted, not from one")
    source, values = graph.source(op, 1 - constant[0]), graph.constant(op, constant[0])
    channels = source.shape[-1]
    if values is None or values.size not in (1, channels) or (values.size > 1 and values.shape[-1] != channels):
        raise UnsupportedError("its constant must be one value, or one per channel")
    vector = np.broadcast_to(values.ravel(), channels)
    scale, offset = (vector, np.zeros(channels)) if op.kind == "MUL" else (np.ones(channels), vector if op.kind == "ADD" else -vector)
    graph.finish(op, FloatBatchNorm, (source.name,), scale=scale, offset=offset)


def _mean(graph: _Importer, op: FileOperator) -> None:
    source = _map(graph, op)
    axes = {graph_axis(graph.tensor(op, 0), axis) for axis in graph.integers(op, 1)}
    if not axes or not axes <= {0, 1}:
        raise UnsupportedError(f"it reduces the axes {sorted(axes)} of {source.shape}; only rows and columns of a map are supported")
    kernel = (source.shape[0] if 0 in axes else 1, source.shape[1] if 1 in axes else 1)
    moving = Window(kernel)
    graph.finish(op, FloatAveragePool2d, (source.name,), (*moving.output_size(*source.shape[:2]), source.shape[2]), window=moving)


def _pad(graph: _Importer, op: FileOperator) -> None:
    source, counts = _map(graph, op), graph.integers(op, 1)
    fill = graph.constant(op, 2)
    if fill is not None and np.any(fill != 0):
        raise UnsupportedError("it pads with another value than 0")
    if len(counts) != 8 or any(counts[:2] + counts[6:]) or min(counts) < 0:
        raise UnsupportedError(f"it pads by {counts}; only rows and columns of a map can be padded")
    graph.finish(op, FloatPad, (source.name,), padding=Padding(*counts[2:6]))


def _reshape(graph: _Importer, op: FileOperator) -> None:
    source, target = graph.source(op), graph.model.tensors[op.outputs[0]]
    if graph_shape(target) == source.shape:
        graph.names[target.index] = source.name
    else:
        graph.finish(op, FloatReshape, (source.name,))


def _concatenation(graph: _Importer, op: FileOperator) -> None:
    names = tuple(graph.source(op, position).name for position in range(len(op.inputs)))
    axis = graph_axis(graph.model.tensors[op.outputs[0]], int(op.options.get("Axis", 0)))
    graph.finish(op, FloatConcatenation, names, axis=axis)


def _softmax(graph: _Importer, op: FileOperator) -> None:
    beta = float(op.options.get("Beta", 0.0))
    if not 0 < beta < math.inf:
        raise UnsupportedError(f"its beta is {beta}; it must be greater than 0")
    graph.finish(op, FloatSoftmax, (graph.source(op).name,), beta=beta)


def _dequantize(graph: _Importer, op: FileOperator) -> None:
    """Weights that are stored in float16 or int8."""
    values = graph.constant(op, 0)
    assert values is not None
    graph.constants[op.outputs[0]] = values


#: What imports each kind of operator.
OPERATORS: dict[str, Callable[[_Importer, FileOperator], None]] = {
    "ADD": _arithmetic,
    "AVERAGE_POOL_2D": _pool(FloatAveragePool2d),
    "CONCATENATION": _concatenation,
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "DEQUANTIZE": _dequantize,
    "EXPAND_DIMS": _reshape,
    "FULLY_CONNECTED": _fully_connected,
    "LOGISTIC": _plain(FloatLogistic),
    "MAX_POOL_2D": _pool(FloatMaxPool2d),
    "MEAN": _mean,
    "MUL": _arithmetic,
    "PAD": _pad,
    "PADV2": _pad,
    "RELU": _clamp(0.0, math.inf),
    "RELU6": _clamp(0.0, 6.0),
    "RELU_N1_TO_1": _clamp(-1.0, 1.0),
    "RESHAPE": _reshape,
    "SOFTMAX": _softmax,
    "SQUEEZE": _reshape,
    "SUB": _arithmetic,
    "TANH": _plain(FloatTanh),
}
