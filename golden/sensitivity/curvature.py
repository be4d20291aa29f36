"""Top eigenvalue and trace of the Hessian of a loss, without the Hessian (SPEC eq. 88 to 90).

Z. Yao et al., PyHessian: Neural Networks Through the Lens of the Hessian, IEEE Big Data 2020.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch

#: Gives the loss of each batch; the whole loss is their mean.
Losses = Callable[[], Iterable[torch.Tensor]]


def hessian_vector_product(losses: Losses, parameter: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
    """H v for the Hessian H of the loss with respect to one parameter; v and the result have its shape."""
    total, count = torch.zeros_like(parameter), 0
    for loss in losses():
        (gradient,) = torch.autograd.grad(loss, parameter, create_graph=True)
        if gradient.requires_grad:  # a loss that is linear in the parameter has no curvature
            total += torch.autograd.grad(gradient, parameter, vector)[0]
        count += 1
    return total / count


def top_eigenvalue(losses: Losses, parameter: torch.Tensor, *, iterations: int = 50, tolerance: float = 1e-3, seed: int = 0) -> float:
    """The eigenvalue of the greatest magnitude, by power iteration from a random vector.

    Ends after `iterations`, or when the eigenvalue changes by less than `tolerance` of itself.
    """
    generator = torch.Generator().manual_seed(seed)
    vector = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
    vector /= vector.norm()
    eigenvalue = 0.0
    for _ in range(iterations):
        product = hessian_vector_product(losses, parameter, vector)
        found, length = float((product * vector).sum()), product.norm()
        if length == 0:
            return 0.0
        vector = product / length
        if abs(found - eigenvalue) <= tolerance * abs(found):
            return found
        eigenvalue = found
    return eigenvalue


def hessian_trace(losses: Losses, parameter: torch.Tensor, *, probes: int = 32, seed: int = 0) -> tuple[float, float]:
    """The trace by Hutchinson's estimator, and its standard error: the mean of v . H v over random signs v.

    M. F. Hutchinson, A stochastic estimator of the trace of the influence matrix, Communications in Statistics 19(2), 1990.
    """
    generator = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(probes):
        signs = torch.randint(0, 2, parameter.shape, generator=generator).to(parameter.dtype) * 2 - 1
        found.append(float((hessian_vector_product(losses, parameter, signs) * signs).sum()))
    error = float(np.std(found, ddof=1) / np.sqrt(probes)) if probes > 1 else float("inf")
    return float(np.mean(found)), error
