"""Imports an ONNX file: as an integer graph where its activations are quantized (QDQ), else as a float graph (SPEC section 9).

ONNX's maps are NCHW, the graph's (H, W, C): weights are permuted, and never data.  Every operator that cannot be
represented is reported, all at once, with the node's name.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

import numpy as np

from golden import checker, float_checker
from golden.errors import InputError
from golden.float_graph import FloatGraph
from golden.graph import Graph
from golden.importers import onnx_file
from golden.importers.float_backend import FloatBackend
from golden.importers.integer_backend import IntegerBackend
from golden.importers.layout import MAX_AXIS, MAX_ELEMENTS, Layout, graph_shape, map_layout, stored, vector_layout
from golden.importers.onnx_call import Call
from golden.importers.onnx_file import FileModel, FileNode, FileValue, shown
from golden.importers.onnx_operators import OPERATORS, advice
from golden.importers.onnx_shapes import FOLD
from golden.importers.onnx_stand_in import result_layout
from golden.importers.partial import Refusal
from golden.importers.values import Constant, UnsupportedError, Value
from golden.rescale import TFLITE, RescaleFormat

#: Longest name that is taken over from a file.
_NAME = 200
#: Operators of constants that are not for shapes alone.
_OF_CONSTANTS = {"Constant", "DequantizeLinear", "Flatten", "QuantizeLinear", "Reshape", "Shape", "Squeeze", "Transpose", "Unsqueeze"}
_REALS = ("float32", "float16", "float64")


def import_file(path: str | os.PathLike[str], *, format: RescaleFormat = TFLITE) -> Graph | FloatGraph:
    """Imports a .onnx file.

    format: the rescale format of an integer graph; a float graph has none yet.

    Returns an integer graph where the file quantizes activations (QuantizeLinear of anything that is computed, or an
    integer network input), else a float graph, for golden.quantize.  Raises InputError for a damaged file, and with
    every unsupported operator at once.
    """
    return import_model(onnx_file.read(path), format=format)


def import_bytes(data: bytes, name: str = "network", *, format: RescaleFormat = TFLITE) -> Graph | FloatGraph:
    """Imports a file's bytes; raises InputError as `import_file` does."""
    return import_model(onnx_file.parse(data, name), format=format)


def import_model(model: FileModel, *, format: RescaleFormat = TFLITE) -> Graph | FloatGraph:
    """Imports a file that has been read; the graph has passed the checker."""
    if is_quantized(model):
        backend = IntegerBackend(model.name, model.size, format)
        integer = backend.graph(_Importer(model, backend).run())
        checker.check(integer, after="import")
        return integer
    builder = FloatBackend(model.name, model.size)
    real = builder.graph(_Importer(model, builder).run())
    float_checker.check(real, "import")
    return real


def is_quantized(model: FileModel) -> bool:
    """Whether the file quantizes activations: the QDQ format."""
    constants = {name for node in model.nodes if node.kind == "Constant" for name in node.outputs} | model.constants.keys()
    return any(value.type in ("int8", "uint8") for value in model.inputs) or any(
        node.kind == "QuantizeLinear" and node.inputs and node.inputs[0] not in constants for node in model.nodes
    )


class _Importer:
    """Reads the nodes of one file in order."""

    def __init__(self, model: FileModel, backend: FloatBackend | IntegerBackend) -> None:
        self.model = model
        self.backend = backend
        self.values: dict[str, Value | Constant | None] = {name: Constant(array) for name, array in model.constants.items()}
        self.failed: set[str] = set(model.unreadable)  # what an unsupported operator makes, and nothing can stand for
        self.read = {name for node in model.nodes for name in node.inputs if name} | {value.name for value in model.outputs}
        self.refusals = [Refusal("the file", "", problem, problem, 0) for problem in model.problems]

    def run(self) -> tuple[str, ...]:
        """Imports every node; returns the tensors that are the network's outputs."""
        nodes = _needed(self.model)
        self._inputs(nodes)
        with np.errstate(all="ignore"):  # of a damaged file's numbers; what is not finite in the end is refused
            for node in nodes:
                self._node(node)
        outputs = tuple(name for output in self.model.outputs if (name := self._output(output.name)))
        if not self.refusals:
            self._unread()
        if self.refusals:
            raise self.backend.refused(outputs, self.refusals)
        return outputs

    def _border(self, kind: str, name: str, reason: str) -> None:
        """An input or an output of the network is refused."""
        position = 0 if kind == "input" else len(self.backend.ops)
        self.refusals.append(Refusal(name[:_NAME], f"network {kind}", reason, f"network {kind} {shown(name)}: {reason}", position))

    def _inputs(self, nodes: Sequence[FileNode]) -> None:
        for value in self.model.inputs:
            if value.name in self.values or value.name in self.failed:
                self._border("input", value.name, "is declared twice; the file is damaged")
                continue
            try:
                layout = _input_layout(value, nodes)
            except UnsupportedError as error:
                self._border("input", value.name, str(error))
                self.failed.add(value.name)
                continue
            rest = layout.shape[1:]
            shape = rest if len(rest) == 1 or (layout.in_order() and not layout.is_map()) else (rest[1], rest[2], rest[0])
            tensor = self.backend.input(value.name[:_NAME], shape)
            self.values[value.name] = Value(tensor, layout, "" if value.type in _REALS else value.type)

    def _node(self, node: FileNode) -> None:
        """Imports one node, or says why that is impossible."""
        if any(name in self.values or name in self.failed for name in node.outputs if name):
            self._refuse(node, "writes a tensor that is written already; the file is damaged", len(self.backend.ops))
            return
        before, result = len(self.backend.ops), None
        try:
            result = self._result(node)
        except (UnsupportedError, InputError) as error:
            if isinstance(self.backend, FloatBackend):
                del self.backend.ops[before:]  # what was made on the way
            self._refuse(node, str(error), before)
            layout = result_layout(node, self.values, self.model.shapes)
            if layout is not None:
                name = (node.name or node.outputs[0])[:_NAME]
                result = Value(self.backend.stand_in(self.backend.unique(f"{name}.result"), graph_shape(layout)), layout)
        self.failed.update(node.outputs[1:] if result else node.outputs)
        if result and node.outputs:
            self.values[node.outputs[0]] = result

    def _refuse(self, node: FileNode, reason: str, position: int) -> None:
        reads = tuple(value.tensor for name in node.inputs if isinstance(value := self.values.get(name), Value))
        name = (node.name or f"node number {node.index}")[:_NAME]
        self.refusals.append(Refusal(name, node.kind[:60], reason, f"{node}: {reason}", position, reads))

    def _result(self, node: FileNode) -> Value | Constant:
        """What a node makes.  Raises UnsupportedError with the reason where that is impossible: none where something before it failed."""
        if node.kind not in OPERATORS and node.kind not in FOLD:
            raise UnsupportedError(f"is not supported; {advice(node.kind)}")
        if any(name in self.failed for name in node.inputs):
            raise UnsupportedError("")
        missing = [name for name in node.inputs if name and name not in self.values]
        if missing:
            raise UnsupportedError(f"reads {shown(missing[0])} before any node writes it; the file is damaged or out of order")
        if any(name in self.read for name in node.outputs[1:]):
            raise UnsupportedError("more than its first result is used; leave the others out")
        arguments = tuple(self.values[name] if name else None for name in node.inputs)
        name = (node.name or (node.outputs or ("",))[0] or f"{node.kind}_{node.index}")[:_NAME]
        call = Call(self.backend, node, name, arguments, self.model.opset)
        if arguments and not any(isinstance(argument, Value) for argument in arguments):
            if node.kind in FOLD:
                return FOLD[node.kind](call)
            if node.kind not in _OF_CONSTANTS:
                raise UnsupportedError("computes with constants alone; fold them when the network is exported")
        elif node.kind not in OPERATORS:
            raise UnsupportedError(f"is not supported; {advice(node.kind)}")
        return OPERATORS[node.kind](call)

    def _output(self, name: str) -> str:
        """The graph's tensor for a network output; nothing, and a problem, where there is none."""
        if name in self.failed:
            return ""
        found = self.values.get(name)
        try:
            if not isinstance(found, Value):
                raise UnsupportedError("is constant, or no node makes it")
            shape = _output_shape(found.layout)
            tensor = found.tensor
            if isinstance(self.backend, IntegerBackend):
                tensor = self.backend.exact(tensor) if found.integer else self.backend.output(tensor)
            return tensor if self.backend.shape(tensor) == shape else self.backend.reshape(name[:_NAME] or "output", tensor, shape)
        except (UnsupportedError, InputError) as error:
            self._border("output", name, str(error))
            return ""

    def _unread(self) -> None:
        """Inputs that nothing quantizes."""
        if isinstance(self.backend, IntegerBackend):
            for value, tensor in zip(self.model.inputs, self.backend.inputs.values(), strict=True):
                if not tensor:
                    self._border("input", value.name, "nothing reads it; leave it out")


def _needed(model: FileModel) -> list[FileNode]:
    """The nodes that the outputs depend on; exporters leave others in."""
    needed = {value.name for value in model.outputs}
    nodes = []
    for node in reversed(model.nodes):
        if any(name in needed for name in node.outputs if name):
            needed.update(node.inputs)
            nodes.append(node)
    return nodes[::-1]


def _input_layout(value: FileValue, nodes: Sequence[FileNode]) -> Layout:
    """A map [1, C, H, W] or a vector [1, N]; [1, H, W, C] where the network begins by transposing that."""
    if value.type not in (*_REALS, "int8", "uint8"):
        raise UnsupportedError(f"is {value.type}; real, int8 and uint8 inputs are supported")
    shape = value.shape
    if shape is None or len(shape) not in (2, 4):
        seen = "no shape" if shape is None else f"the shape {[size or '?' for size in shape][:8]}"
        raise UnsupportedError(f"has {seen}; maps [1, C, H, W] and vectors [1, N] are supported")
    if shape[0] not in (None, 0, 1, -1):
        raise UnsupportedError(f"has a batch of {shape[0]}; export the network with a batch of 1, or a dynamic one")
    sizes = [size if size is not None and size > 0 else 0 for size in shape[1:]]
    if not all(1 <= size <= MAX_AXIS for size in sizes) or math.prod(sizes) > MAX_ELEMENTS:
        raise UnsupportedError(f"has the shape {[size or '?' for size in shape]}; export the network with fixed sizes, all but the batch")
    if len(sizes) == 1:
        return vector_layout(sizes[0])
    if _is_transposed(value.name, nodes):
        return stored((1, *sizes), (1, 2, 3))
    return map_layout(sizes[0], sizes[1], sizes[2])


def _is_transposed(name: str, nodes: Sequence[FileNode]) -> bool:
    """Whether the first thing that the network does with an input, but for quantizing it, is to change NHWC to NCHW."""
    for node in nodes:
        if name not in node.inputs or not node.outputs:
            continue
        if node.kind == "Transpose":
            return node.attributes.get("perm") == (0, 3, 1, 2)
        if node.kind not in ("QuantizeLinear", "DequantizeLinear", "Identity", "Cast"):
            return False
        name = node.outputs[0]
    return False


def _output_shape(layout: Layout) -> tuple[int, ...]:
    """The graph's shape of an output.  Raises UnsupportedError where the graph's order would not be ONNX's."""
    shape = layout.shape
    if len(shape) == 4 and shape[0] == 1 and layout.is_map():
        return (shape[2], shape[3], shape[1])
    if len(shape) in (2, 4) and shape[0] == 1 and layout.in_order():
        return shape[1:]
    if len(shape) == 2 and shape[0] == 1:
        raise UnsupportedError("is a flattened map, whose order differs between NCHW and NHWC; make the map itself the output")
    raise UnsupportedError(f"has the shape {list(shape)}; maps [1, C, H, W] and vectors [1, N] are supported")
