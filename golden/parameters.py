"""Quantization parameters: the scale and zero point of every tensor and of every layer's weights, chosen for a float graph.

They are what calibration, rounding and training agree on: `golden.quantize` makes an integer graph of them,
`golden.fake_quantize` a float network that computes in the same steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from golden.affine import Affine
from golden.checker import SOFTMAX_OUTPUT
from golden.errors import InputError
from golden.float_graph import (
    FloatAdd,
    FloatConcatenation,
    FloatGraph,
    FloatOp,
    FloatSoftmax,
    FloatWeightedOp,
)
from golden.formats import INT8, INT32, IntegerFormat, Quantizer, dequantize_array, power_of_two_up, quantize_array
from golden.recipe import Recipe
from golden.rescale import INT32_MAX, RescaleFormat, RescaleKind
from golden.schemes import Granularity, WeightRange, WeightScheme
from golden.tied_scales import KEEPS_INTEGERS, bases, next_scale
from golden.weight_ranges import scales as range_scales
from golden.weight_ranges import weight_ranges, zero_points
from golden.weight_rows import from_rows, weight_rows

if TYPE_CHECKING:
    from golden.calibration.ranges import Range  # calibration chooses parameters as it goes, so it imports this module

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

#: The least rescale factor: a weight of one step then moves the output by 2^-17 at most, and every format has a shift for it.
LEAST_FACTOR = 2.0**-24
#: The greatest: an output step is never finer than two accumulator steps, so that no format shifts an accumulator left.
GREATEST_FACTOR = 0.5
#: Bits by which an add shifts its inputs left before it rescales them, as in TensorFlow Lite.
ADD_LEFT_SHIFT = 20


@dataclass(frozen=True, eq=False)
class WeightQuantizer:
    """The parameters of one layer's weights.

    format:     their integers.
    scale:      float64[Cout], one for each output channel.
    zero_point: int64[Cout].
    """

    format: IntegerFormat
    scale: Float64
    zero_point: Int64

    def quantize(self, rows: Float64) -> Int64:
        """Weights [Cout, K] to the nearest integers, int64[Cout, K] (SPEC eq. 2)."""
        return quantize_array(rows, self.scale[:, None], self.zero_point[:, None], self.format)

    def dequantize(self, integers: Int64) -> Float64:
        """SPEC eq. 1, float64[Cout, K]."""
        return dequantize_array(integers, self.scale[:, None], self.zero_point[:, None])


@dataclass(frozen=True, eq=False)
class Parameters:
    """Everything that quantizing a prepared float graph needs to know.

    format:   the rescale format that the weight scales are made for.
    tensors:  the quantizer of every activation tensor, by name.
    weights:  the quantizer of every layer with weights, by operator name.
    integers: weights that are not the nearest integers: int64[Cout, K] by operator name (adaptive rounding, codebooks).
    """

    format: RescaleFormat
    tensors: Mapping[str, Quantizer]
    weights: Mapping[str, WeightQuantizer]
    integers: Mapping[str, Int64] = field(default_factory=dict)

    def weight_integers(self, op: FloatWeightedOp) -> Int64:
        """The integers of a layer's weights, int64[Cout, K]."""
        given = self.integers.get(op.name)
        return self.weights[op.name].quantize(weight_rows(op)) if given is None else given

    def quantized_weight(self, op: FloatWeightedOp) -> Float64:
        """The real weights that the integers stand for, in the shape of the layer's own."""
        return from_rows(op, self.weights[op.name].dequantize(self.weight_integers(op)))

    def bias_integers(self, op: FloatWeightedOp) -> Int64:
        """The integers of a layer's bias in steps of S_w * S_x, int64[Cout] (SPEC eq. 2)."""
        return quantize_array(op.bias, self._bias_scale(op), 0, INT32)

    def quantized_bias(self, op: FloatWeightedOp) -> Float64:
        """The real bias that the integers stand for, float64[Cout]."""
        return dequantize_array(self.bias_integers(op), self._bias_scale(op), 0)

    def _bias_scale(self, op: FloatWeightedOp) -> Float64:
        return np.asarray(self.weights[op.name].scale * self.tensors[op.inputs[0]].scale)


def choose(graph: FloatGraph, ranges: Mapping[str, Range], recipe: Recipe) -> Parameters:
    """The parameters of a prepared float graph for known ranges of its tensors.

    Raises InputError for a layer that no parameters can hold in 32 bits, and for bits of layers that do not exist.
    """
    recipe.check_layers(graph)
    if recipe.weights.granularity is Granularity.GROUP:
        raise InputError(
            f"recipe {recipe.name!r}: one scale for each group of weights is for weight-only networks; an accumulator has one scale "
            f"for each output channel: take the granularity 'channel' or 'tensor'"
        )
    return Chooser(graph, ranges, recipe).parameters()


class Chooser:
    """Chooses for one graph, in execution order: an output's scale depends on those of its operator's inputs."""

    def __init__(self, graph: FloatGraph, ranges: Mapping[str, Range], recipe: Recipe) -> None:
        self.graph, self.ranges, self.recipe = graph, ranges, recipe
        self.tensors: dict[str, Quantizer] = {}
        self.weights: dict[str, WeightQuantizer] = {}
        self._bases: dict[str, float] = {}
        if recipe.format.kind is RescaleKind.SHIFT:
            self._bases = bases(graph, {name: self._quantizer(name).scale for name in graph.tensors if has_own_range(graph, name)})

    def parameters(self) -> Parameters:
        """The parameters of the whole graph."""
        for name in self.graph.inputs:
            self.tensors[name] = self.activation(name)
        for op in self.graph.ops:
            self.operator(op)
        return Parameters(self.recipe.format, self.tensors, self.weights)

    def activation(self, name: str, least_scale: float = 0.0) -> Quantizer:
        """The quantizer for a tensor's range, with a scale of at least `least_scale`; in the shift format one that its ties allow."""
        chosen = self._quantizer(name, least_scale)
        if name not in self._bases:
            return chosen
        return self._quantizer(name, next_scale(chosen.scale, self._bases[name]))

    def _quantizer(self, name: str, least_scale: float = 0.0) -> Quantizer:
        seen = self.ranges[name]
        return self.recipe.activation_scheme(self.graph, name).quantizer(seen.low, seen.high, least_scale=least_scale)

    def operator(self, op: FloatOp) -> None:
        """The parameters of an operator's weights and of its output."""
        scales = [self.tensors[name].scale for name in op.inputs]
        fixed = fixed_output(op)
        if isinstance(op, FloatWeightedOp):
            self._weighted(op, scales[0])
        elif isinstance(op, KEEPS_INTEGERS):
            self.tensors[op.output] = self.tensors[op.inputs[0]]
        elif fixed is not None:
            self.tensors[op.output] = Quantizer(INT8, fixed.scale, fixed.zero_point)
        elif isinstance(op, FloatAdd):
            self.tensors[op.output] = self.activation(op.output, 2 * max(scales) / 2**ADD_LEFT_SHIFT / GREATEST_FACTOR)
        elif isinstance(op, FloatConcatenation):
            self.tensors[op.output] = self.activation(op.output, max(scales) / 2)
        else:
            self.tensors[op.output] = self.activation(op.output)

    def _weighted(self, op: FloatWeightedOp, input_scale: float) -> None:
        """Scales of the weights first; the output's must not be finer than their products; then factors that the format has."""
        scheme, rows = self.recipe.weight_scheme(self.graph, op.name), weight_rows(op)
        low, high = weight_ranges(rows, scheme)
        least = least_weight_scales(op.bias, rows.shape[1], input_scale, scheme, op.name)
        wanted = weight_scales(low, high, op.bias, input_scale, scheme, least)
        output = self.activation(op.output, float((wanted * input_scale).max()) / GREATEST_FACTOR)
        self.tensors[op.output] = output
        factors = expressible(np.maximum(wanted * input_scale / output.scale, LEAST_FACTOR), self.recipe.format)
        made = self._weight_quantizer(scheme, low, factors * output.scale / input_scale)
        if self.recipe.format.kind is RescaleKind.SHIFT and scheme.range is WeightRange.MSE:
            made = self._lower_power(rows, scheme, low, made, least)
        self.weights[op.name] = made

    @staticmethod
    def _weight_quantizer(scheme: WeightScheme, low: Float64, scale: Float64) -> WeightQuantizer:
        return WeightQuantizer(scheme.format(), scale, zero_points(low, scale, scheme))

    def _lower_power(self, rows: Float64, scheme: WeightScheme, low: Float64, upper: WeightQuantizer, least: Float64) -> WeightQuantizer:
        """Of the two powers of two around the wanted scale that with the least squared error, each channel (or the tensor) for itself."""
        lower = self._weight_quantizer(scheme, low, upper.scale / 2)
        upper_error, lower_error = (((q.dequantize(q.quantize(rows)) - rows) ** 2).sum(axis=1) for q in (upper, lower))
        if scheme.granularity is Granularity.TENSOR:
            upper_error, lower_error = (np.full(len(rows), error.sum()) for error in (upper_error, lower_error))
        allowed = lower.scale >= least
        take = (lower_error < upper_error) & (allowed.all() if scheme.granularity is Granularity.TENSOR else allowed)
        return WeightQuantizer(upper.format, np.where(take, lower.scale, upper.scale), np.where(take, lower.zero_point, upper.zero_point))


def has_own_range(graph: FloatGraph, tensor: str) -> bool:
    """Whether a tensor's parameters follow from its own range: not from its operator's input, and not from nothing."""
    op = graph.producer(tensor)
    return op is None or not (isinstance(op, KEEPS_INTEGERS) or fixed_output(op))


def fixed_output(op: FloatOp) -> Affine | None:
    """The parameters of outputs that do not depend on the data; None for all others."""
    return SOFTMAX_OUTPUT if isinstance(op, FloatSoftmax) else None


def least_weight_scales(bias: Float64, products: int, input_scale: float, scheme: WeightScheme, name: str) -> Float64:
    """The least scale of each output channel at which its bias leaves room in 32 bits for the sum of `products` products, float64[Cout].

    Raises InputError for a layer with too many products.
    """
    format = scheme.format()
    # Where weights have a zero point, w - Z reaches over the whole range of the integers.
    room = INT32_MAX - 1 - products * (format.high if scheme.symmetric else format.high - format.low) * 255
    if room < 2**24:
        raise InputError(f"layer {name!r} sums {products} products, too many for a 32-bit accumulator; split the layer")
    return np.maximum(np.abs(bias) / (input_scale * room), 2.0**-126)


def weight_scales(low: Float64, high: Float64, bias: Float64, input_scale: float, scheme: WeightScheme, least: Float64) -> Float64:
    """The scale of each output channel, float64[Cout], for ranges of weights float64[Cout]: SPEC eq. 3 or 5, but `least` at least.

    A channel of nothing but zeros has zeros at any scale: it takes one that gives its bias 20 bits.
    """
    wanted = range_scales(low, high, scheme)
    for_bias = np.where(bias != 0, np.abs(bias) / (input_scale * 2**20), float(np.maximum(-low, high).max()) or 1.0)
    chosen = np.maximum(np.where(wanted > 0, wanted, for_bias), least)
    return np.full_like(chosen, chosen.max()) if scheme.granularity is Granularity.TENSOR else chosen


def expressible(factors: Float64, format: RescaleFormat) -> Float64:
    """The least factors that the format expresses exactly and that are not below the given ones (SPEC eq. 16)."""
    if format.kind is RescaleKind.SHIFT:
        return np.array([power_of_two_up(float(factor)) for factor in factors])
    if format.kind is RescaleKind.TFLITE:
        return factors  # 31 bits are finer than the scales are known
    fraction, exponent = np.frexp(factors)
    return np.asarray(np.ldexp(np.ceil(np.ldexp(fraction, format.bits - 1)), exponent - (format.bits - 1)), dtype=np.float64)
