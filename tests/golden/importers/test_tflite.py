"""What the TensorFlow Lite importer refuses: everything at once, with the place and what to do; and files made to do harm."""

from __future__ import annotations

import struct
import time
import tracemalloc
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
import tflite as fields

from golden.checker import check
from golden.errors import InputError
from golden.graph import Graph
from golden.importers.partial import RefusedNetworkError
from golden.importers.tflite import import_bytes, import_file
from tests.golden.importers.test_tflite_fuzz import network, survives
from tests.golden.importers.tflite_builder import Array, FileBuilder, schema


def refused(file: FileBuilder | bytes, inputs: list[int] | None = None, outputs: list[int] | None = None) -> InputError:
    data = file if isinstance(file, bytes) else file.file(inputs or [0], outputs or [1])
    with pytest.raises(InputError) as caught:
        import_bytes(data, "net")
    return caught.value


def test_all_unsupported_operators_at_once() -> None:
    """What follows an unsupported operator is not reported for that, but for its own faults elsewhere."""
    file = FileBuilder()
    t = [file.tensor((1, 4), 0.1, 0) for _ in range(7)]
    file.op("HARD_SWISH", [t[0]], [t[1]])
    file.op("RELU", [t[1]], [t[2]])
    file.op("MUL", [t[0], t[0]], [t[3]], "MulOptions")
    file.op("TANH", [t[0]], [t[4]])
    file.op("CUSTOM", [t[0]], [t[5]])
    file.model.operatorCodes[-1].customCode = "Mine\n"
    file.op("CUMSUM", [t[0]], [t[6]])
    error = refused(file, [t[0]], t[2:])
    assert error.message == "network 'net' cannot be imported: 5 problem(s)"
    assert [problem.split(";")[0] for problem in error.problems] == [
        "operator 0 (HARD_SWISH): is not supported",
        "operator 2 (MUL): is not supported",
        "operator 3 (TANH): its output must have the scale 0.0078125 and the zero point 0, as TensorFlow Lite demands",
        "operator 4 (CUSTOM Mine?): is not supported",
        "operator 5 (CUMSUM): is not supported",
    ]
    assert "train again" in error.problems[0]
    assert "build the network from ADD, AVERAGE_POOL_2D" in error.problems[4]


def test_faults_behind_unsupported_operators_are_named() -> None:
    """Behind one whose result is known by its shape and scale, and behind one of whose result nothing is known."""
    file = FileBuilder()
    t = [file.tensor((1, 4), 0.1) for _ in range(4)]
    real = [file.tensor((1, 4), kind="FLOAT32") for _ in range(3)]
    file.op("HARD_SWISH", [t[0]], [t[1]])
    file.op("TANH", [t[1]], [t[2]])
    file.op("DEQUANTIZE", [t[2]], [real[0]])
    file.op("RELU", [real[0]], [real[1]])
    file.op("CUMSUM", [real[1]], [real[2]])
    file.op("QUANTIZE", [real[2]], [t[3]])
    error = refused(file, [t[0]], [t[3]])
    assert [problem.split(":")[0] for problem in error.problems] == [
        "operator 0 (HARD_SWISH)",
        "operator 1 (TANH)",
        "operator 2 (DEQUANTIZE)",
        "operator 4 (CUMSUM)",
    ]
    assert isinstance(error, RefusedNetworkError)
    assert [refusal.name for refusal in error.refusals if not refusal.reason] == ["relu_3", "quantize_5"]  # nothing can be said of these


def test_the_rest_of_a_refused_network_is_sound() -> None:
    """Also where an operator that could be read breaks a rule: it is refused as well."""
    file = FileBuilder()
    t = [file.tensor((1, 4), 0.1) for _ in range(3)]
    wide = file.tensor((1, 5), 0.1)
    file.op("RELU6", [t[0]], [t[1]])
    file.op("CUMSUM", [t[1]], [t[2]])
    file.op("SOFTMAX", [t[2]], [wide], "SoftmaxOptions", beta=1.0)
    file.model.subgraphs[0].tensors[wide].quantization.scale = [1 / 256]
    file.model.subgraphs[0].tensors[wide].quantization.zeroPoint = [-128]
    error = refused(file, [t[0]], [wide])
    assert len(error.problems) == 2
    assert "[output-shape]" in error.problems[1]
    assert isinstance(error, RefusedNetworkError)
    assert isinstance(error.partial, Graph)
    assert error.quantized
    check(error.partial)


def one(kind: str, source: dict[str, Any], target: dict[str, Any], options: str = "", *constants: Array, **values: Any) -> FileBuilder:
    """A file of one operator from tensor 0 to tensor 1."""
    file = FileBuilder()
    shape = source.pop("shape", (1, 4, 4, 2))
    file.tensor(shape, **({"scale": 0.1} | source))
    file.tensor(target.pop("shape", shape), **({"scale": 0.1} | target))
    file.op(kind, [0, *(file.constant(array) for array in constants)], [1], options, **values)
    return file


def int32(*values: int) -> Array:
    return np.array(values, np.int32)


CONV: dict[str, Any] = {"padding": 1, "strideH": 1, "strideW": 1}
REFUSED: list[tuple[str, FileBuilder]] = [
    ("convert the network with a batch size of 1", one("RELU", {"shape": (2, 4)}, {})),
    ("only up to four axes", one("RELU", {"shape": (1, 2, 2, 2, 2)}, {})),
    ("is INT16; convert the network with full int8", one("RELU", {"kind": "INT16"}, {"kind": "INT16"})),
    ("is a float network: no operator makes an int8 tensor", one("RELU", {"kind": "FLOAT32"}, {"kind": "FLOAT32"})),
    ("is FLOAT32; convert the network with full int8", one("RELU", {"kind": "FLOAT32"}, {})),
    ("has 2 scales; an activation needs one", one("RELU", {"scale": [0.1, 0.2]}, {})),
    ("has 0 scales", one("RELU", {"scale": None}, {})),
    ("not finite and greater than 0", one("RELU", {"scale": float("nan")}, {})),
    ("not finite and greater than 0", one("RELU", {"scale": -1.0}, {})),
    ("zero point 300, which INT8 cannot hold", one("RELU", {"zero_point": 300}, {})),
    ("does not rescale: convert the network again", one("RELU6", {}, {"scale": 0.2})),
    ("does not rescale", one("RESHAPE", {}, {"shape": (1, 32), "zero_point": 1}, "ReshapeOptions", int32(1, 32))),
    ("not the same number of elements", one("RESHAPE", {}, {"shape": (1, 31)}, "ReshapeOptions", int32(1, 31))),
    ("does not rescale", one("MAX_POOL_2D", {}, {"scale": 0.2}, "Pool2DOptions", filterHeight=1, filterWidth=1, **CONV)),
    ("1 is the least", one("MAX_POOL_2D", {}, {}, "Pool2DOptions", filterHeight=0, filterWidth=1, **CONV)),
    ("1 is the least", one("MAX_POOL_2D", {}, {}, "Pool2DOptions", filterHeight=2**16, filterWidth=2**16, **(CONV | {"padding": 0}))),
    ("window", one("MAX_POOL_2D", {}, {}, "Pool2DOptions", filterHeight=5, filterWidth=5, **CONV)),
    ("it needs a map", one("MAX_POOL_2D", {"shape": (1, 4)}, {}, "Pool2DOptions", filterHeight=1, filterWidth=1, **CONV)),
    (
        "fused activation has the number 4",
        one("MAX_POOL_2D", {}, {}, "Pool2DOptions", filterHeight=1, filterWidth=1, fusedActivationFunction=4, **CONV),
    ),
    ("weights must be a constant of 4 axes", one("CONV_2D", {}, {}, "Conv2DOptions", **CONV)),
    ("input 1, 't2', is INT32; it must be INT8", one("CONV_2D", {}, {}, "Conv2DOptions", np.zeros((2, 1, 1, 2), np.int32), **CONV)),
    ("weights 't2' have 0 scales", one("CONV_2D", {}, {}, "Conv2DOptions", np.zeros((2, 1, 1, 2), np.int8), **CONV)),
    ("only axes of a map", one("MEAN", {"shape": (1, 16)}, {"shape": (1, 1)}, "ReducerOptions", int32(1), keepDims=True)),
    ("along the batch", one("MEAN", {}, {}, "ReducerOptions", int32(0), keepDims=True)),
    ("axis 7 is not one of the 4 axes", one("MEAN", {}, {}, "ReducerOptions", int32(7), keepDims=True)),
    ("pads the batch", one("PAD", {}, {}, "PadOptions", np.array([[1, 0], [0, 0], [0, 0], [0, 0]], np.int32))),
    ("by 0 or more", one("PAD", {}, {}, "PadOptions", np.array([[0, 0], [-1, 0], [0, 0], [0, 0]], np.int32))),
    ("takes (4, 4, 2) to (5, 4, 2), not to", one("PAD", {}, {}, "PadOptions", np.array([[0, 0], [1, 0], [0, 0], [0, 0]], np.int32))),
    ("its output must have the scale 1/256", one("SOFTMAX", {}, {}, "SoftmaxOptions", beta=1.0)),
    ("its beta nan", one("SOFTMAX", {}, {"scale": 1 / 256, "zero_point": -128}, "SoftmaxOptions", beta=float("nan"))),
]


@pytest.mark.parametrize(("message", "file"), REFUSED, ids=[str(number) for number in range(len(REFUSED))])
def test_refused_with_a_reason(message: str, file: FileBuilder) -> None:
    assert message in str(refused(file))


def test_concatenation_of_different_scales_is_refused() -> None:
    """TensorFlow Lite's int8 kernel copies, whatever the scales say."""
    file = FileBuilder()
    a, b, y = file.tensor((1, 4), 0.1), file.tensor((1, 4), 0.2), file.tensor((1, 8), 0.1)
    file.op("CONCATENATION", [a, b], [y], "ConcatenationOptions", axis=1)
    assert "does not rescale" in str(refused(file, [a, b], [y]))


def test_a_float_network_in_the_middle_is_refused() -> None:
    file = FileBuilder()
    x, r, q, y = (file.tensor((1, 4), kind="FLOAT32", name=n) if n in "rx" else file.tensor((1, 4), 0.1, name=n) for n in "xrqy")
    file.op("RELU", [x], [r])
    file.op("QUANTIZE", [r], [q], "QuantizeOptions")
    file.op("RELU", [q], [y])
    text = str(refused(file, [x], [y]))
    assert "operator 0 (RELU)" in text
    assert "full int8 quantization" in text


@pytest.mark.parametrize("content", [b"", b"TFL3", bytes(100), b"PK\x03\x04" + bytes(1000)])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net.tflite").write_bytes(content)
    with pytest.raises(InputError, match="not a TensorFlow Lite file") as caught:
        import_file(tmp_path / "net.tflite")
    assert str(tmp_path) in caught.value.message


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing", Path("/dev/zero")):
        with pytest.raises(InputError, match="no such file"):
            import_file(path)


# --- files made to do harm ------------------------------------------------------------------------


def test_a_signalling_nan_as_a_scale() -> None:
    """Found by mutation: its conversion to float64 raised a warning of numpy's."""
    file = FileBuilder()
    file.tensor((1, 4), 0.1)
    file.tensor((1, 4), 0.3)
    file.op("QUANTIZE", [0], [1])
    data = file.file([0], [1]).replace(struct.pack("<f", 0.3), struct.pack("<I", 0x7FA00001))
    assert "not finite" in str(refused(data))


def test_one_weight_tensor_for_many_operators() -> None:
    """Each operator would hold a copy: a small file would fill the memory."""
    file = FileBuilder()
    weight = file.tensor((256, 256), 0.01, data=np.ones((256, 256), np.int8))
    before = first = file.tensor((1, 256), 0.1)
    for _ in range(2000):
        after = file.tensor((1, 256), 0.1)
        file.op("FULLY_CONNECTED", [before, weight], [after], "FullyConnectedOptions")
        before = after
    data = file.file([first], [before])
    tracemalloc.start()
    assert "share so many constants" in str(refused(data))
    assert tracemalloc.get_traced_memory()[1] < 100 * len(data) + 2**26
    tracemalloc.stop()


def test_groups_that_would_need_gigabytes() -> None:
    file = FileBuilder()
    x, y = file.tensor((1, 1, 1, 2**17), 0.1), file.tensor((1, 1, 1, 2**17), 0.1)
    weight = file.tensor((2**17, 1, 1, 1), 0.01, data=np.ones((2**17, 1, 1, 1), np.int8))
    file.op("CONV_2D", [x, weight], [y], "Conv2DOptions", **CONV)
    assert "share so many constants" in str(refused(file, [x], [y]))


@pytest.mark.parametrize("shape", [(1, 2**31 - 1, 2**31 - 1, 4), (1, 2**20, 2**20, 2**20), (1, -4), (1, 0, 4), (0,) * 300])
def test_shapes_beyond_reason(shape: tuple[int, ...]) -> None:
    file = FileBuilder()
    file.tensor(shape, 0.1)
    file.tensor(shape, 0.1)
    file.op("RELU", [0], [1])
    start = time.monotonic()
    assert "sizes must be from 1 to" in str(refused(file))
    assert time.monotonic() - start < 5


def test_large_maps_and_windows_take_no_time() -> None:
    file = FileBuilder()
    file.tensor((1, 2**20, 256, 1), 0.1)
    file.tensor((1, 2**20, 256, 1), 0.1)
    file.op("MAX_POOL_2D", [0], [1], "Pool2DOptions", padding=0, strideH=1, strideW=1, filterHeight=2**10, filterWidth=2**6)
    start = time.monotonic()
    survives(file.file([0], [1]))
    assert time.monotonic() - start < 5


def test_vectors_that_are_all_the_same_one() -> None:
    """Every operator refers to one table with a long vector: what is read would be the square of the file's size."""
    builder = flatbuffers.Builder(1 << 20)
    fields.OperatorStartInputsVector(builder, 50_000)
    for _ in range(50_000):
        builder.PrependInt32(0)
    inputs = builder.EndVector()
    fields.OperatorStart(builder)
    fields.OperatorAddInputs(builder, inputs)
    operator = fields.OperatorEnd(builder)
    fields.SubGraphStartOperatorsVector(builder, 50_000)
    for _ in range(50_000):
        builder.PrependUOffsetTRelative(operator)
    operators = builder.EndVector()
    name = builder.CreateString("t")
    fields.TensorStart(builder)
    fields.TensorAddName(builder, name)
    tensor = fields.TensorEnd(builder)
    fields.SubGraphStartTensorsVector(builder, 1)
    builder.PrependUOffsetTRelative(tensor)
    tensors = builder.EndVector()
    fields.SubGraphStart(builder)
    fields.SubGraphAddTensors(builder, tensors)
    fields.SubGraphAddOperators(builder, operators)
    graph = fields.SubGraphEnd(builder)
    fields.OperatorCodeStart(builder)
    code = fields.OperatorCodeEnd(builder)
    fields.ModelStartOperatorCodesVector(builder, 1)
    builder.PrependUOffsetTRelative(code)
    codes = builder.EndVector()
    fields.BufferStart(builder)
    buffer = fields.BufferEnd(builder)
    fields.ModelStartBuffersVector(builder, 1)
    builder.PrependUOffsetTRelative(buffer)
    buffers = builder.EndVector()
    fields.ModelStartSubgraphsVector(builder, 1)
    builder.PrependUOffsetTRelative(graph)
    graphs = builder.EndVector()
    fields.ModelStart(builder)
    fields.ModelAddOperatorCodes(builder, codes)
    fields.ModelAddSubgraphs(builder, graphs)
    fields.ModelAddBuffers(builder, buffers)
    builder.Finish(fields.ModelEnd(builder), b"TFL3")
    start = time.monotonic()
    assert "more than its size" in str(refused(bytes(builder.Output())))
    assert time.monotonic() - start < 20


def test_operators_in_a_circle_and_tensors_written_twice() -> None:
    file = FileBuilder()
    t = [file.tensor((1, 4), 0.1, name=f"t{number}") for number in range(4)]
    file.op("ADD", [t[0], t[2]], [t[1]], "AddOptions")
    file.op("ADD", [t[1], t[0]], [t[2]], "AddOptions")
    file.op("RELU", [t[0]], [t[3]])
    file.op("RELU", [t[0]], [t[3]])
    error = refused(file, [t[0]], [t[2], t[3]])
    assert "operator 0 (ADD): reads a tensor before any operator writes it" in error.problems[0]
    assert any("operator 3 (RELU): writes a tensor that is written already" in problem for problem in error.problems)


def test_indices_beyond_the_file() -> None:
    for entry in ("inputs", "outputs"):
        file = FileBuilder()
        file.tensor((1, 4), 0.1)
        file.tensor((1, 4), 0.1)
        file.op("RELU", [0], [1])
        setattr(file.graph.operators[0], entry, [77])
        assert "of operator 0: tensors [77] of 2" in str(refused(file))
    file = FileBuilder()
    file.tensor((1, 4), 0.1)
    file.graph.tensors[0].buffer = 9
    assert "buffer 9 of 1" in str(refused(file, [0], [0]))


def test_names_are_printable_and_short() -> None:
    file = FileBuilder()
    file.tensor((1, 4), 0.1, name="a\x1b[31m\n" + "b" * 1000)
    file.tensor((1, 4), 0.1)
    file.graph.tensors[1].name = ""
    file.op("RELU", [0], [1])
    graph = import_bytes(file.file([0], [1]))
    assert graph.inputs[0].startswith("a?[31m?bb")
    assert len(graph.inputs[0]) == 200
    assert graph.outputs == ("tensor",)


def test_the_sound_file_of_the_fuzzer_is_sound() -> None:
    kinds = {op.kind for op in import_bytes(network()).ops}
    assert {"conv2d", "depthwise_conv2d", "fully_connected", "add", "max_pool2d", "average_pool2d", "mean"} < kinds
    assert {"concatenation", "lookup", "requantize", "reshape", "softmax"} < kinds
    assert schema.BuiltinOperator.CONV_2D == fields.BuiltinOperator.CONV_2D
