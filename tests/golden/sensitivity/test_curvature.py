"""Power iteration and Hutchinson's estimator against Hessians that are written out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from golden.sensitivity.curvature import hessian_trace, hessian_vector_product, top_eigenvalue


def quadratic(matrix: torch.Tensor, shape: tuple[int, ...]) -> tuple[torch.Tensor, object]:
    """A parameter, and two batches whose mean loss is w H w / 2."""
    parameter = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()

    def losses() -> Iterator[torch.Tensor]:
        flat = parameter.reshape(-1)
        for share in (0.5, 1.5):
            yield share * (flat @ matrix @ flat) / 2

    return parameter, losses


def symmetric(size: int, seed: int) -> torch.Tensor:
    values = torch.randn((size, size), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return (values + values.T) / 2


@pytest.mark.parametrize("seed", range(5))
def test_products_with_the_exact_hessian(seed: int) -> None:
    matrix = symmetric(6, seed)
    parameter, losses = quadratic(matrix, (2, 3))
    vector = torch.randn((2, 3), dtype=torch.float64, generator=torch.Generator().manual_seed(seed + 10))
    product = hessian_vector_product(losses, parameter, vector)  # type: ignore[arg-type]
    assert torch.allclose(product.reshape(-1), matrix @ vector.reshape(-1), rtol=1e-12)


@pytest.mark.parametrize("eigenvalues", [(4.0, 1.0, 0.5, 0.0), (-5.0, 2.0, 1.0, 1.0), (3.0, 3.0, 1.0, -1.0)])
def test_the_top_eigenvalue(eigenvalues: tuple[float, ...]) -> None:
    basis = torch.linalg.qr(symmetric(4, 3))[0]
    parameter, losses = quadratic(basis @ torch.diag(torch.tensor(eigenvalues, dtype=torch.float64)) @ basis.T, (4,))
    found = top_eigenvalue(losses, parameter, iterations=500, tolerance=1e-10)  # type: ignore[arg-type]
    assert found == pytest.approx(max(eigenvalues, key=abs), rel=1e-4)


def test_the_trace_of_a_diagonal_is_exact_and_of_others_within_its_error() -> None:
    diagonal = torch.diag(torch.arange(1.0, 7.0, dtype=torch.float64))
    parameter, losses = quadratic(diagonal, (6,))
    assert hessian_trace(losses, parameter, probes=3) == (pytest.approx(21.0), pytest.approx(0.0, abs=1e-9))  # type: ignore[arg-type]
    inside = 0
    for seed in range(20):
        matrix = symmetric(8, seed)
        parameter, losses = quadratic(matrix, (2, 4))
        found, error = hessian_trace(losses, parameter, probes=200, seed=seed)  # type: ignore[arg-type]
        inside += abs(found - float(matrix.trace())) < 2.5 * error
    assert inside >= 18


def test_a_small_network_against_autograd() -> None:
    torch.manual_seed(0)
    x, target = torch.randn(12, 5, dtype=torch.float64), torch.randint(0, 3, (12,))
    weight = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)

    def loss(values: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(x @ values.reshape(3, 5).T, target)

    exact = torch.autograd.functional.hessian(loss, weight.detach().reshape(-1))
    eigenvalues = torch.linalg.eigvalsh(exact)

    def losses() -> Iterator[torch.Tensor]:
        yield loss(weight)

    assert top_eigenvalue(losses, weight, iterations=500, tolerance=1e-9) == pytest.approx(float(eigenvalues[-1]), rel=1e-3)
    trace, error = hessian_trace(losses, weight, probes=400)
    assert abs(trace - float(eigenvalues.sum())) < 3 * error


def test_a_linear_loss_has_no_curvature() -> None:
    parameter = torch.ones(3, requires_grad=True)

    def losses() -> Iterator[torch.Tensor]:
        yield parameter.sum()

    assert top_eigenvalue(losses, parameter) == 0.0
    assert hessian_trace(losses, parameter, probes=4) == (0.0, 0.0)
    assert np.isfinite(hessian_trace(losses, parameter, probes=1)[0])
