"""The tables of supported operators, from the tables that the importers and the compiler work with.

Which operators there are, and where they run, is read from the code; only the conditions of each are written here, and an
operator without its line here is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from golden.graph import OPS, Op

_INTRODUCTION = """\
# Supported operators

This file is generated: `weft operators > docs/operators.md`.

`weft check NET` says of every operator of one network whether it is supported and where it runs. What an importer does not
know is refused with a message that says what to do instead; nothing is approximated.
"""

#: What the accelerator demands of an operator, by its kind.
_HARDWARE = {
    "conv2d": "kernel, stride and dilation up to 255, any padding; weights with zero points take more cycles",
    "depthwise_conv2d": "the same; any channel multiplier; fastest with `depthwise_rows` of at least the kernel's columns",
    "fully_connected": "the input is a vector or the flattening of a map",
    "add": "equal shapes; takes one of the configuration's `add_tables`",
    "max_pool2d": "window and stride up to 255, any padding",
    "average_pool2d": "the same, where the rescale format divides exactly: `fixed32` always, `tflite` by usual sizes, `shift` by 2^n",
    "reshape": "flattening, and another division into rows; where channels move, a pass through the array",
    "requantize": "",
    "mean": "over rows, columns or both",
    "pad": "rows and columns, with real zero; with channels, a pass through the array",
    "concatenation": "equal scales; what cannot be written in place is copied; fastest where inputs begin at a multiple of the "
    "configuration's `rows`, slowest at no multiple of its `lanes`",
    "lookup": "takes one of the configuration's `add_tables`",
    "softmax": "only at the end of the network; elsewhere it is not supported",
}

_TFLITE = {
    "ADD": "two activations of one shape, or a constant, one or one per channel",
    "AVERAGE_POOL_2D": "SAME and VALID; fused activations",
    "CONCATENATION": "of at least one activation, along any axis of one image; int8: equal scales and zero points",
    "CONV_2D": "any kernel, stride and dilation, any groups; SAME and VALID",
    "DEPTHWISE_CONV_2D": "any kernel, stride, dilation and channel multiplier; SAME and VALID",
    "DEQUANTIZE": "int8: of outputs of the network; float: of stored weights",
    "EXPAND_DIMS": "no element moves",
    "FULLY_CONNECTED": "constant weights; int8: one scale, or one per output",
    "LOGISTIC": "anywhere",
    "MAX_POOL_2D": "SAME and VALID; fused activations",
    "MEAN": "over rows, columns or both; int8: over channels too",
    "MUL": "with a constant, one or one per channel",
    "PAD": "rows and columns, with zero; int8: channels too",
    "PADV2": "the same, with real zero as the value",
    "QUANTIZE": "of real inputs of the network, and from int8 to int8",
    "RELU": "fused or by itself",
    "RELU6": "fused or by itself",
    "RELU_N1_TO_1": "fused in both kinds of file; by itself in float files",
    "RESHAPE": "no element moves",
    "SOFTMAX": "over the last axis",
    "SQUEEZE": "no element moves",
    "SUB": "of a constant, one or one per channel",
    "TANH": "anywhere",
}

_ONNX = {
    "Abs": "",
    "Add": "two tensors of one shape, or a constant, one or one per channel",
    "AveragePool": "maps; `ceil_mode` only without `count_include_pad`",
    "BatchNormalization": "at inference",
    "Cast": "among real types",
    "Clip": "with constant bounds",
    "Concat": "maps, or vectors that are no flattened maps",
    "Constant": "",
    "Conv": "two-dimensional; any groups, stride, dilation, pads and `auto_pad`",
    "DequantizeLinear": "one scale; constants also one per channel; int8 and uint8, biases int32",
    "Div": "by a constant, one or one per channel; of two functions of one tensor",
    "Dropout": "at inference",
    "Elu": "",
    "Flatten": "",
    "Gelu": "exact, or approximated by tanh",
    "Gemm": "constant weights; `transA` = 0",
    "GlobalAveragePool": "",
    "GlobalMaxPool": "",
    "HardSigmoid": "",
    "HardSwish": "",
    "Identity": "",
    "LeakyRelu": "",
    "MatMul": "constant weights",
    "MaxPool": "maps, without indices",
    "Mish": "",
    "Mul": "with a constant, one or one per channel; two functions of one tensor, as in x * Sigmoid(x)",
    "PRelu": "one slope",
    "Pad": "rows and columns, with zero",
    "QuantizeLinear": "one scale; constants also one per channel; int8 and uint8",
    "ReduceMean": "over rows, columns or both",
    "Relu": "",
    "Reshape": "to a constant shape; no element moves",
    "Selu": "",
    "Shape": "",
    "Sigmoid": "",
    "Softmax": "over a vector, or the channels of a map",
    "Softplus": "",
    "Squeeze": "",
    "Sub": "of a constant, or from one; of two functions of one tensor",
    "Tanh": "",
    "Transpose": "where it changes the layout alone",
    "Unsqueeze": "",
}

_RESHAPES = "keeps the batch and the order of elements"
_NOTHING = "nothing at inference"
_CONV = "any groups, stride, dilation and padding, `same` and `valid`; not transposed"
_TORCH = {
    "conv1d": f"Conv1d: {_CONV}",
    "conv2d": f"Conv2d: {_CONV}",
    "convolution": "the same",
    "linear": "Linear on [N, F], or on the channels of a map where they come last",
    "addmm": "Linear, decomposed",
    "mm": "Linear without bias, decomposed",
    "matmul": "with constant weights",
    "batch_norm": "BatchNorm1d, BatchNorm2d at inference",
    "_native_batch_norm_legit_no_training": "the same",
    "relu": "ReLU",
    "relu6": "ReLU6",
    "hardtanh": "Hardtanh",
    "clamp": "to numbers",
    "clip": "to numbers",
    "clamp_min": "to a number",
    "clamp_max": "to a number",
    "add": "two tensors of one shape, or a constant, one or one per channel",
    "sub": "of a constant, one or one per channel; of two functions of one tensor",
    "rsub": "from a constant, one or one per channel; of two functions of one tensor",
    "neg": "",
    "mul": "with a constant, one or one per channel; two functions of one tensor, as in `x * torch.sigmoid(x)`",
    "div": "by a constant, one or one per channel; of two functions of one tensor",
    "gelu": "GELU, exact or approximated by tanh",
    "prelu": "PReLU with one slope",
    "pow": "to a whole power from 0 to 16",
    **dict.fromkeys(("sigmoid", "tanh", "silu", "hardswish", "hardsigmoid", "mish", "abs"), "a table"),
    **dict.fromkeys(("leaky_relu", "elu", "selu", "celu", "softplus"), "a table"),
    "cat": "maps along channels, rows or columns; vectors that are no flattened maps",
    "concat": "the same",
    "concatenate": "the same",
    "softmax": "over a vector, or the channels of a map",
    "_softmax": "the same",
    "pad": "rows and columns, with 0",
    "constant_pad_nd": "rows and columns, with 0",
    "max_pool1d": "MaxPool1d, without indices",
    "max_pool2d": "MaxPool2d, without indices",
    "max_pool1d_with_indices": "the same, the indices unused",
    "max_pool2d_with_indices": "the same, the indices unused",
    "adaptive_max_pool1d": "AdaptiveMaxPool1d to a size that divides the row's",
    "adaptive_max_pool2d": "AdaptiveMaxPool2d to a size that divides the map's",
    "avg_pool1d": "AvgPool1d; `ceil_mode` with padding only where `count_include_pad=False`",
    "avg_pool2d": "AvgPool2d; the same; no `divisor_override`",
    "adaptive_avg_pool1d": "AdaptiveAvgPool1d to a size that divides the row's",
    "adaptive_avg_pool2d": "AdaptiveAvgPool2d to a size that divides the map's",
    "_adaptive_avg_pool2d": "the same",
    "mean": "over height, width or both: `mean([2, 3])`",
    "permute": "where it changes the layout alone",
    "transpose": "where it changes the layout alone",
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze"), _RESHAPES),
    **dict.fromkeys(("clone", "contiguous", "alias", "detach", "lift_fresh_copy", "to", "_to_copy"), "no conversion to integers"),
    **dict.fromkeys(("dropout", "feature_dropout", "native_dropout"), _NOTHING),
    "quantize_per_tensor": "of PT2E: int8 and uint8 with one scale; weights also one per channel",
    "dequantize_per_tensor": "the same; biases int32",
}


@dataclass(frozen=True)
class OperatorTable:
    """One table: a short key for programs, a title and a text for people, the columns and their cells."""

    key: str
    title: str
    text: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """The table as a section of Markdown."""
        lines = [self.columns, tuple("---" for _ in self.columns), *self.rows]
        return "\n".join([f"## {self.title}", "", self.text, "", *(f"| {' | '.join(cells)} |" for cells in lines), ""])

    def records(self) -> list[dict[str, str]]:
        """The rows by the names of the columns, as `--json` gives them."""
        return [dict(zip(self.columns, cells, strict=True)) for cells in self.rows]


def markdown() -> str:
    """The whole document."""
    return "\n".join([_INTRODUCTION, *(table.markdown() for table in tables())])


def tables() -> tuple[OperatorTable, ...]:
    """Every table, from what the importers and the compiler know now.

    Raises KeyError for an operator that nothing is written about, and for a line about one that is gone.
    """
    from golden.importers import onnx_operators, tflite, tflite_float, torch_operators

    kinds = [op.kind for op in OPS]
    both = sorted(tflite.OPERATORS.keys() | tflite_float.OPERATORS.keys())
    for known, written in ((kinds, _HARDWARE), (both, _TFLITE), (onnx_operators.OPERATORS, _ONNX), (torch_operators.OPERATORS, _TORCH)):
        if different := sorted(written.keys() ^ set(known)):
            raise KeyError(f"the operators and what is written about them differ: {', '.join(different)}")
    return (
        OperatorTable(
            "integer",
            "Integer operators",
            "What every importer and quantization make, what a network file holds, and where each operator runs. Sums must fit\n"
            "the accumulators (`acc_bits`). [golden/SPEC.md](../golden/SPEC.md) defines each operator by its equations.",
            ("operator", "where", "on the accelerator"),
            tuple((f"`{op.kind}`", _place(op), _HARDWARE[op.kind]) for op in OPS),
        ),
        OperatorTable(
            "tflite",
            "TensorFlow Lite",
            "Int8 files are taken as they are; float files are quantized by Weft. `int8` and `float` say which kind of file may\n"
            "contain the operator.",
            ("operator", "int8", "float", "conditions"),
            tuple((f"`{kind}`", _yes(kind, tflite.OPERATORS), _yes(kind, tflite_float.OPERATORS), _TFLITE[kind]) for kind in both),
        ),
        OperatorTable(
            "onnx",
            "ONNX",
            "Files with QuantizeLinear and DequantizeLinear around the activations (QDQ) are taken as they are; float files are\n"
            "quantized by Weft. Integer operators such as QLinearConv are not read.",
            ("operator", "conditions"),
            tuple((f"`{kind}`", _ONNX[kind]) for kind in sorted(onnx_operators.OPERATORS)),
        ),
        OperatorTable(
            "pytorch",
            "PyTorch",
            "Operators as `torch.export` writes them. Modules and functional forms (`F.relu`, `torch.flatten`, `x + y`) become the\n"
            "same operators. Programs that torchao's `convert_pt2e` made are taken as they are; others are quantized by Weft.",
            ("operator", "conditions"),
            tuple((f"`{name}`", _TORCH[name]) for name in torch_operators.OPERATORS),
        ),
    )


def _place(op: type[Op]) -> str:
    """Where an integer operator runs: on the accelerator, on the host, or in the golden model only."""
    from hwgen.compiler.host_part import HOST
    from hwgen.compiler.support import PLACES

    return "host" if op in HOST else PLACES.get(op, "golden model only")


def _yes(kind: str, known: Mapping[str, object]) -> str:
    return "yes" if kind in known else ""
