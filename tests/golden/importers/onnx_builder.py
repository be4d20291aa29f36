"""Builds ONNX files for tests, and quantizes them with ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

Float32 = npt.NDArray[np.float32]


class FileBuilder:
    """A file under construction: constants and nodes are named by what they return."""

    def __init__(self, seed: int = 0, opset: int = 17) -> None:
        self.rng = np.random.default_rng(seed)
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.channels: dict[str, int] = {}

    def input(self, shape: tuple[int | str, ...], name: str = "image", kind: int = TensorProto.FLOAT) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def constant(self, values: npt.ArrayLike, dtype: Any = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def random(self, *shape: int, scale: float = 1.0) -> str:
        return self.constant(self.rng.standard_normal(shape) * scale)

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        name = f"{kind.lower()}{len(self.nodes)}"
        makes = [f"{name}_out", *(f"{name}_out{i}" for i in range(1, outputs))]
        self.nodes.append(helper.make_node(kind, list(inputs), makes, name=name, **attributes))
        return makes[0]

    def conv(
        self, x: str, cin: int, cout: int, kernel: tuple[int, int] = (3, 3), group: int = 1, bias: bool = True, **attributes: Any
    ) -> str:
        fan = cin // group * kernel[0] * kernel[1]
        inputs = [x, self.random(cout, cin // group, *kernel, scale=fan**-0.5)]
        inputs += [self.random(cout, scale=0.1)] if bias else []
        return self.op("Conv", *inputs, group=group, kernel_shape=list(kernel), **attributes)

    def batch_norm(self, x: str, channels: int) -> str:
        variance = self.constant(self.rng.uniform(0.5, 2, channels))
        scale = self.constant(self.rng.uniform(0.5, 1.5, channels))
        return self.op("BatchNormalization", x, scale, self.random(channels, scale=0.2), self.random(channels, scale=0.2), variance)

    def linear(self, x: str, inputs: int, outputs: int) -> str:
        return self.op("Gemm", x, self.random(outputs, inputs, scale=inputs**-0.5), self.random(outputs, scale=0.1), transB=1)

    def quantizer(self, x: str, scale: float = 0.05, zero_point: int = 3, dtype: str = "int8") -> str:
        """QuantizeLinear and DequantizeLinear."""
        parameters = self.constant(scale), self.constant(zero_point, dtype)
        return self.op("DequantizeLinear", self.op("QuantizeLinear", x, *parameters), *parameters)

    def weights(self, *shape: int, axis: int | None = None, dtype: str = "int8", zero_point: int = 0) -> str:
        """Random quantized weights, one scale for all or one per element of an axis."""
        low, high = (0, 256) if dtype == "uint8" else (-127, 128)
        integers = self.constant(self.rng.integers(low, high, shape), dtype)
        count = () if axis is None else shape[axis]
        scale = self.constant(self.rng.uniform(0.002, 0.004, count))
        attributes = {} if axis is None else {"axis": axis}
        return self.op("DequantizeLinear", integers, scale, self.constant(np.full(count, zero_point), dtype), **attributes)

    def proto(self, *outputs: str) -> onnx.ModelProto:
        results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        graph = helper.make_graph(self.nodes, "network", self.inputs, results, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=9)

    def file(self, *outputs: str) -> bytes:
        return bytes(self.proto(*outputs).SerializeToString())


def session(data: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, name: str, images: Float32) -> None:
        self.rows = iter([{name: images[i : i + 1]} for i in range(len(images))])

    def get_next(self) -> dict[str, Float32] | None:
        return next(self.rows, None)


def quantized(data: bytes, folder: Path, images: Float32, *, per_channel: bool, unsigned: bool, **extra: Any) -> Path:
    """The QDQ file of a float one, calibrated on images in the file's layout."""
    source, target = folder / "float.onnx", folder / "qdq.onnx"
    source.write_bytes(data)
    name = onnx.load_model_from_string(data).graph.input[0].name
    quantize_static(
        source,
        target,
        _Reader(name, images),
        quant_format=QuantFormat.QDQ,
        per_channel=per_channel,
        activation_type=QuantType.QUInt8 if unsigned else QuantType.QInt8,
        weight_type=QuantType.QUInt8 if extra.pop("unsigned_weights", False) else QuantType.QInt8,
        extra_options=extra,
    )
    return target
