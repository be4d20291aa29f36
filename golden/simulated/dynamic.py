"""A layer whose input is quantized at inference, each image with its own range (SPEC section 13)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from golden import float_interpreter
from golden.float_graph import FloatGraph, FloatWeightedOp
from golden.rescale import Int64

Float64 = npt.NDArray[np.float64]


def dynamic_parameters(x: torch.Tensor, bits: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale and zero point of each image, float64[N] each (SPEC eq. 49).

    x: float64[N, *shape].  The range of an image is widened to contain 0, so that padding is exact; an image of nothing but
    zeros takes the scale 1.
    """
    flat = x.reshape(len(x), -1)
    low, high = flat.amin(dim=1).clamp(max=0.0), flat.amax(dim=1).clamp(min=0.0)
    scale = (high - low) / (2**bits - 1)
    scale = torch.where(scale > 0, scale, 1.0)
    return scale, torch.round(-low / scale)


def dynamic_product(
    graph: FloatGraph,
    centred: FloatWeightedOp,
    x: torch.Tensor,
    weight_scale: npt.NDArray[np.float64],
    bias: npt.NDArray[np.float64],
    bits: int,
) -> torch.Tensor:
    """The layer's output before its clamp, float64[N, *output shape].

    centred:      the layer with q_w - Z_w for its weights and no bias.
    x:            float64[N, *input shape].
    weight_scale: float64[Cout].  bias: float64[Cout], real: it is added after the sum is dequantized.
    bits:         of the input's integers, 0 to 2^bits - 1.

    The sum of the integers is exact: products of 9 bits in float64.  (q_w - Z_w)(q_x - Z_x) summed is the corrected sum of
    q_w q_x (SPEC eq. 50).
    """
    scale, zero_point = (values.reshape(-1, *[1] * (x.ndim - 1)) for values in dynamic_parameters(x, bits))
    integers = (torch.round(x / scale) + zero_point).clamp(0, 2**bits - 1)
    total = float_interpreter.evaluate(graph, centred, [integers - zero_point])
    scale = scale.reshape(-1, *[1] * (total.ndim - 1))
    return total * scale * torch.tensor(weight_scale) + torch.tensor(bias)


def corrected_product(q_x: Int64, q_w: Int64, z_x: int, z_w: Int64) -> Int64:
    """SPEC eq. 50 for a linear layer: integers [N, K] and [Cout, K] to the sums of (q_w - Z_w)(q_x - Z_x), int64[N, Cout].

    What hardware computes: the sum of raw products, corrected by sums of the inputs and of the weights alone.
    """
    count = q_x.shape[1]
    return np.asarray(q_x @ q_w.T - q_x.sum(axis=1, keepdims=True) * z_w - z_x * q_w.sum(axis=1) + count * z_x * z_w)
