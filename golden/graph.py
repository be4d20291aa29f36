"""The integer graph: what the interpreter runs, the file stores and the compiler takes (SPEC section 5).

A graph is a list of operators in execution order over named int8 tensors.  Everything is frozen;
a pass makes a new graph.  Shapes have no batch dimension: (H, W, C) for maps, (N,) for vectors.
Flattening is in (H, W, C) order; importers of NCHW networks permute weights, never data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from golden.affine import Affine
from golden.errors import InputError
from golden.rescale import Rescale, RescaleFormat

Int8 = npt.NDArray[np.int8]
Int32 = npt.NDArray[np.int32]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Tensor:
    """An int8 activation tensor: its name, its shape without the batch, what its integers stand for.

    bits: 2 to 8; its integers are -2^(bits-1) to 2^(bits-1) - 1, each stored as int8.
    """

    name: str
    shape: tuple[int, ...]
    affine: Affine
    bits: int = 8

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True)
class Padding:
    """Rows and columns of real zero around a map; the sides may differ."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0


@dataclass(frozen=True)
class Window:
    """How a kernel moves over a map: kernel, stride and dilation as (y, x), and the padding."""

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: Padding = Padding()
    dilation: tuple[int, int] = (1, 1)

    def extent(self) -> tuple[int, int]:
        """Rows and columns that one application covers: (k - 1) * dilation + 1."""
        return (self.kernel[0] - 1) * self.dilation[0] + 1, (self.kernel[1] - 1) * self.dilation[1] + 1

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Output rows and columns for a map of height x width; less than 1 where the window does not fit."""
        ky, kx = self.extent()
        rows = (height + self.padding.top + self.padding.bottom - ky) // self.stride[0] + 1
        cols = (width + self.padding.left + self.padding.right - kx) // self.stride[1] + 1
        return rows, cols


@dataclass(frozen=True, eq=False)
class Op:
    """What all operators share: a unique name, input tensors, one output tensor, and the output's clamp (act_min <= q <= act_max)."""

    kind: ClassVar[str]
    name: str
    inputs: tuple[str, ...]
    output: str
    act_min: int = field(default=-128, kw_only=True)
    act_max: int = field(default=127, kw_only=True)


def _constant(op: Op, name: str, dtype: type[np.generic]) -> npt.NDArray[np.generic]:
    """An operator's array as a constant of a type.  Raises InputError for integers that do not fit it."""
    given = np.asarray(getattr(op, name))
    array = np.array(given, dtype=dtype, order="C")  # a copy: freezing must not reach the caller's array
    if array.dtype.kind == "i" and not np.array_equal(array, given):
        raise InputError(f"{op.kind} {op.name!r}: {name} has values that are not {np.dtype(dtype)}")
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class WeightedOp(Op):
    """An operator with constant weights, one bias and one rescale factor per output channel.

    weight_zero_point: int32[Cout], zero for symmetric weights.
    weight_scale:      float64[Cout], information (the integers alone define the result).
    weight_bits:       2 to 8; the weights are -2^(bits-1) to 2^(bits-1) - 1; the file stores them in so many bits.
    bias:              int32[Cout], in steps of S_w * S_x.
    rescale:           M = S_w * S_x / S_y per channel.
    """

    weight: Int8 = field(kw_only=True)
    weight_zero_point: Int32 = field(kw_only=True)
    weight_scale: Float64 = field(kw_only=True)
    bias: Int32 = field(kw_only=True)
    rescale: Rescale = field(kw_only=True)
    weight_bits: int = field(default=8, kw_only=True)

    def __post_init__(self) -> None:
        for name, dtype in (("weight", np.int8), ("weight_zero_point", np.int32), ("weight_scale", np.float64), ("bias", np.int32)):
            object.__setattr__(self, name, _constant(self, name, dtype))


@dataclass(frozen=True, eq=False)
class Conv2d(WeightedOp):
    """Convolution (SPEC eq. 18).  weight: int8[Cout, kh, kw, Cin]."""

    kind = "conv2d"
    window: Window = field(kw_only=True)


@dataclass(frozen=True, eq=False)
class DepthwiseConv2d(WeightedOp):
    """Depthwise convolution (SPEC eq. 19).  weight: int8[kh, kw, Cout]; output channel c reads input channel c // (Cout / Cin)."""

    kind = "depthwise_conv2d"
    window: Window = field(kw_only=True)


@dataclass(frozen=True, eq=False)
class FullyConnected(WeightedOp):
    """Matrix times vector (SPEC eq. 20).  weight: int8[Cout, Cin]; the input is a vector (N,)."""

    kind = "fully_connected"


@dataclass(frozen=True, eq=False)
class Add(Op):
    """Residual add of two tensors of one shape (SPEC eq. 21): rescales both inputs to a common step, adds, rescales the sum."""

    kind = "add"
    left_shift: int = field(kw_only=True)
    rescale_a: Rescale = field(kw_only=True)
    rescale_b: Rescale = field(kw_only=True)
    rescale_out: Rescale = field(kw_only=True)


@dataclass(frozen=True, eq=False)
class MaxPool2d(Op):
    """Largest valid value of each window, per channel (SPEC eq. 22).  Input and output share their affine parameters."""

    kind = "max_pool2d"
    window: Window = field(kw_only=True)


@dataclass(frozen=True, eq=False)
class AveragePool2d(Op):
    """Rounded mean of the valid values of each window, per channel (SPEC eq. 23); global pooling has the input's size as its window."""

    kind = "average_pool2d"
    window: Window = field(kw_only=True)


@dataclass(frozen=True, eq=False)
class Reshape(Op):
    """The same integers in another shape, in (H, W, C) order; flatten is a reshape to (H * W * C,)."""

    kind = "reshape"


@dataclass(frozen=True, eq=False)
class Requantize(Op):
    """The same real values in other integer steps (SPEC eq. 28).  rescale: M = S_x / S_y, one factor."""

    kind = "requantize"
    rescale: Rescale = field(kw_only=True)


@dataclass(frozen=True, eq=False)
class Mean(Op):
    """Rescaled mean over rows, columns or both, per channel (SPEC eq. 29); the axes that it reduces stay, with size 1.

    axes:    (0,), (1,) or (0, 1) of a map (H, W, C).
    rescale: M = S_x / (S_y * n) for n elements, one factor.
    """

    kind = "mean"
    axes: tuple[int, ...] = field(kw_only=True)
    rescale: Rescale = field(kw_only=True)


@dataclass(frozen=True, eq=False)
class Pad(Op):
    """Real zero around a map (SPEC eq. 30).  channels: how many channels of it to add before and after.  Same affine parameters."""

    kind = "pad"
    padding: Padding = field(default=Padding(), kw_only=True)
    channels: tuple[int, int] = field(default=(0, 0), kw_only=True)


@dataclass(frozen=True, eq=False)
class Concatenation(Op):
    """Two tensors or more, one after the other along an axis (SPEC eq. 31); all, and the output, share their affine parameters."""

    kind = "concatenation"
    axis: int = field(kw_only=True)


@dataclass(frozen=True, eq=False)
class Lookup(Op):
    """Any function of a single int8 value, element by element (SPEC eq. 32).  table: int8[256], for -128 first."""

    kind = "lookup"
    table: Int8 = field(kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", _constant(self, "table", np.int8))


@dataclass(frozen=True, eq=False)
class Softmax(Op):
    """TensorFlow Lite's fixed-point softmax over the last axis (SPEC eq. 37).  The output has S = 1/256, Z = -128.

    multiplier, left_shift: the input's scale times beta in Q5.26: M = multiplier * 2^(left_shift - 31) (SPEC eq. 36).
    """

    kind = "softmax"
    multiplier: int = field(kw_only=True)
    left_shift: int = field(kw_only=True)


OPS: tuple[type[Op], ...] = (
    Conv2d,
    DepthwiseConv2d,
    FullyConnected,
    Add,
    MaxPool2d,
    AveragePool2d,
    Reshape,
    Requantize,
    Mean,
    Pad,
    Concatenation,
    Lookup,
    Softmax,
)


@dataclass(frozen=True, eq=False)
class Graph:
    """A quantized network.

    name:    for people.
    format:  the rescale format of every operator in it.
    tensors: every activation tensor, by name.
    inputs:  names of the input tensors (int8, as the user hands them over).
    outputs: names of the output tensors.
    ops:     operators in execution order.
    """

    name: str
    format: RescaleFormat
    tensors: dict[str, Tensor]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    ops: tuple[Op, ...]

    def op_inputs(self, op: Op) -> tuple[Tensor, ...]:
        """The input tensors of an operator."""
        return tuple(self.tensors[name] for name in op.inputs)

    def op_output(self, op: Op) -> Tensor:
        """The output tensor of an operator."""
        return self.tensors[op.output]

    def consumers(self, tensor: str) -> Iterator[Op]:
        """Operators that read a tensor, in execution order."""
        return (op for op in self.ops if tensor in op.inputs)


def op_macs(graph: Graph, op: Op) -> int:
    """Multiply-accumulate operations of one inference of an operator; padding taps count, as is usual."""
    out = graph.op_output(op)
    if isinstance(op, Conv2d):
        return out.size * int(np.prod(op.weight.shape[1:], dtype=np.int64))
    if isinstance(op, DepthwiseConv2d):
        return out.size * int(np.prod(op.weight.shape[:2], dtype=np.int64))
    if isinstance(op, FullyConnected):
        return int(op.weight.size)
    return 0


def op_arrays(op: Op) -> dict[str, npt.NDArray[np.generic]]:
    """The operator's array-valued fields by name (what the network file stores as tensors)."""
    return {f.name: getattr(op, f.name) for f in fields(op) if isinstance(getattr(op, f.name), np.ndarray)}
