"""Small TensorFlow Lite files, written with the schema's object API, and what TensorFlow Lite Micro computes with them."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
from tflite_micro import runtime
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from golden.importers.tflite_file import parse

Array = npt.NDArray[Any]

#: Bytes that the interpreter may use for the activations of a small file.
ARENA = 1 << 20


class FileBuilder:
    """A file under construction: tensors and operators by number."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.description = "test"
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs, self.model.operatorCodes, self.model.buffers = [self.graph], [], [schema.BufferT()]
        self.model.buffers[0].data = []

    def tensor(
        self,
        shape: tuple[int, ...],
        scale: float | list[float] | None = None,
        zero_point: int | list[int] = 0,
        *,
        data: Array | None = None,
        kind: str = "INT8",
        axis: int = 0,
        name: str = "",
    ) -> int:
        """Adds a tensor; a constant where it has data.  Scales are one number, or one per slice along `axis`."""
        tensor = schema.TensorT()
        tensor.name = name or f"t{len(self.graph.tensors)}"
        tensor.shape = [int(size) for size in shape]
        tensor.type = getattr(schema.TensorType, kind)
        tensor.buffer = 0
        if scale is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = [float(value) for value in np.atleast_1d(scale)]
            tensor.quantization.zeroPoint = [int(value) for value in np.broadcast_to(zero_point, len(tensor.quantization.scale))]
            tensor.quantization.quantizedDimension = axis
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.ascontiguousarray(data).view(np.uint8).ravel()
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def constant(self, data: Array) -> int:
        """A constant without a scale, such as axes or paddings."""
        return self.tensor(data.shape, data=data, kind=data.dtype.name.upper())

    def op(self, kind: str, inputs: list[int], outputs: list[int], options: str = "", **fields: Any) -> None:
        """Adds an operator; `options` is the schema's name of its options, `fields` what differs from their defaults."""
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, kind)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = 1
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes)
        operator.inputs, operator.outputs = inputs, outputs
        if options:
            table = getattr(schema, f"{options}T")()
            for name, value in fields.items():
                assert hasattr(table, name), name
                setattr(table, name, value)
            operator.builtinOptions = table
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, options)
        self.model.operatorCodes.append(code)
        self.graph.operators.append(operator)

    def file(self, inputs: list[int], outputs: list[int]) -> bytes:
        """The finished file."""
        self.graph.inputs, self.graph.outputs = inputs, outputs
        builder = flatbuffers.Builder(4096)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def tflite_micro(data: bytes, *inputs: Array, arena: int = ARENA) -> list[Array]:
    """The outputs of a file for a batch: one array [N, *shape without the batch] per input, one per output of the network."""
    interpreter = runtime.Interpreter.from_bytes(data, arena_size=arena)
    numbers = range(len(parse(data, "test").outputs))
    rows: list[list[Array]] = []
    for image in range(len(inputs[0])):
        for index, batch in enumerate(inputs):
            shape = tuple(interpreter.get_input_details(index)["shape"])
            interpreter.set_input(batch[image].reshape(shape), index)
        interpreter.invoke()
        rows.append([np.array(interpreter.get_output(number)) for number in numbers])
    return [np.stack([row[number] for row in rows]) for number in numbers]
