"""Functions of one real value, applied element by element: what a table over int8 (SPEC eq. 32) can stand for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ScalarFunction:
    """A function of one real value.

    name:     for people.
    evaluate: a PyTorch tensor to one of the same shape and type, differentiable where the function is; it uses nothing but the
              tensor's own methods, so that a graph with functions in it can be made without PyTorch.
    """

    name: str
    evaluate: Callable[[Tensor], Tensor] = field(repr=False, compare=False)

    def __call__(self, x: npt.NDArray[np.generic]) -> Float64:
        """The function of every element, float64[...]; infinite or NaN where the function is."""
        import torch  # heavy, and needed for networks with such functions alone

        with torch.no_grad():
            result: Float64 = self.evaluate(torch.tensor(np.asarray(x, np.float64))).numpy()
        return result

    def after(self, first: ScalarFunction) -> ScalarFunction:
        """This function of another one's value."""
        return ScalarFunction(self.name, lambda x: self.evaluate(first.evaluate(x)))


def _softplus(x: Tensor) -> Tensor:
    return x.clamp(min=0) + (-x.abs()).exp().log1p()


IDENTITY = ScalarFunction("identity", lambda x: x)
LOGISTIC = ScalarFunction("logistic", lambda x: x.sigmoid())
TANH = ScalarFunction("tanh", lambda x: x.tanh())
SILU = ScalarFunction("silu", lambda x: x * x.sigmoid())
HARD_SIGMOID = ScalarFunction("hard sigmoid", lambda x: (x + 3).clamp(0, 6) / 6)
HARD_SWISH = ScalarFunction("hard swish", lambda x: x * (x + 3).clamp(0, 6) / 6)
GELU = ScalarFunction("gelu", lambda x: 0.5 * x * (1 + (x * math.sqrt(0.5)).erf()))
GELU_TANH = ScalarFunction("gelu by tanh", lambda x: 0.5 * x * (1 + (math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)).tanh()))
MISH = ScalarFunction("mish", lambda x: x * _softplus(x).tanh())
ABSOLUTE = ScalarFunction("absolute value", lambda x: x.abs())


def leaky_relu(slope: float) -> ScalarFunction:
    """x where x > 0, else slope * x."""
    return ScalarFunction("leaky relu", lambda x: x.where(x > 0, slope * x))


def elu(alpha: float, scale: float = 1.0, input_scale: float = 1.0) -> ScalarFunction:
    """scale * x where x > 0, else scale * alpha * (exp(input_scale * x) - 1): ELU, and SELU and CELU."""
    return ScalarFunction("elu", lambda x: scale * x.where(x > 0, alpha * (input_scale * x.clamp(max=0)).expm1()))


def softplus(beta: float, threshold: float) -> ScalarFunction:
    """log(1 + exp(beta * x)) / beta, and x itself where beta * x > threshold."""
    return ScalarFunction("softplus", lambda x: x.where(beta * x > threshold, _softplus(beta * x) / beta))


def power(exponent: int) -> ScalarFunction:
    """x to a whole power of at least 0."""
    return ScalarFunction("power", lambda x: x**exponent)


def affine(scale: float, offset: float) -> ScalarFunction:
    """scale * x + offset."""
    return ScalarFunction("scale and offset", lambda x: scale * x + offset)


def clamp(low: float, high: float) -> ScalarFunction:
    """x clamped to [low, high]."""
    return ScalarFunction("clamp", lambda x: x.clamp(low, high))


def total(a: ScalarFunction, b: ScalarFunction) -> ScalarFunction:
    """The sum of two functions of one value."""
    return ScalarFunction("sum", lambda x: a.evaluate(x) + b.evaluate(x))


def difference(a: ScalarFunction, b: ScalarFunction) -> ScalarFunction:
    """The difference of two functions of one value."""
    return ScalarFunction("difference", lambda x: a.evaluate(x) - b.evaluate(x))


def product(a: ScalarFunction, b: ScalarFunction) -> ScalarFunction:
    """The product of two functions of one value."""
    return ScalarFunction("product", lambda x: a.evaluate(x) * b.evaluate(x))


def quotient(a: ScalarFunction, b: ScalarFunction) -> ScalarFunction:
    """The quotient of two functions of one value; infinite or NaN where the second is 0."""
    return ScalarFunction("quotient", lambda x: a.evaluate(x) / b.evaluate(x))
