"""Imports a TensorFlow Lite float network as a float graph, for post-training quantization (SPEC section 9).

Every operator that cannot be represented is reported, all at once, with its number in the file.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable

from golden.errors import InputError
from golden.float_checker import check
from golden.float_graph import FloatAveragePool2d, FloatGraph, FloatMaxPool2d
from golden.importers import tflite_file
from golden.importers import tflite_float_elementwise as elementwise
from golden.importers import tflite_float_windows as windows
from golden.importers.partial import Refusal, float_rest
from golden.importers.tflite import border, data_inputs, is_quantized, needed, refusal, unsupported
from golden.importers.tflite_file import FileModel, FileOperator
from golden.importers.tflite_float_builder import FloatBuilder
from golden.importers.values import UnsupportedError
from golden.scalar_function import LOGISTIC, TANH

#: What imports each kind of operator.
OPERATORS: dict[str, Callable[[FloatBuilder, FileOperator], None]] = {
    "ADD": elementwise.arithmetic,
    "AVERAGE_POOL_2D": windows.pool(FloatAveragePool2d),
    "CONCATENATION": elementwise.concatenation,
    "CONV_2D": windows.conv,
    "DEPTHWISE_CONV_2D": windows.depthwise,
    "DEQUANTIZE": elementwise.dequantize,
    "EXPAND_DIMS": elementwise.reshape,
    "FULLY_CONNECTED": windows.fully_connected,
    "LOGISTIC": elementwise.function(LOGISTIC),
    "MAX_POOL_2D": windows.pool(FloatMaxPool2d),
    "MEAN": windows.mean,
    "MUL": elementwise.arithmetic,
    "PAD": windows.pad,
    "PADV2": windows.pad,
    "RELU": elementwise.clamp(0.0, math.inf),
    "RELU6": elementwise.clamp(0.0, 6.0),
    "RELU_N1_TO_1": elementwise.clamp(-1.0, 1.0),
    "RESHAPE": elementwise.reshape,
    "SOFTMAX": elementwise.softmax,
    "SQUEEZE": elementwise.reshape,
    "SUB": elementwise.arithmetic,
    "TANH": elementwise.function(TANH),
}


def import_file(path: str | os.PathLike[str]) -> FloatGraph:
    """Imports a .tflite file of float32.  Raises InputError for a damaged file, and with every unsupported operator at once."""
    return import_model(tflite_file.read(path))


def import_bytes(data: bytes, name: str = "network") -> FloatGraph:
    """Imports a file's bytes; raises InputError as `import_file` does."""
    return import_model(tflite_file.parse(data, name))


def import_model(model: FileModel) -> FloatGraph:
    """Imports a file that has been read; the graph has passed the checker.  Raises RefusedNetworkError for what cannot be imported."""
    if is_quantized(model):
        raise InputError(f"network {model.name!r} is quantized already: its operators make int8 tensors; take it as it is")
    builder = FloatBuilder(model)
    refusals = _inputs(builder)
    failed: set[int] = set()  # what an unsupported operator makes, and nothing can stand for
    for op in needed(model):
        before, makes = len(builder.ops), [index for index in op.outputs if index not in builder.names]
        problem = _import(builder, op, failed)
        if problem is None:
            continue
        del builder.ops[before:]
        refusals.append(refusal(op, problem, before, tuple(builder.names[index] for index in data_inputs(op) if index in builder.names)))
        failed.update(index for index in makes if not _stand_in(builder, op, index))
    refusals += [
        border("output", model.tensors[index].name, "no operator makes it", len(builder.ops))
        for index in model.outputs
        if index not in builder.names and index not in failed
    ]
    outputs = tuple(builder.names[index] for index in model.outputs if index in builder.names)
    if refusals:
        raise float_rest(model.name, builder.tensors, builder.ops, outputs, refusals)
    inputs = tuple(builder.names[index] for index in model.inputs)
    graph = FloatGraph(model.name, builder.tensors, inputs, outputs, tuple(builder.ops))
    check(graph, "import")
    return graph


def _inputs(builder: FloatBuilder) -> list[Refusal]:
    """Declares the network's inputs; returns what is wrong with them."""
    refusals = []
    for index in dict.fromkeys(builder.model.inputs):
        tensor = builder.model.tensors[index]
        try:
            builder.declare(tensor)
        except UnsupportedError as error:
            refusals.append(Refusal(tensor.name, "network input", str(error), f"network input: {error}", 0))
    return refusals


def _import(builder: FloatBuilder, op: FileOperator, failed: set[int]) -> str | None:
    """Imports one operator; says why that is impossible: nothing where that cannot be said, because of what it reads."""
    if op.kind not in OPERATORS:
        return unsupported(op.kind, OPERATORS)
    if failed.intersection(data_inputs(op)):
        return ""
    if any(index in builder.names or index in builder.constants for index in op.outputs) or len(op.outputs) != 1:
        return "must write one tensor that nothing has written yet; the file is damaged"
    try:
        OPERATORS[op.kind](builder, op)
    except (UnsupportedError, InputError) as error:
        return str(error)
    except KeyError:
        return "reads a tensor before any operator writes it; the file is damaged"
    return None


def _stand_in(builder: FloatBuilder, op: FileOperator, index: int) -> bool:
    """A tensor in place of a refused operator's, so that what follows is still judged; False where there can be none."""
    tensor = builder.model.tensors[index]
    builder.names.pop(index, None)
    if tensor.data is not None or not any(source in builder.names for source in data_inputs(op)):
        return False
    try:
        builder.declare(tensor)
    except UnsupportedError:
        return False
    return True
