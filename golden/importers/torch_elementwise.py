"""ATen operators that work element by element: clamps, arithmetic, functions of one value; concatenation and softmax."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from golden import scalar_function
from golden.importers import nchw, pointwise
from golden.importers.torch_call import Call
from golden.importers.values import Constant, Float64, UnsupportedError, Value
from golden.scalar_function import ScalarFunction


def relu(call: Call) -> Value:
    """max(x, 0)."""
    return pointwise.clamp(call, call.value(), 0.0, math.inf)


def relu6(call: Call) -> Value:
    """min(max(x, 0), 6)."""
    return pointwise.clamp(call, call.value(), 0.0, 6.0)


def hardtanh(call: Call) -> Value:
    """The clamp to [min_val, max_val]."""
    return pointwise.clamp(call, call.value(), float(call.arguments["min_val"]), float(call.arguments["max_val"]))


def clamp(call: Call) -> Value:
    """clamp and clip with numbers, either of which may be missing; clamp_min, clamp_max."""
    low, high = call.arguments.get("min"), call.arguments.get("max")
    if not all(end is None or isinstance(end, (int, float)) for end in (low, high)):
        raise UnsupportedError("only clamping to numbers is supported, not to tensors")
    return pointwise.clamp(call, call.value(), -math.inf if low is None else float(low), math.inf if high is None else float(high))


# --- arithmetic -------------------------------------------------------------------------------------


def add(call: Call) -> Value:
    """The residual add of two tensors, or of a constant per channel."""
    return _sum(call, _alpha(call))


def subtract(call: Call) -> Value:
    """Subtraction of a constant per channel."""
    return _sum(call, -_alpha(call))


def subtract_from(call: Call) -> Value:
    """A constant per channel minus x."""
    x, other, alpha = call.value(), call.operand("other"), _alpha(call)
    if isinstance(other, Value):
        return _difference(call, other, x, alpha)
    offset = nchw.channels(call, other, x)
    return nchw.per_channel(call, x, np.full(offset.shape, -alpha), offset)


def negate(call: Call) -> Value:
    """-x."""
    return _scaled(call, call.value(), np.float64(-1.0))


def _alpha(call: Call) -> float:
    return float(call.arguments.get("alpha", 1))


def _sum(call: Call, alpha: float) -> Value:
    a, b = call.operand("self"), call.operand("other")
    if isinstance(a, Value) and isinstance(b, Value):
        return pointwise.add(call, a, b) if alpha == 1 else _difference(call, a, b, -alpha)
    if isinstance(a, Value) and isinstance(b, Constant):
        offset = alpha * nchw.channels(call, b, a)
        return nchw.per_channel(call, a, np.ones(offset.shape), offset)
    assert isinstance(a, Constant)
    assert isinstance(b, Value)
    offset = nchw.channels(call, a, b)
    return nchw.per_channel(call, b, np.full(offset.shape, alpha), offset)


def _difference(call: Call, a: Value, b: Value, alpha: float) -> Value:
    """a - alpha * b, of functions of one tensor."""

    def minus(first: ScalarFunction, second: ScalarFunction) -> ScalarFunction:
        return scalar_function.total(first, scalar_function.affine(-alpha, 0.0).after(second))

    return pointwise.combine(call, a, b, minus, "subtracts, or adds with a factor,")


def multiply(call: Call) -> Value:
    """Multiplication by a constant per channel, or of functions of one tensor."""
    a, b = call.operand("self"), call.operand("other")
    if isinstance(a, Value) and isinstance(b, Value):
        return pointwise.combine(call, a, b, scalar_function.product, "multiplies")
    if isinstance(a, Value) and isinstance(b, Constant):
        return _scaled(call, a, nchw.channels(call, b, a))
    assert isinstance(a, Constant)
    assert isinstance(b, Value)
    return _scaled(call, b, nchw.channels(call, a, b))


def divide(call: Call) -> Value:
    """Division by a constant per channel, or of functions of one tensor."""
    a, b = call.operand("self"), call.operand("other")
    if call.arguments.get("rounding_mode") or not isinstance(a, Value):
        raise UnsupportedError("only plain division by a constant is supported")
    if isinstance(b, Value):
        return pointwise.combine(call, a, b, scalar_function.quotient, "divides")
    divisor = nchw.channels(call, b, a)
    if not divisor.all():
        raise UnsupportedError("it divides by 0")
    return _scaled(call, a, 1.0 / divisor)


def _scaled(call: Call, x: Value, scale: Float64 | np.float64) -> Value:
    factors = np.broadcast_to(scale, x.layout.shape[1:2]) if np.ndim(scale) == 0 else np.asarray(scale)
    return nchw.per_channel(call, x, factors, np.zeros(factors.shape))


# --- functions of one value -------------------------------------------------------------------------


def function(what: ScalarFunction) -> Callable[[Call], Value]:
    """A function without parameters."""
    return lambda call: pointwise.function(call, call.value(), what)


def gelu(call: Call) -> Value:
    """GELU, exact or approximated by tanh."""
    by_tanh = call.arguments["approximate"] == "tanh"
    return pointwise.function(call, call.value(), scalar_function.GELU_TANH if by_tanh else scalar_function.GELU)


def leaky_relu(call: Call) -> Value:
    """Leaky ReLU."""
    return pointwise.function(call, call.value(), scalar_function.leaky_relu(float(call.arguments["negative_slope"])))


def prelu(call: Call) -> Value:
    """PReLU with one slope for all channels."""
    slope = call.weights("weight", 1).real()
    if not (slope == slope[0]).all():
        raise UnsupportedError("it has a slope for each channel; use PReLU with num_parameters=1, or LeakyReLU")
    return pointwise.function(call, call.value(), scalar_function.leaky_relu(float(slope[0])))


def elu(call: Call) -> Value:
    """ELU, and SELU and CELU as they are decomposed."""
    scales = [float(call.arguments[name]) for name in ("alpha", "scale", "input_scale")]
    return pointwise.function(call, call.value(), scalar_function.elu(*scales))


def selu(call: Call) -> Value:
    """SELU, with the constants of its paper as PyTorch has them."""
    return pointwise.function(call, call.value(), scalar_function.elu(1.6732632423543772, 1.0507009873554805))


def celu(call: Call) -> Value:
    """CELU."""
    alpha = float(call.arguments["alpha"])
    if not alpha:
        raise UnsupportedError("its alpha is 0")
    return pointwise.function(call, call.value(), scalar_function.elu(alpha, 1.0, 1.0 / alpha))


def softplus(call: Call) -> Value:
    """Softplus."""
    beta = float(call.arguments["beta"])
    if not beta:
        raise UnsupportedError("its beta is 0")
    return pointwise.function(call, call.value(), scalar_function.softplus(beta, float(call.arguments["threshold"])))


def power(call: Call) -> Value:
    """x to a whole power of at least 0."""
    exponent = call.arguments["exponent"]
    if not isinstance(exponent, (int, float)) or exponent != int(exponent) or not 0 <= exponent <= 16:
        raise UnsupportedError("only whole powers from 0 to 16 are supported")
    return pointwise.function(call, call.value(), scalar_function.power(int(exponent)))


# --- whole tensors ----------------------------------------------------------------------------------


def concatenate(call: Call) -> Value:
    """cat of maps along channels, rows or columns, and of vectors."""
    return nchw.concatenate(call, call.values("tensors"), int(call.arguments["dim"]))


def softmax(call: Call) -> Value:
    """softmax over a vector, or over the channels of a map."""
    return nchw.softmax(call, call.value(), int(call.arguments["dim"]))
