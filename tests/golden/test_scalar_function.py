"""Functions of one value against PyTorch's own, and the tables that are made of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional

from golden import scalar_function
from golden.affine import Affine
from golden.errors import InputError
from golden.formats import INT8, IntegerFormat, Quantizer
from golden.function_table import table
from golden.scalar_function import ScalarFunction

FUNCTIONS: dict[str, tuple[ScalarFunction, Callable[[torch.Tensor], torch.Tensor]]] = {
    "identity": (scalar_function.IDENTITY, lambda x: x),
    "logistic": (scalar_function.LOGISTIC, torch.sigmoid),
    "tanh": (scalar_function.TANH, torch.tanh),
    "silu": (scalar_function.SILU, functional.silu),
    "hard-sigmoid": (scalar_function.HARD_SIGMOID, functional.hardsigmoid),
    "hard-swish": (scalar_function.HARD_SWISH, functional.hardswish),
    "gelu": (scalar_function.GELU, functional.gelu),
    "gelu-tanh": (scalar_function.GELU_TANH, lambda x: functional.gelu(x, approximate="tanh")),
    "mish": (scalar_function.MISH, functional.mish),
    "absolute": (scalar_function.ABSOLUTE, torch.abs),
    "leaky-relu": (scalar_function.leaky_relu(0.2), lambda x: functional.leaky_relu(x, 0.2)),
    "elu": (scalar_function.elu(0.7), lambda x: functional.elu(x, 0.7)),
    "selu": (scalar_function.elu(1.6732632423543772, 1.0507009873554805), functional.selu),
    "celu": (scalar_function.elu(0.5, 1.0, 2.0), lambda x: functional.celu(x, 0.5)),
    "softplus": (scalar_function.softplus(2.0, 20.0), lambda x: functional.softplus(x, 2.0, 20.0)),
    "power": (scalar_function.power(3), lambda x: x**3),
    "affine": (scalar_function.affine(2.0, -1.0), lambda x: 2 * x - 1),
    "clamp": (scalar_function.clamp(-0.5, float("inf")), lambda x: x.clamp(min=-0.5)),
    "after": (scalar_function.TANH.after(scalar_function.affine(0.5, 1.0)), lambda x: torch.tanh(0.5 * x + 1)),
    "total": (scalar_function.total(scalar_function.TANH, scalar_function.IDENTITY), lambda x: torch.tanh(x) + x),
    "difference": (scalar_function.difference(scalar_function.TANH, scalar_function.IDENTITY), lambda x: torch.tanh(x) - x),
    "product": (scalar_function.product(scalar_function.TANH, scalar_function.IDENTITY), lambda x: torch.tanh(x) * x),
    "quotient": (scalar_function.quotient(scalar_function.TANH, scalar_function.affine(1.0, 100.0)), lambda x: torch.tanh(x) / (x + 100)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_those_of_pytorch(name: str) -> None:
    ours, theirs = FUNCTIONS[name]
    x = torch.cat([torch.linspace(-40, 40, 1601, dtype=torch.float64), torch.tensor([-3.0, 0.0, 3.0, -1e4, 1e4], dtype=torch.float64)])
    before = x.clone()
    np.testing.assert_allclose(ours(x.numpy()), theirs(x).numpy(), rtol=1e-12, atol=1e-12)
    assert torch.equal(x, before)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_differentiable(name: str) -> None:
    ours, theirs = FUNCTIONS[name]
    gradients = []
    for evaluate in (ours.evaluate, theirs):
        x = torch.linspace(-4.9, 4.87, 50, dtype=torch.float64, requires_grad=True)
        evaluate(x).sum().backward()  # type: ignore[no-untyped-call]
        assert x.grad is not None
        gradients.append(x.grad.numpy())
    np.testing.assert_allclose(gradients[0], gradients[1], rtol=1e-7, atol=1e-7)  # PyTorch has 1 / 6 in float32


def test_a_table_has_the_nearest_integer_of_every_value() -> None:
    found = table(scalar_function.TANH, Affine(0.05, 10), Quantizer(INT8, 1 / 128, 0))
    assert found.dtype == np.int8
    for integer in range(-128, 128):
        wanted = np.rint(np.tanh(0.05 * (integer - 10)) * 128)
        assert found[integer + 128] == min(max(wanted, -128), 127)


def test_a_table_in_fewer_bits_and_with_a_clamp() -> None:
    narrow = table(scalar_function.IDENTITY, Affine(0.1, 0), Quantizer(IntegerFormat(4), 1.0, 0), low=-2.0, high=5.0)
    assert (narrow.min(), narrow.max()) == (-2, 5)
    unsigned = table(scalar_function.IDENTITY, Affine(0.1, 0), Quantizer(IntegerFormat(4, signed=False), 1.0, 8))
    assert (unsigned.min(), unsigned.max()) == (-8, 7)
    assert unsigned[128] == 0


def test_a_function_without_a_value_is_refused() -> None:
    inverse = scalar_function.quotient(scalar_function.affine(0.0, 1.0), scalar_function.IDENTITY)
    with pytest.raises(InputError, match="the function 'quotient' is infinite or undefined for some of its int8 inputs"):
        table(inverse, Affine(0.1, 0), Quantizer(INT8, 1.0, 0))
