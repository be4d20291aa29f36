"""Builds the integer graph of a network that was quantized by quantizers and dequantizers around its operators (SPEC section 9).

ONNX QDQ files and PyTorch's PT2E are of that kind.  They compute in real values between a dequantizer and a quantizer.
What is computed there is kept as `Pending` until a quantizer says in which integer steps it is to be made; the rescaling
into those steps is the graph's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from golden.affine import Affine
from golden.checker import SOFTMAX_OUTPUT
from golden.float_graph import BatchStatistics
from golden.formats import INT8, Quantizer, clamp_steps
from golden.function_table import table
from golden.graph import (
    Add,
    AveragePool2d,
    Concatenation,
    Graph,
    Lookup,
    MaxPool2d,
    Mean,
    Op,
    Pad,
    Padding,
    Requantize,
    Reshape,
    Softmax,
    Tensor,
    Window,
)
from golden.importers.backend import Backend
from golden.importers.integer_cleanup import clean
from golden.importers.integer_weighted import Weighted, averaging, scaling, weighted_conv, weighted_linear
from golden.importers.partial import Refusal, RefusedNetworkError, integer_rest
from golden.importers.values import Constant, Float64, UnsupportedError
from golden.rescale import TFLITE, Rescale, RescaleFormat, RescaleKind
from golden.scalar_function import ScalarFunction

#: Bits by which an add shifts its inputs left (SPEC eq. 21).
_ADD_LEFT_SHIFT = 20
#: The most bits of the second shift that the multiplier takes over.
_SHIFT_IN_MULTIPLIER = 12
#: How far from a power of two a factor may be in the shift-only format.
_SHIFT_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class Pending:
    """A real tensor that no quantizer has read yet.

    name:     wanted, for its tensor and operator.
    what:     it is, for messages.
    make:     adds operators that make it with given parameters and a clamp to [low, high], under a name; returns the tensor.
    lossless: the parameters with which it can be made without being rounded, where there are such.
    weighted: what it is the output of, where that has weights, which can still take over a scale and an offset.
    """

    name: str
    what: str
    shape: tuple[int, ...]
    make: Callable[[str, Affine, float, float], str]
    low: float = -math.inf
    high: float = math.inf
    lossless: Affine | None = None
    weighted: Weighted | None = None


def single_rounding(factors: Float64 | float) -> Rescale:
    """Factors for the TensorFlow Lite arithmetic that round once, with the shift in the multiplier (e = 0), where that leaves it 19 bits.

    ONNX rounds once.  A product that is rounded to an integer, and that is shifted by few bits and rounded again (SPEC eq. 13),
    would differ from that in up to a quarter of all values; with a shift by many bits it hardly ever does.
    """
    wide = np.atleast_1d(np.asarray(factors, np.float64))
    normal = Rescale.from_real(TFLITE, wide)
    once = (normal.shift < 0) & (normal.shift >= -_SHIFT_IN_MULTIPLIER)
    multiplier = np.floor(np.ldexp(np.where(once, wide, 0.0), 31) + 0.5).astype(np.int64)
    return Rescale(TFLITE, np.where(once, multiplier, normal.multiplier), np.where(once, 0, normal.shift))


class IntegerBackend(Backend):
    """The integer graph under construction."""

    def __init__(self, name: str, size: int, format: RescaleFormat) -> None:
        super().__init__(name, size)
        self.format = format
        self.tensors: dict[str, Tensor] = {}
        self.ops: list[Op] = []
        self.pending: dict[str, Pending] = {}
        self.inputs: dict[str, str] = {}  # for each network input that is pending, the tensor that it has become
        self.made: dict[tuple[str, Affine], str] = {}
        self.softmaxes: dict[str, str] = {}  # for a softmax in other steps than its own, that in its own

    def graph(self, outputs: tuple[str, ...]) -> Graph:
        """The graph, without what no output depends on.  Raises InputError for an input that is never quantized."""
        ops, renamed = clean(self.ops, outputs, self.tensors)
        outputs = tuple(renamed.get(name, name) for name in outputs)
        inputs = tuple(name for name in self.inputs.values() if name)
        names = {*inputs, *outputs, *(name for op in ops for name in (*op.inputs, op.output))}
        tensors = {name: tensor for name, tensor in self.tensors.items() if name in names}
        return Graph(self.name, self.format, tensors, inputs, outputs, tuple(ops))

    # --- tensors ------------------------------------------------------------------------------------

    def declare(self, wanted: str, shape: tuple[int, ...], meaning: Affine) -> str:
        """A new integer tensor."""
        name = self.unique(wanted)
        self.tensors[name] = Tensor(name, shape, meaning)
        return name

    def put(self, op: Op) -> str:
        """Adds an operator; returns the tensor that it makes."""
        self.ops.append(op)
        return op.output

    def rescale(self, factors: Float64 | float) -> Rescale:
        """Factors in the network's format.  Raises UnsupportedError where the shift-only format does not have them."""
        if self.format.kind is RescaleKind.SHIFT:
            fractions, _ = np.frexp(np.asarray(factors, np.float64))
            if (np.abs(np.log2(fractions) + 0.5) < 0.5 - _SHIFT_TOLERANCE).any():
                raise UnsupportedError(
                    "it rescales by factors that are no powers of two, which the format 'shift' does not have; "
                    "quantize with scales that are powers of two, or import with the format tflite or fixed16"
                )
        if self.format.kind is RescaleKind.TFLITE:
            return single_rounding(factors)
        return Rescale.from_real(self.format, factors)

    def exact(self, x: str) -> str:
        """The integer tensor of a real one.  Raises UnsupportedError where it still has to be quantized."""
        if x in self.tensors:
            return x
        found = self.pending[x]
        if found.lossless is None:
            raise UnsupportedError(f"it reads {found.what} in real values; put a quantizer and a dequantizer between them")
        return self._finish(x, found.lossless)

    def output(self, x: str) -> str:
        """The integer tensor of a network output in real values: a softmax keeps its own steps, which saves a rounding."""
        if not self.is_readable(x):
            raise UnsupportedError(f"is {self.pending[x].what} in real values; put a quantizer and a dequantizer after it")
        exact = self.exact(x)
        return self.softmaxes.get(exact, exact)

    def _finish(self, x: str, meaning: Affine) -> str:
        """Makes a pending tensor with given parameters, once."""
        key = (x, meaning)
        if key not in self.made:
            found = self.pending[x]
            self.made[key] = found.make(found.name, meaning, found.low, found.high)
        return self.made[key]

    def _later(self, pending: Pending) -> str:
        key = f"\0{len(self.pending)}"
        self.pending[key] = pending
        return key

    def shape(self, tensor: str) -> tuple[int, ...]:
        return self.tensors[tensor].shape if tensor in self.tensors else self.pending[tensor].shape

    def affine(self, tensor: str) -> Affine:
        """What the integers of a tensor stand for."""
        return self.tensors[tensor].affine

    def input(self, name: str, shape: tuple[int, ...]) -> str:
        def make(wanted: str, meaning: Affine, low: float, high: float) -> str:
            tensor = self.inputs[key]
            if tensor and self.affine(tensor) != meaning:
                raise UnsupportedError("it quantizes a network input that is quantized in another way already; give each its own input")
            self.inputs[key] = tensor or self.declare(wanted, shape, meaning)
            return self.into(f"{wanted}.clamp", self.inputs[key], meaning, low, high)

        key = self._later(Pending(name, "a network input", shape, make))
        self.inputs[key] = ""
        return key

    def is_readable(self, x: str) -> bool:
        return x in self.tensors or self.pending[x].lossless is not None

    def stand_in(self, name: str, shape: tuple[int, ...]) -> str:
        def make(wanted: str, meaning: Affine, low: float, high: float) -> str:
            return self.declare(wanted, shape, meaning)

        return self._later(Pending(name, f"the result of {name[:60]!r}", shape, make))

    def refused(self, outputs: tuple[str, ...], refusals: Sequence[Refusal]) -> RefusedNetworkError:
        return integer_rest(self.name, self.format, self.tensors, self.ops, outputs, refusals)

    # --- the quantizers -----------------------------------------------------------------------------

    def quantize(self, name: str, x: str, meaning: Affine) -> str:
        return self._finish(x, meaning) if x in self.pending else self.into(name, x, meaning)

    def dequantize(self, name: str, x: str, meaning: Affine) -> str:
        if x in self.pending and (x in self.inputs or self.pending[x].lossless == meaning):
            return self._finish(x, meaning)
        exact = self.exact(x)
        if self.affine(exact) != meaning:
            raise UnsupportedError(
                f"it dequantizes by {meaning}, but its input is quantized by {self.affine(exact)}; the two must be equal"
            )
        return exact

    def into(self, name: str, x: str, meaning: Affine, low: float = -math.inf, high: float = math.inf) -> str:
        """A tensor in other steps and clamped: itself where that changes nothing."""
        source = self.tensors[x]
        act_min, act_max = clamp_steps(low, high, meaning)
        if source.affine == meaning and (act_min, act_max) == (-128, 127):
            return x
        factor = self.rescale(source.affine.scale / meaning.scale)
        y = self.declare(name, source.shape, meaning)
        return self.put(Requantize(y, (x,), y, act_min=act_min, act_max=act_max, rescale=factor))

    def clamp_integers(self, name: str, x: str, low: int, high: int) -> str:
        source = self.tensors[self.exact(x)]
        y = self.declare(name, source.shape, source.affine)
        return self.put(Requantize(y, (source.name,), y, act_min=low, act_max=high, rescale=Rescale.from_real(self.format, 1.0)))

    # --- operators ----------------------------------------------------------------------------------

    def reshape(self, name: str, x: str, shape: tuple[int, ...]) -> str:
        source = self.exact(x)
        y = self.declare(name, shape, self.affine(source))
        return self.put(Reshape(y, (source,), y))

    def conv(self, name: str, x: str, weight: Constant, bias: Constant | None, window: Window, groups: int) -> str:
        return self._weighted(name, weighted_conv(self, self.exact(x), weight, bias, window, groups))

    def linear(self, name: str, x: str, weight: Constant, bias: Constant | None) -> str:
        return self._weighted(name, weighted_linear(self, self.exact(x), weight, bias))

    def _weighted(self, name: str, what: Weighted) -> str:
        def make(wanted: str, meaning: Affine, low: float, high: float) -> str:
            return what.build(self, wanted, meaning, low, high)

        return self._later(Pending(name, f"the result of {name[:60]!r}", what.shape, make, weighted=what))

    def scale_offset(self, name: str, x: str, scale: Float64, offset: Float64, statistics: BatchStatistics | None = None) -> str:
        before = self.pending.get(x)
        if before and before.weighted and math.isinf(before.low) and math.isinf(before.high) and (scale > 0).all():
            return self._weighted(name, before.weighted.scaled(scale, offset))
        return self._weighted(name, scaling(self, self.exact(x), scale, offset))

    def add(self, name: str, a: str, b: str) -> str:
        left, right = (self.tensors[self.exact(x)] for x in (a, b))

        def make(wanted: str, meaning: Affine, low: float, high: float) -> str:
            common = 2 * max(left.affine.scale, right.affine.scale)
            act_min, act_max = clamp_steps(low, high, meaning)
            factors = [left.affine.scale / common, right.affine.scale / common, common / (2.0**_ADD_LEFT_SHIFT * meaning.scale)]
            first, second, last = (self.rescale(factor) for factor in factors)
            y = self.declare(wanted, left.shape, meaning)
            constants = {"left_shift": _ADD_LEFT_SHIFT, "act_min": act_min, "act_max": act_max}
            names = (left.name, right.name)
            return self.put(Add(y, names, y, rescale_a=first, rescale_b=second, rescale_out=last, **constants))

        return self._later(Pending(name, f"the sum {name[:60]!r}", left.shape, make))

    def clamp(self, name: str, x: str, low: float, high: float) -> str:
        if before := self.pending.get(x):
            ends = [min(max(end, low), high) for end in (before.low, before.high)]
            return self._later(replace(before, low=ends[0], high=ends[1], weighted=None))

        def make(wanted: str, meaning: Affine, low: float, high: float) -> str:
            return self.into(wanted, x, meaning, low, high)

        return self._later(Pending(name, f"the result of {name[:60]!r}", self.shape(x), make, low, high, self.affine(x)))

    def _same_steps(self, name: str, x: str, shape: tuple[int, ...], build: Callable[[str, int, int], Op], clamps: bool) -> str:
        """An operator that keeps its input's parameters, and a requantization after it where other ones are wanted."""
        source = self.affine(x)

        def make(wanted: str, meaning: Affine, low: float, high: float) -> str:
            fused = clamps and meaning == source
            y = self.declare(wanted, shape, source)
            act_min, act_max = clamp_steps(low, high, source) if fused else (-128, 127)
            self.put(build(y, act_min, act_max))
            return y if fused else self.into(f"{wanted}.rescaled", y, meaning, low, high)

        return self._later(Pending(name, f"the result of {name[:60]!r}", shape, make, lossless=source))

    def max_pool(self, name: str, x: str, window: Window) -> str:
        source = self.exact(x)
        rows, columns, channels = self.shape(source)

        def build(y: str, act_min: int, act_max: int) -> Op:
            return MaxPool2d(y, (source,), y, act_min=act_min, act_max=act_max, window=window)

        return self._same_steps(name, source, (*window.output_size(rows, columns), channels), build, clamps=True)

    def average_pool(self, name: str, x: str, window: Window) -> str:
        source = self.tensors[self.exact(x)]
        rows, columns, channels = source.shape
        shape = (*window.output_size(rows, columns), channels)

        def make(wanted: str, meaning: Affine, low: float, high: float) -> str:
            act_min, act_max = clamp_steps(low, high, meaning)
            if meaning != source.affine and window.padding == Padding():
                if window.kernel != (rows, columns):
                    return averaging(self, source.name, window).build(self, wanted, meaning, low, high)
                factor = self.rescale(source.affine.scale / (meaning.scale * rows * columns))
                y = self.declare(wanted, shape, meaning)
                return self.put(Mean(y, (source.name,), y, act_min=act_min, act_max=act_max, axes=(0, 1), rescale=factor))
            fused = meaning == source.affine
            y = self.declare(wanted, shape, source.affine)
            act_min, act_max = (act_min, act_max) if fused else (-128, 127)
            self.put(AveragePool2d(y, (source.name,), y, act_min=act_min, act_max=act_max, window=window))
            return y if fused else self.into(f"{wanted}.rescaled", y, meaning, low, high)

        return self._later(Pending(name, f"the mean {name[:60]!r}", shape, make))

    def pad(self, name: str, x: str, padding: Padding) -> str:
        source = self.exact(x)
        rows, columns, channels = self.shape(source)
        shape = (rows + padding.top + padding.bottom, columns + padding.left + padding.right, channels)
        return self._same_steps(name, source, shape, lambda y, low, high: Pad(y, (source,), y, padding=padding), clamps=False)

    def concatenate(self, name: str, parts: tuple[str, ...], axis: int) -> str:
        sources = [self.exact(part) for part in parts]
        affines = {self.affine(source) for source in sources}
        shape = list(self.shape(sources[0]))
        shape[axis] = sum(self.shape(source)[axis] for source in sources)

        def make(wanted: str, meaning: Affine, low: float, high: float) -> str:
            inputs = tuple(self.into(f"{wanted}.input", source, meaning, low, high) for source in sources)
            y = self.declare(wanted, tuple(shape), meaning)
            return self.put(Concatenation(y, inputs, y, axis=axis))

        lossless = affines.pop() if len(affines) == 1 else None
        return self._later(Pending(name, f"the concatenation {name[:60]!r}", tuple(shape), make, lossless=lossless))

    def softmax(self, name: str, x: str) -> str:
        source = self.tensors[self.exact(x)]

        def make(wanted: str, meaning: Affine, low: float, high: float) -> str:
            factor = Rescale.from_real(TFLITE, min(max(source.affine.scale * 2.0**26, 1.0), 2.0**31 - 1.0))
            y = self.declare(wanted, source.shape, SOFTMAX_OUTPUT)
            self.put(Softmax(y, (source.name,), y, multiplier=int(factor.multiplier[0]), left_shift=int(factor.shift[0])))
            rescaled = self.into(f"{wanted}.rescaled", y, meaning, low, high)
            if math.isinf(low) and math.isinf(high):
                self.softmaxes[rescaled] = y
            return rescaled

        return self._later(Pending(name, f"the softmax {name[:60]!r}", source.shape, make, lossless=SOFTMAX_OUTPUT))

    def function(self, name: str, x: str, function: ScalarFunction) -> str:
        source = self.tensors[self.exact(x)]

        def make(wanted: str, meaning: Affine, low: float, high: float) -> str:
            values = table(function, source.affine, Quantizer(INT8, meaning.scale, meaning.zero_point), low, high)
            y = self.declare(wanted, source.shape, meaning)
            return self.put(Lookup(y, (source.name,), y, table=values))

        return self._later(Pending(name, f"the result of {name[:60]!r}", source.shape, make))
