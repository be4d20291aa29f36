"""Damaged and hostile ONNX files: an InputError or a graph, quickly, and nothing else."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper

from golden.errors import InputError
from golden.float_graph import FloatGraph
from golden.importers import onnx as importer
from golden.interpreter import run
from tests.golden.importers.onnx_builder import FileBuilder
from tests.golden.importers.onnx_networks import NETWORKS
from tests.golden.importers.test_onnx_qdq import SINGLE

#: The seed of the short run; the long run goes on from it.
SEED = 20260

#: Numbers that sizes, axes, types and lengths do not expect.
HOSTILE = (0, 1, -1, 2, 3, 7, -3, 127, 255, 2**16, 2**20 + 1, 2**28, 2**31 - 1, -(2**31), 2**31, 2**32, 2**62, 2**63 - 1, -(2**63))

#: Seconds that one file may take; a hang takes longer, and a busy machine does not.
PATIENCE = 20.0

#: Bytes of memory that all files of a run may take beyond what the first one does.
MEMORY = 2**30


def quantized_network() -> bytes:
    """One operator of every kind between quantizers."""
    f = FileBuilder(11)
    outputs = []
    for number, (make, shape, _) in enumerate(SINGLE.values()):
        x = f.quantizer(f.input((1, *shape), f"input{number}"), 0.02, 5)
        outputs.append(f.quantizer(make(f, x), 0.017, -31))
    return f.file(*outputs)


def survives(data: bytes) -> bool:
    """Imports a file, and runs it where it is small and quantized; whether it was sound."""
    start, message = time.monotonic(), ""
    try:
        graph = importer.import_bytes(data)
        if not isinstance(graph, FloatGraph) and sum(tensor.size for tensor in graph.tensors.values()) < 10_000:
            run(graph, {name: np.zeros((1, *graph.tensors[name].shape), np.int8) for name in graph.inputs}, tensors=True)
    except InputError as error:
        message = str(error)
    assert time.monotonic() - start < PATIENCE
    assert len(message) < 200_000
    return not message


def mutate(model: ModelProto, rng: np.random.Generator) -> None:
    """Changes one thing in a file's structure."""
    graph = model.graph
    names = [name for node in graph.node for name in (*node.input, *node.output)] + [value.name for value in graph.input]
    node = graph.node[int(rng.integers(len(graph.node)))]
    number = HOSTILE[int(rng.integers(len(HOSTILE)))]
    kind = int(rng.integers(13))
    if kind == 0 and node.input:
        node.input[int(rng.integers(len(node.input)))] = str(rng.choice(names))
    elif kind == 1 and node.output:
        node.output[0] = str(rng.choice(names))
    elif kind == 2:
        node.op_type = graph.node[int(rng.integers(len(graph.node)))].op_type
    elif kind == 3 and node.attribute:
        attribute = node.attribute[int(rng.integers(len(node.attribute)))]
        if attribute.ints and rng.integers(4):
            attribute.ints[int(rng.integers(len(attribute.ints)))] = number
        elif rng.integers(2):
            attribute.i = number
        else:
            attribute.type = int(rng.integers(0, 15))
    elif kind == 4 and graph.initializer:
        tensor = graph.initializer[int(rng.integers(len(graph.initializer)))]
        if tensor.dims and rng.integers(3):
            tensor.dims[int(rng.integers(len(tensor.dims)))] = number
        elif rng.integers(2):
            tensor.data_type = int(rng.integers(0, 24))
        else:
            tensor.raw_data = rng.integers(0, 256, int(rng.integers(0, 65))).astype(np.uint8).tobytes()
    elif kind == 5:
        value = graph.input[int(rng.integers(len(graph.input)))]
        dims = value.type.tensor_type.shape.dim
        if dims and rng.integers(4):
            dims[int(rng.integers(len(dims)))].dim_value = number
        else:
            value.type.tensor_type.elem_type = int(rng.integers(0, 24))
    elif kind == 6 and len(graph.node) > 1:
        del graph.node[int(rng.integers(len(graph.node)))]
    elif kind == 7 and node.input:
        del node.input[int(rng.integers(len(node.input)))]
    elif kind == 8:
        node.input.append(str(rng.choice(names)))
    elif kind == 9:
        model.opset_import[0].version = int(rng.integers(0, 30))
    elif kind == 10:
        node.attribute.append(
            helper.make_attribute(str(rng.choice(["axis", "axes", "perm", "pads", "group", "to", "alpha"])), int(rng.integers(9)))
        )
    elif kind == 11 and graph.initializer:
        tensor = graph.initializer[int(rng.integers(len(graph.initializer)))]
        if len(tensor.raw_data) >= 4:
            data = bytearray(tensor.raw_data)
            place = int(rng.integers(len(data) - 3))
            data[place : place + 4] = bytes([0, 0, 0xC0 if rng.integers(2) else 0x80, 0x7F])  # NaN or infinity
            tensor.raw_data = bytes(data)
    elif kind == 12:
        graph.output[int(rng.integers(len(graph.output)))].name = str(rng.choice(names))


def fuzz(data: bytes, seed: int, count: int) -> None:
    assert survives(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rng = np.random.default_rng(seed)
    sound = 0
    for _ in range(count):
        if rng.integers(3):
            model = onnx.load_model_from_string(data)
            for _ in range(int(rng.integers(1, 4))):
                mutate(model, rng)
            sound += survives(model.SerializeToString())
        else:
            changed = bytearray(data)
            for _ in range(int(rng.integers(1, 6))):
                changed[int(rng.integers(len(changed)))] = int(rng.integers(256))
            sound += survives(bytes(changed))
    assert 0 < sound < count  # the mutations reach both ends
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MEMORY


FILES: dict[str, Callable[[], bytes]] = {"quantized": quantized_network} | {name: lambda m=make: m()[0] for name, make in NETWORKS.items()}  # type: ignore[misc]


@pytest.mark.parametrize("name", FILES)
def test_damaged_files(name: str) -> None:
    fuzz(FILES[name](), SEED, 400)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_damaged_files_for_longer(name: str) -> None:
    fuzz(FILES[name](), SEED + 1, 15_000)


def test_truncations() -> None:
    data = quantized_network()
    for size in range(0, len(data), 97):
        survives(data[:size])


def test_noise() -> None:
    rng = np.random.default_rng(SEED)
    for size in (0, 1, 7, 8, 100, 10_000):
        assert not survives(rng.integers(0, 256, size).astype(np.uint8).tobytes())


def refused(model: ModelProto) -> str:
    with pytest.raises(InputError) as caught:
        importer.import_bytes(model.SerializeToString())
    return str(caught.value)


def small() -> ModelProto:
    f = FileBuilder()
    return f.proto(f.conv(f.input((1, 2, 5, 4)), 2, 3))


def test_data_in_other_files_is_never_read(tmp_path: Path) -> None:
    """Not even where the other file is there, and fits."""
    model = small()
    weight = model.graph.initializer[0]
    secret = tmp_path / "secret"
    secret.write_bytes(weight.raw_data)
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    entry = weight.external_data.add()
    entry.key, entry.value = "location", secret.name
    (tmp_path / "network.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match="its data is in another file, which is never read"):
        importer.import_file(tmp_path / "network.onnx")
    weight.data_location = TensorProto.DEFAULT
    assert "its data is in another file" in refused(model)
    constant = small()
    tensor = helper.make_tensor("t", TensorProto.FLOAT, [1], [0.0])
    tensor.data_location = TensorProto.EXTERNAL
    constant.graph.node.insert(0, helper.make_node("Constant", [], ["late"], value=tensor))
    constant.graph.node[1].input[2] = "late"
    assert "its data is in another file" in refused(constant)


def test_cycles() -> None:
    f = FileBuilder()
    x = f.input((1, 4))
    a = f.op("Add", x, "add1_out")
    model = f.proto(f.op("Add", a, x))
    assert "reads 'add1_out' before any node writes it" in refused(model)


@pytest.mark.parametrize("size", [2**20 + 1, 2**31, 2**62, -5])
def test_huge_sizes(size: int) -> None:
    model = small()
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = size
    assert "export the network with fixed sizes" in refused(model)
    model = small()
    model.graph.initializer[0].dims[0] = size
    assert "its shape" in refused(model)


def test_a_small_file_cannot_ask_for_much_memory() -> None:
    """Thousands of operators that each widen one small constant to many channels."""
    f = FileBuilder()
    x = f.input((1, 2**20))
    one = f.constant(1.5)
    for _ in range(2000):
        x = f.op("Mul", x, one)
    model = f.proto(x)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "many times its size" in refused(model)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 2**28


def test_long_names_are_cut() -> None:
    model = small()
    model.graph.node[0].name = "x" * 10**6
    model.graph.node[0].op_type = "y" * 10**6
    assert len(refused(model)) < 2000


def test_very_many_problems() -> None:
    f = FileBuilder()
    x = f.input((1, 4))
    model = f.proto(*[f.op("Erf", x) for _ in range(500)])
    text = refused(model)
    assert "500 problem(s)" in text
    assert "and 400 more" in text


CHANGES: list[tuple[str, Callable[[ModelProto], Any]]] = [
    ("no graph with operators", lambda m: m.graph.ClearField("node")),
    ("operator set 3 is not supported", lambda m: setattr(m.opset_import[0], "version", 3)),
    ("is declared twice", lambda m: m.graph.input.append(m.graph.input[0])),
    ("is written already", lambda m: m.graph.node.append(m.graph.node[0])),
    ("is constant, or no node makes it", lambda m: setattr(m.graph.output[0], "name", "nothing")),
    ("sparse constants", lambda m: m.graph.sparse_initializer.add()),
    ("has a batch of 3", lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[0], "dim_value", 3)),
    ("is int64", lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", TensorProto.INT64)),
    ("is no tensor", lambda m: m.graph.input[0].type.sequence_type.SetInParent()),
    ("has no shape", lambda m: m.graph.input[0].type.tensor_type.ClearField("shape")),
    ("its data does not fill its shape", lambda m: setattr(m.graph.initializer[0], "raw_data", b"123")),
    ("'group' is of the wrong type", lambda m: m.graph.node[0].attribute.extend([helper.make_attribute("group", "many")])),
    ("is not a standard ONNX operator", lambda m: setattr(m.graph.node[0], "domain", "own")),
]


@pytest.mark.parametrize(("message", "change"), CHANGES, ids=[message for message, _ in CHANGES])
def test_damage_is_named(message: str, change: Callable[[ModelProto], Any]) -> None:
    model = small()
    change(model)
    assert message in refused(model)


def test_every_unsupported_operator_is_reported_at_once() -> None:
    f = FileBuilder()
    x = f.op("LRN", f.conv(f.input((1, 3, 6, 6)), 3, 4), size=3)
    x = f.op("Resize", f.op("Relu", x), "", f.constant([1.0, 1.0, 2.0, 2.0]))
    model = f.proto(f.op("GRU", f.op("QLinearConv", x), outputs=2))
    text = refused(model)
    assert "4 problem(s)" in text
    assert "node 'lrn1' (LRN): is not supported" in text
    assert "node 'resize3' (Resize): is not supported; upsampling is not supported" in text
    assert "(QLinearConv): is not supported; quantize in the QDQ format" in text
    assert "(GRU): is not supported; recurrent layers are not supported" in text


def test_faults_behind_unsupported_operators_are_named() -> None:
    """Where the shape of what those make is known: from their kind, or from the file."""
    f = FileBuilder()
    x = f.op("LRN", f.conv(f.input((1, 3, 6, 6)), 3, 4), size=3)
    x = f.op("Resize", f.op("LRN", x, size=5), "", f.constant([1.0, 1.0, 2.0, 2.0]))
    known = f.op("Conv", x, f.random(2, 4, 1, 1), auto_pad="OTHER")
    model = f.proto(known)
    assert "3 problem(s)" in refused(model)  # of the convolution nothing is known
    model.graph.value_info.append(helper.make_tensor_value_info(x, TensorProto.FLOAT, (1, 4, 8, 8)))
    text = refused(model)
    assert all(f"({kind}): " in text for kind in ("LRN", "Resize", "Conv"))
    assert "'OTHER', which is unknown" in text


@pytest.mark.parametrize("shape", [(1, 2**21, 1, 1), (1, 0, 3, 3), (2, 3, 3), (5, 4, 4, 4), None])
def test_shapes_that_the_file_claims_are_not_trusted(shape: tuple[int, ...] | None) -> None:
    f = FileBuilder()
    x = f.op("Resize", f.conv(f.input((1, 3, 6, 6)), 3, 4), "", f.constant([1.0, 1.0, 2.0, 2.0]))
    model = f.proto(f.conv(x, 4, 2))
    model.graph.value_info.append(helper.make_tensor_value_info(x, TensorProto.FLOAT, shape))
    assert "1 problem(s)" in refused(model)


def test_missing_and_large_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        importer.import_file(tmp_path / "none.onnx")
    large = tmp_path / "large.onnx"
    with large.open("wb") as file:
        file.truncate(2**28 + 1)
    with pytest.raises(InputError, match="networks of at most"):
        importer.import_file(large)


#: What cannot be represented, by what the message says.
FLOAT_PROBLEMS: list[tuple[str, Callable[[FileBuilder, str], str]]] = [
    ("elements would have to move", lambda f, x: f.conv(f.op("Transpose", x, perm=[0, 1, 3, 2]), 3, 2)),
    ("elements would have to move", lambda f, x: f.conv(f.op("Reshape", x, f.constant([1, 6, 2, 4], "int64")), 6, 2)),
    ("flatten it first", lambda f, x: f.op("MatMul", x, f.random(4, 2))),
    ("whose order differs between NCHW and NHWC", lambda f, x: f.op("Flatten", x)),
    ("join the maps instead", lambda f, x: f.op("Concat", f.op("Flatten", x), f.op("Flatten", x))),
    ("only equal shapes", lambda f, x: f.op("Add", x, f.op("GlobalAveragePool", x))),
    ("it multiplies two tensors that both depend", lambda f, x: f.op("Mul", x, f.op("MaxPool", x, kernel_shape=[1, 1]))),
    ("only zero padding", lambda f, x: f.op("Pad", x, f.constant([0] * 8, "int64"), f.constant(1.0))),
    ("only rows and columns can be padded", lambda f, x: f.op("Pad", x, f.constant([0, 1, 0, 0, 0, 0, 0, 0], "int64"))),
    ("only padding with constants", lambda f, x: f.op("Pad", x, f.constant([0] * 8, "int64"), mode="reflect")),
    ("does not fit its input", lambda f, x: f.op("MaxPool", x, kernel_shape=[9, 9])),
    ("is computed from the network's input", lambda f, x: f.op("Conv", x, x)),
    ("do not fit the 3 channels", lambda f, x: f.conv(x, 2, 2)),
    ("only rows and columns of maps are supported", lambda f, x: f.op("ReduceMean", x, axes=[1])),
    ("in training mode", lambda f, x: f.op("BatchNormalization", x, *[f.random(3) for _ in range(4)], training_mode=1)),
    ("clips to the empty range", lambda f, x: f.op("Clip", x, f.constant(2.0), f.constant(1.0))),
    ("more than its first result", lambda f, x: f.op("Add", (y := f.op("MaxPool", x, kernel_shape=[1, 1], outputs=2)), f"{y}1")),
]


@pytest.mark.parametrize(("message", "make"), FLOAT_PROBLEMS, ids=[f"{i} {message}" for i, (message, _) in enumerate(FLOAT_PROBLEMS)])
def test_what_cannot_be_represented_says_why(message: str, make: Callable[[FileBuilder, str], str]) -> None:
    f = FileBuilder()
    text = refused(f.proto(make(f, f.input((1, 3, 4, 4)))))
    assert message in text
    assert "node '" in text or "network output '" in text


def test_numbers_that_are_none() -> None:
    """Found by fuzzing: a signalling NaN warns when it is converted."""
    model = small()
    weight = model.graph.initializer[0]
    weight.raw_data = b"\1\0\x80\x7f" + weight.raw_data[4:]
    assert "no numbers (NaN)" in refused(model)
    weight.raw_data = b"\0\0\x80\x7f" + weight.raw_data[4:]
    assert "[finite-constants]" in refused(model)


def test_names_that_are_no_text() -> None:
    """Found by fuzzing: protobuf hands such names over as bytes."""
    data = small().SerializeToString().replace(b"Conv", b"C\xffnv").replace(b"image", b"im\xffge")
    with pytest.raises(InputError, match="C\ufffdnv"):
        importer.import_bytes(data)
