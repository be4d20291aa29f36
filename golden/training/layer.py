"""A layer with weights in training: batch normalization folded into it, weights and bias in the steps of integers (SPEC section 16)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from golden.errors import InputError
from golden.float_graph import BatchStatistics, FloatConv2d, FloatDepthwiseConv2d, FloatWeightedOp
from golden.graph import Window
from golden.parameters import WeightQuantizer, least_weight_scales
from golden.training.straight_through import replace
from golden.training.weight_steps import WeightStep

Float64 = npt.NDArray[np.float64]

#: The least magnitude of gamma / sigma: below it the layer's output does not depend on its weights.
_LEAST_FACTOR = 1e-12


@dataclass(frozen=True)
class Folded:
    """A layer's weights and bias with batch normalization folded in, as at inference, with their gradients.

    rows: float[Cout, K], K in PyTorch's order of channels, then taps.
    bias: float[Cout].
    """

    rows: Tensor
    bias: Tensor


class TrainedLayer(nn.Module):
    """Convolution or linear layer.

    op:         the layer as it was imported, before folding.
    statistics: of the batch normalization after it; None where there is none, or where it is folded for good.
    step:       quantizes the weights; made by `network.prepare` for the folded ones.
    """

    step: WeightStep

    def __init__(self, op: FloatWeightedOp, statistics: BatchStatistics | None) -> None:
        super().__init__()
        self.kind, self.window = type(op), op.window if isinstance(op, FloatConv2d | FloatDepthwiseConv2d) else Window((1, 1))
        self.weight = nn.Parameter(_tensor(_to_torch(op, op.weight)))
        self.normalized = statistics is not None
        if statistics is None:
            self.bias = nn.Parameter(_tensor(op.bias))
        else:
            self.gamma, self.beta = nn.Parameter(_tensor(statistics.gamma)), nn.Parameter(_tensor(statistics.beta))
            # The bias of the layer moves the mean and nothing else.
            self.register_buffer("mean", _tensor(statistics.mean - op.bias))
            self.register_buffer("variance", _tensor(statistics.variance))
            self.register_buffer("frozen", torch.tensor(False))
            self.epsilon, self.momentum = statistics.epsilon, statistics.momentum or 0.1

    def folded(self) -> Folded:
        """SPEC eq. 81, with the statistics of training so far.

        Where the batch normalizes, gamma has no gradient by way of the weights: it cancels, but for its rounding.
        """
        if not self.normalized:
            return Folded(self.weight.flatten(1), self.bias)
        factor = self._batch_factor() if self._by_batch() else self._factor()
        return Folded(self.weight.flatten(1) * factor[:, None], self.beta - self.get_buffer("mean") * factor)

    def asked(self, name: str, folded: Folded, wanted: Tensor, input_scale: float) -> Float64:
        """The wanted scales, but no finer than the accumulator has room for, float64[Cout].

        Raises InputError for a layer whose parameters are no longer finite.
        """
        bias = folded.bias.detach().cpu().double().numpy()
        if not (np.isfinite(bias).all() and bool(torch.isfinite(wanted).all() and torch.isfinite(folded.rows).all())):
            raise InputError(f"layer {name!r} has weights that are no longer finite: the training diverged; lower the learning rate")
        least = least_weight_scales(bias, folded.rows.shape[1], input_scale, self.step.scheme, name)
        return np.asarray(np.maximum(wanted.detach().cpu().double().numpy(), least))

    def _sigma(self) -> Tensor:
        return torch.sqrt(self.get_buffer("variance") + self.epsilon)

    def _factor(self) -> Tensor:
        return self.gamma / self._sigma()

    def _batch_factor(self) -> Tensor:
        """Without a gradient, and never 0."""
        factor = self._factor().detach()
        return torch.where(factor.abs() < _LEAST_FACTOR, _LEAST_FACTOR, factor)

    def _by_batch(self) -> bool:
        """Whether the statistics of each batch normalize it."""
        return self.normalized and self.training and not bool(self.get_buffer("frozen"))

    def forward(self, x: Tensor, folded: Folded, wanted: Tensor, quantizer: WeightQuantizer, input_scale: float) -> Tensor:
        """The layer's real output before its clamp, NHWC or [N, C].

        x:           real values that integers with the scale `input_scale` stand for.
        folded:      of this batch.
        wanted:      the scales that the weights ask for, float[Cout], with their gradient.
        quantizer:   what they get.
        """
        rows = folded.rows
        scale, zero_point = torch.from_numpy(quantizer.scale).to(rows), torch.from_numpy(quantizer.zero_point).to(rows)
        weight = self.step(rows, wanted, scale, zero_point).reshape(self.weight.shape)
        if self._by_batch():
            return self._batch_normalized(self._product(x, weight))
        return self._product(x, weight) + replace(folded.bias, _quantized_bias(folded.bias, quantizer.scale * input_scale))

    def _product(self, x: Tensor, weight: Tensor) -> Tensor:
        """The layer without its bias."""
        if not issubclass(self.kind, FloatConv2d | FloatDepthwiseConv2d):
            return functional.linear(x, weight)
        padding, groups = self.window.padding, x.shape[-1] if issubclass(self.kind, FloatDepthwiseConv2d) else 1
        padded = functional.pad(x, (0, 0, padding.left, padding.right, padding.top, padding.bottom)).permute(0, 3, 1, 2)
        return functional.conv2d(padded, weight, None, self.window.stride, 0, self.window.dilation, groups).permute(0, 2, 3, 1)

    def _batch_normalized(self, product: Tensor) -> Tensor:
        """SPEC eq. 82: the product with folded weights, normalized by the batch; the statistics of training move towards it."""
        axes = tuple(range(product.ndim - 1))
        raw = product / self._batch_factor()
        mean, variance = raw.mean(axes), raw.var(axes, correction=0)
        with torch.no_grad():
            count = product[..., 0].numel()
            self.get_buffer("mean").lerp_(mean, self.momentum)
            self.get_buffer("variance").lerp_(variance * (count / max(count - 1, 1)), self.momentum)
        return (raw - mean) * (self.gamma / torch.sqrt(variance + self.epsilon)) + self.beta

    def centred(self, folded: Folded, quantizer: WeightQuantizer) -> Tensor:
        """The integers less the zero point that `forward` computes with, float[Cout, K]."""
        rows = folded.rows.detach()
        scale, zero_point = (torch.from_numpy(array).to(rows)[:, None] for array in (quantizer.scale, quantizer.zero_point))
        return self.step.centred(rows, scale, zero_point)

    def golden_rows(self, rows: Tensor) -> Float64:
        """Rows [Cout, K] in the golden model's order, taps before channels, float64."""
        weight = rows.detach().cpu().double().reshape(self.weight.shape)
        if issubclass(self.kind, FloatConv2d):
            weight = weight.permute(0, 2, 3, 1)
        result: Float64 = np.ascontiguousarray(weight.flatten(1).numpy())
        return result


def _to_torch(op: FloatWeightedOp, weight: Float64) -> Float64:
    """Weights in PyTorch's layout: [Cout, Cin, kh, kw], [Cout, 1, kh, kw] or [Cout, Cin]."""
    if isinstance(op, FloatConv2d):
        return weight.transpose(0, 3, 1, 2)
    return weight.transpose(2, 0, 1)[:, None] if isinstance(op, FloatDepthwiseConv2d) else weight


def _quantized_bias(bias: Tensor, scale: Float64) -> Tensor:
    """The bias in whole steps of S_w S_x (SPEC eq. 2), rounded in double precision as the integer graph's is."""
    steps = torch.from_numpy(scale).to(bias.device)
    return (torch.round(bias.detach().double() / steps) * steps).to(bias.dtype)


def _tensor(array: Float64) -> Tensor:
    return torch.tensor(np.ascontiguousarray(array), dtype=torch.float32)
