"""Functions of one value as tables over int8 (SPEC eq. 32, 35)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from golden.affine import Affine
from golden.errors import InputError
from golden.formats import Quantizer, dequantize_array
from golden.graph import Int8
from golden.kernels import fixed_point
from golden.kernels.softmax import input_radius
from golden.rescale import TFLITE, Int64, Rescale, multiply_by_quantized_multiplier, rounding_divide_by_pot
from golden.scalar_function import ScalarFunction

#: Integer bits of the functions' input.
_INPUT_BITS = 4


@dataclass(frozen=True)
class Function:
    """A function in the fixed point of TensorFlow Lite.

    output:        what the integers of its output stand for; TensorFlow Lite fixes it.
    fraction_bits: of the output.
    evaluate:      from Q4.27 to Q0.31.
    """

    output: Affine
    fraction_bits: int
    evaluate: Callable[[Int64, int], Int64]

    def table(self, source: Affine) -> Int8:
        """The output for every int8 input with the parameters `source`, int8[256], for -128 first."""
        factor = Rescale.from_real(TFLITE, source.scale * 2.0 ** (31 - _INPUT_BITS))
        radius = input_radius(_INPUT_BITS, int(factor.shift[0]))
        centred = np.arange(-128, 128, dtype=np.int64) - source.zero_point
        inside = np.where(np.abs(centred) < radius, centred, 0)
        scaled = multiply_by_quantized_multiplier(inside, factor.multiplier, factor.shift)
        values = rounding_divide_by_pot(self.evaluate(scaled, _INPUT_BITS), np.array(31 - self.fraction_bits))
        table = np.clip(values + self.output.zero_point, -128, 127).astype(np.int8)
        table[centred <= -radius] = -128
        table[centred >= radius] = 127
        return table


def table(function: ScalarFunction, source: Affine, target: Quantizer, low: float = -math.inf, high: float = math.inf) -> Int8:
    """The nearest integers to a real function of every int8 value, clamped to real [low, high]: int8[256], for -128 first.

    source: what the integers of its input stand for.
    target: the quantizer of its output (SPEC eq. 2).
    Raises InputError where the function is not finite.
    """
    values = function(dequantize_array(np.arange(-128, 128), source.scale, source.zero_point))
    if not np.isfinite(values).all():
        raise InputError(f"the function {function.name!r} is infinite or undefined for some of its int8 inputs")
    return (target.quantize(np.clip(values, low, high)) - target.offset).astype(np.int8)


LOGISTIC = Function(Affine(1 / 256, -128), 8, fixed_point.logistic)
TANH = Function(Affine(1 / 128, 0), 7, fixed_point.tanh)
