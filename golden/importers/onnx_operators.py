"""Which ONNX operators are imported, by what, and what to do about the others."""

from __future__ import annotations

from collections.abc import Callable

from golden import scalar_function
from golden.importers import onnx_elementwise, onnx_shapes, onnx_windows
from golden.importers.onnx_call import Call
from golden.importers.values import Constant, Value

#: What imports each kind of operator.
OPERATORS: dict[str, Callable[[Call], Value | Constant]] = {
    "Abs": onnx_elementwise.function(scalar_function.ABSOLUTE),
    "Add": onnx_elementwise.add,
    "AveragePool": onnx_windows.average_pool,
    "BatchNormalization": onnx_elementwise.batch_normalization,
    "Cast": onnx_elementwise.cast,
    "Clip": onnx_elementwise.clip,
    "Concat": onnx_elementwise.concatenate,
    "Constant": onnx_shapes.constant,
    "Conv": onnx_windows.conv,
    "DequantizeLinear": onnx_elementwise.dequantize_linear,
    "Div": onnx_elementwise.divide,
    "Dropout": onnx_elementwise.identity,
    "Elu": onnx_elementwise.elu,
    "Flatten": onnx_shapes.flatten,
    "Gelu": onnx_elementwise.gelu,
    "Gemm": onnx_windows.gemm,
    "GlobalAveragePool": onnx_windows.global_average_pool,
    "GlobalMaxPool": onnx_windows.global_max_pool,
    "HardSigmoid": onnx_elementwise.hard_sigmoid,
    "HardSwish": onnx_elementwise.function(scalar_function.HARD_SWISH),
    "Identity": onnx_elementwise.identity,
    "LeakyRelu": onnx_elementwise.leaky_relu,
    "MatMul": onnx_windows.mat_mul,
    "MaxPool": onnx_windows.max_pool,
    "Mish": onnx_elementwise.function(scalar_function.MISH),
    "Mul": onnx_elementwise.multiply,
    "PRelu": onnx_elementwise.prelu,
    "Pad": onnx_windows.pad,
    "QuantizeLinear": onnx_elementwise.quantize_linear,
    "ReduceMean": onnx_windows.reduce_mean,
    "Relu": onnx_elementwise.relu,
    "Reshape": onnx_shapes.reshape,
    "Selu": onnx_elementwise.selu,
    "Shape": onnx_shapes.shape_of,
    "Sigmoid": onnx_elementwise.function(scalar_function.LOGISTIC),
    "Softmax": onnx_elementwise.softmax,
    "Softplus": onnx_elementwise.function(scalar_function.softplus(1.0, 1e9)),
    "Squeeze": onnx_shapes.squeeze,
    "Sub": onnx_elementwise.subtract,
    "Tanh": onnx_elementwise.function(scalar_function.TANH),
    "Transpose": onnx_shapes.transpose,
    "Unsqueeze": onnx_shapes.unsqueeze,
}

_FORMAT = (
    "quantize in the QDQ format, which keeps the operators and puts quantizers around them: "
    "onnxruntime.quantization.quantize_static(..., quant_format=QuantFormat.QDQ)"
)
_UPSAMPLING = "upsampling is not supported"
_NORMALIZATION = "use BatchNormalization, which folds into the weights"
_RECURRENT = "recurrent layers are not supported"
_ADVICE = {
    "ArgMax": "leave it out and take the largest output on the host",
    "LogSoftmax": "leave it out: it does not change which class wins",
    "ConvInteger": _FORMAT,
    "MatMulInteger": _FORMAT,
    "DynamicQuantizeLinear": "quantize statically, with calibration data: scales must be known when the hardware is made",
    "ConvTranspose": _UPSAMPLING,
    "Resize": _UPSAMPLING,
    "Upsample": _UPSAMPLING,
    "GroupNormalization": _NORMALIZATION,
    "InstanceNormalization": _NORMALIZATION,
    "LayerNormalization": _NORMALIZATION,
    "GRU": _RECURRENT,
    "LSTM": _RECURRENT,
    "RNN": _RECURRENT,
    "Scan": _RECURRENT,
    "If": "export the network without branches and loops: they need values that are only known at run time",
    "Loop": "export the network without branches and loops: they need values that are only known at run time",
    "Gather": "taking parts of a tensor is not supported; only shapes are computed with it",
    "Slice": "taking parts of a tensor is not supported; only shapes are computed with it",
    "Split": "taking parts of a tensor is not supported; make two layers of it",
}


def advice(kind: str) -> str:
    """What to do instead of an operator."""
    if kind.startswith("QLinear") or kind in ("QGemm", "QAttention", "MatMulIntegerToFloat"):
        return _FORMAT
    if "." in kind:
        return "it is not a standard ONNX operator; export the network with standard operators alone"
    return _ADVICE.get(kind, "build the network from " + ", ".join(OPERATORS))
