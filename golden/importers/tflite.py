"""Imports a TensorFlow Lite int8 network as an integer graph, bit-exact with TensorFlow Lite Micro (SPEC section 9).

Every operator that cannot be represented is reported, all at once, with its number in the file.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable

from golden.checker import check
from golden.errors import InputError
from golden.graph import Graph
from golden.importers import integer_cleanup, tflite_add, tflite_elementwise, tflite_file, tflite_windows
from golden.importers.partial import Refusal, integer_rest
from golden.importers.tflite_call import Builder, Call, affine, graph_shape
from golden.importers.tflite_file import FileModel, FileOperator
from golden.importers.values import UnsupportedError
from golden.rescale import TFLITE

#: What imports each kind of operator.
OPERATORS: dict[str, Callable[[Call], None]] = {
    "ADD": tflite_add.add,
    "AVERAGE_POOL_2D": tflite_windows.average_pool_2d,
    "CONCATENATION": tflite_elementwise.concatenation,
    "CONV_2D": tflite_windows.conv_2d,
    "DEPTHWISE_CONV_2D": tflite_windows.depthwise_conv_2d,
    "DEQUANTIZE": tflite_elementwise.dequantize,
    "EXPAND_DIMS": tflite_elementwise.reshape,
    "FULLY_CONNECTED": tflite_windows.fully_connected,
    "LOGISTIC": tflite_elementwise.logistic,
    "MAX_POOL_2D": tflite_windows.max_pool_2d,
    "MEAN": tflite_elementwise.mean,
    "PAD": tflite_elementwise.pad,
    "PADV2": tflite_elementwise.pad,
    "QUANTIZE": tflite_elementwise.quantize,
    "RELU": tflite_elementwise.relu,
    "RELU6": tflite_elementwise.relu6,
    "RESHAPE": tflite_elementwise.reshape,
    "SOFTMAX": tflite_elementwise.softmax,
    "SQUEEZE": tflite_elementwise.reshape,
    "TANH": tflite_elementwise.tanh,
}

_SMOOTH = "use RELU, RELU6, LOGISTIC or TANH and train again"
_ADVICE = {
    "HARD_SWISH": _SMOOTH,
    "LEAKY_RELU": _SMOOTH,
    "PRELU": _SMOOTH,
    "ELU": _SMOOTH,
    "GELU": _SMOOTH,
    "MUL": "a factor that is constant belongs into the weights of the layer before; a product of two activations is not supported",
    "SUB": "a constant belongs into the bias of the layer before; a difference of two activations is not supported",
    "TRANSPOSE": "keep the layout NHWC in the network, so that none is needed",
    "ARG_MAX": "leave it out and take the largest output on the host",
    "TRANSPOSE_CONV": "upsampling is not supported",
    "RESIZE_BILINEAR": "upsampling is not supported",
    "RESIZE_NEAREST_NEIGHBOR": "upsampling is not supported",
    "BATCH_MATMUL": "use FULLY_CONNECTED with constant weights",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "recurrent layers are not supported",
}


def import_file(path: str | os.PathLike[str]) -> Graph:
    """Imports a .tflite file.  Raises InputError for a damaged file, and with every unsupported operator at once."""
    return import_model(tflite_file.read(path))


def import_bytes(data: bytes, name: str = "network") -> Graph:
    """Imports a file's bytes; raises InputError as `import_file` does."""
    return import_model(tflite_file.parse(data, name))


def import_model(model: FileModel) -> Graph:
    """Imports a file that has been read; the graph has passed the checker.  Raises RefusedNetworkError for what cannot be imported."""
    if is_float(model):
        raise InputError(f"network {model.name!r} is a float network: no operator makes an int8 tensor; quantize it first")
    operators = needed(model)
    reads = Counter(index for op in operators for index in data_inputs(op)) + Counter(model.outputs)
    builder = Builder(model)
    refusals = _inputs(builder)
    failed: set[int] = set()  # what an unsupported operator makes, and nothing can stand for
    for op in operators:
        before, makes = len(builder.ops), [index for index in op.outputs if index not in builder.names]
        problem = _import(builder, op, reads, failed)
        if problem is None:
            continue
        del builder.ops[before:]
        refusals.append(refusal(op, problem, before, tuple(builder.names[index] for index in data_inputs(op) if index in builder.names)))
        failed.update(index for index in makes if not _stand_in(builder, op, index))
    outputs = [builder.names.get(index, "") for index in model.outputs]
    refusals += [
        border("output", model.tensors[index].name, "no operator makes it", len(builder.ops))
        for index, name in zip(model.outputs, outputs, strict=True)
        if not name and index not in failed
    ]
    refusals += [
        border("input", model.tensors[index].name, f"is {model.tensors[index].type}, and nothing quantizes it", 0)
        for index in model.inputs
        if index not in builder.names and index not in builder.floats and index not in failed
    ]
    if refusals:
        raise integer_rest(model.name, TFLITE, builder.tensors, builder.ops, filter(None, outputs), refusals)
    inputs = tuple(builder.floats.get(index) or builder.names[index] for index in model.inputs)
    ops = integer_cleanup.needed(integer_cleanup.fold_padding(builder.ops), outputs)
    used = {*inputs, *outputs, *(name for op in ops for name in (*op.inputs, op.output))}
    tensors = {name: tensor for name, tensor in builder.tensors.items() if name in used}
    graph = Graph(model.name, TFLITE, tensors, inputs, tuple(outputs), tuple(ops))
    check(graph, after="import")
    return graph


def is_float(model: FileModel) -> bool:
    """Whether a file computes with real numbers alone: no operator makes an integer tensor that has a scale."""
    return bool(model.operators) and not any(_quantizes(model, op) for op in model.operators)


def is_quantized(model: FileModel) -> bool:
    """Whether a file computes with integers: an operator besides QUANTIZE makes them."""
    return any(_quantizes(model, op) and op.kind != "QUANTIZE" for op in model.operators)


def _quantizes(model: FileModel, op: FileOperator) -> bool:
    return any(model.tensors[index].type in ("INT8", "UINT8", "INT16") for index in op.outputs)


def _import(builder: Builder, op: FileOperator, reads: dict[int, int], failed: set[int]) -> str | None:
    """Imports one operator; says why that is impossible: nothing where that cannot be said, because of what it reads."""
    if op.kind not in OPERATORS:
        return unsupported(op.kind, OPERATORS)
    if failed.intersection(data_inputs(op)):
        return ""
    if any(index in builder.names for index in op.outputs) or set(op.outputs) & set(builder.model.inputs):
        return "writes a tensor that is written already; the file is damaged"
    try:
        OPERATORS[op.kind](Call(builder, op, f"{op.kind.lower()}_{op.index}", reads))
    except UnsupportedError as error:
        return str(error)
    except InputError as error:
        return str(error)
    except KeyError:
        return "reads a tensor before any operator writes it; the file is damaged"
    return None


def _stand_in(builder: Builder, op: FileOperator, index: int) -> bool:
    """A tensor in place of a refused operator's, so that what follows is still judged; False where there can be none."""
    tensor = builder.model.tensors[index]
    builder.names.pop(index, None)
    if tensor.data is not None or not any(source in builder.names for source in data_inputs(op)):
        return False
    try:
        builder.names[index] = builder.declare(tensor.name, graph_shape(tensor), affine(tensor))
    except UnsupportedError:
        return False
    return True


def refusal(op: FileOperator, reason: str, position: int, reads: tuple[str, ...]) -> Refusal:
    """An operator of a file that cannot be imported, after `position` operators that could."""
    return Refusal(f"{op.kind.lower()}_{op.index}", op.kind, reason, f"operator {op.index} ({op.kind}): {reason}", position, reads)


def border(kind: str, name: str, reason: str, position: int) -> Refusal:
    """An input or an output of the network that cannot be imported."""
    return Refusal(name, f"network {kind}", reason, f"network {kind} {name!r}: {reason}", position)


def unsupported(kind: str, known: Iterable[str]) -> str:
    """What to say about an operator that is not supported."""
    return f"is not supported; {_ADVICE.get(kind, 'build the network from ' + ', '.join(known))}"


def _inputs(builder: Builder) -> list[Refusal]:
    """Declares the integer inputs; real ones are declared where they are quantized."""
    refusals = []
    for index in dict.fromkeys(builder.model.inputs):
        tensor = builder.model.tensors[index]
        if tensor.type == "FLOAT32" and not tensor.unsupported:
            continue
        try:
            builder.names[index] = builder.declare(tensor.name, graph_shape(tensor), affine(tensor))
        except UnsupportedError as error:
            refusals.append(Refusal(tensor.name, "network input", str(error), f"network input: {error}", 0))
    return refusals


def data_inputs(op: FileOperator) -> tuple[int, ...]:
    """The inputs that an operator computes with: the shape that a reshape is given is in the shape of its output as well."""
    return op.inputs[:1] if op.kind in ("RESHAPE", "SQUEEZE", "EXPAND_DIMS") else tuple(index for index in op.inputs if index >= 0)


def needed(model: FileModel) -> list[FileOperator]:
    """The operators that the outputs depend on; converters leave others in, which compute shapes."""
    needed = set(model.outputs)
    operators = []
    for op in reversed(model.operators):
        if needed & set(op.outputs):
            needed.update(data_inputs(op))
            operators.append(op)
    return operators[::-1]
