"""Batch normalization folded in training: the same as unfolded, but for the rounding."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from golden.float_graph import BatchStatistics, FloatConv2d, FloatDepthwiseConv2d, FloatFullyConnected, FloatWeightedOp
from golden.graph import Padding, Window
from golden.parameters import WeightQuantizer
from golden.schemes import WeightScheme
from golden.training.layer import TrainedLayer
from golden.training.weight_steps import RangeStep

SCHEME = WeightScheme(8)


class Unrounded(RangeStep):
    """Gives the weights themselves: what is left is the folding."""

    def forward(self, rows: Tensor, wanted: Tensor, scale: Tensor, zero_point: Tensor) -> Tensor:
        return rows


def conv_and_norm(depthwise: bool = False) -> tuple[nn.Conv2d, nn.BatchNorm2d, FloatWeightedOp, BatchStatistics]:
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 4, 3, padding=1, stride=(2, 1), groups=4 if depthwise else 1).double()
    norm = nn.BatchNorm2d(4, momentum=0.3).double()
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    nn.init.uniform_(norm.weight, -1.5, 1.5)
    nn.init.normal_(norm.bias)
    weight, bias = conv.weight.detach().numpy(), conv.bias.detach().numpy()
    window = Window((3, 3), (2, 1), Padding(1, 1, 1, 1))
    op: FloatWeightedOp
    if depthwise:
        op = FloatDepthwiseConv2d("d", ("x",), "y", weight=weight[:, 0].transpose(1, 2, 0), bias=bias, window=window)
    else:
        op = FloatConv2d("c", ("x",), "y", weight=weight.transpose(0, 2, 3, 1), bias=bias, window=window)
    statistics = BatchStatistics(
        *(array.detach().numpy() for array in (norm.weight, norm.bias, norm.running_mean, norm.running_var)), norm.eps, 0.3
    )
    return conv, norm, op, statistics


def run(layer: TrainedLayer, x: Tensor) -> Tensor:
    folded = layer.folded()
    scale = np.full(len(folded.bias), 1e-9)
    quantizer = WeightQuantizer(SCHEME.format(), scale, np.zeros(len(scale), np.int64))
    result: Tensor = layer(x.permute(0, 2, 3, 1), folded, layer.step.wanted(folded.rows), quantizer, 1.0)
    return result.permute(0, 3, 1, 2)


def layer_of(op: FloatWeightedOp, statistics: BatchStatistics | None) -> TrainedLayer:
    layer = TrainedLayer(op, statistics)
    layer.step = Unrounded(SCHEME)
    return layer.double()


@pytest.mark.parametrize("depthwise", [False, True])
def test_folded_equals_unfolded_at_inference(depthwise: bool) -> None:
    conv, norm, op, statistics = conv_and_norm(depthwise)
    x = torch.randn(5, 4, 6, 7, dtype=torch.float64)
    layer = layer_of(op, statistics).eval()
    assert torch.allclose(run(layer, x), norm.eval()(conv(x)), rtol=0, atol=1e-6)


@pytest.mark.parametrize("depthwise", [False, True])
def test_folded_equals_unfolded_in_training(depthwise: bool) -> None:
    """Outputs, the statistics that move, and every gradient."""
    conv, norm, op, statistics = conv_and_norm(depthwise)
    layer = layer_of(op, statistics).train()
    norm.train()
    for _ in range(3):
        x = torch.randn(5, 4, 6, 7, dtype=torch.float64)
        target = torch.randn(5, 4, 3, 7, dtype=torch.float64)
        conv.zero_grad(), norm.zero_grad(), layer.zero_grad()
        ours, theirs = run(layer, x), norm(conv(x))
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-6)
        ((ours - target) ** 2).sum().backward()
        ((theirs - target) ** 2).sum().backward()
        for mine, other in ((layer.weight, conv.weight), (layer.gamma, norm.weight), (layer.beta, norm.bias)):
            assert mine.grad is not None
            assert other.grad is not None
            assert torch.allclose(mine.grad, other.grad, rtol=1e-5, atol=1e-5)
    assert torch.allclose(layer.get_buffer("mean"), norm.running_mean - conv.bias, rtol=0, atol=1e-6)
    assert torch.allclose(layer.get_buffer("variance"), norm.running_var, rtol=0, atol=1e-6)
    layer.eval(), norm.eval()
    assert torch.allclose(run(layer, x), norm(conv(x)), rtol=0, atol=1e-6)


def test_frozen_statistics_stay_and_normalize() -> None:
    conv, norm, op, statistics = conv_and_norm()
    layer = layer_of(op, statistics).train()
    layer.get_buffer("frozen").fill_(True)
    before = copy.deepcopy(layer.state_dict())
    x = torch.randn(5, 4, 6, 7, dtype=torch.float64)
    assert torch.allclose(run(layer, x), norm.eval()(conv(x)), rtol=0, atol=1e-6)
    assert all(torch.equal(before[name], values) for name, values in layer.state_dict().items())


def test_a_channel_that_is_switched_off_stays_finite() -> None:
    _, _, op, statistics = conv_and_norm()
    statistics.gamma[1] = 0.0
    layer = layer_of(op, statistics).train()
    y = run(layer, torch.randn(2, 4, 6, 6, dtype=torch.float64))
    assert torch.allclose(y[:, 1], layer.beta[1].detach().expand_as(y[:, 1]))
    y.sum().backward()
    assert all(bool(torch.isfinite(one.grad).all()) for one in layer.parameters() if one.grad is not None)


@pytest.mark.parametrize("gamma", [1e-6, 1e-9, -1e-20])
def test_a_channel_that_is_nearly_switched_off_learns_as_unfolded(gamma: float) -> None:
    """In single precision: gradients through folded weights and back would cancel to noise, or to nothing."""
    conv, norm, op, statistics = conv_and_norm()
    statistics.gamma[1] = gamma
    with torch.no_grad():
        norm.weight[1] = gamma
    layer = layer_of(op, statistics).float().train()
    conv, norm = conv.float(), norm.float().train()
    x, target = torch.randn(5, 4, 6, 7), torch.randn(5, 4, 3, 7)
    ((run(layer, x) - target) ** 2).sum().backward()
    ((norm(conv(x)) - target) ** 2).sum().backward()
    assert layer.gamma.grad is not None
    assert torch.allclose(layer.gamma.grad, norm.weight.grad, rtol=1e-3, atol=1e-2)


def test_the_folding_is_differentiable() -> None:
    _, _, op, statistics = conv_and_norm()
    layer = layer_of(op, statistics).eval()
    x = torch.randn(1, 4, 3, 3, dtype=torch.float64)

    def output(weight: Tensor, gamma: Tensor) -> Tensor:
        for name, value in (("weight", weight), ("gamma", gamma)):
            delattr(layer, name)
            setattr(layer, name, value)
        rows = layer.folded().rows
        quantizer = WeightQuantizer(SCHEME.format(), np.ones(4), np.zeros(4, np.int64))
        result: Tensor = layer._product(x.permute(0, 2, 3, 1), layer.step(rows, rows, rows, rows).reshape(weight.shape)) + 0 * len(
            quantizer.scale
        )
        return result

    inputs = tuple(one.detach().clone().requires_grad_() for one in (layer.weight, layer.gamma))
    assert torch.autograd.gradcheck(output, inputs)


def test_the_bias_is_in_steps_of_the_accumulator_and_passes_its_gradient() -> None:
    op = FloatFullyConnected("f", ("x",), "y", weight=np.eye(2), bias=np.array([0.26, -1.0]))
    layer = TrainedLayer(op, None)
    layer.step = Unrounded(SCHEME)
    quantizer = WeightQuantizer(SCHEME.format(), np.array([0.2, 0.5]), np.zeros(2, np.int64))
    folded = layer.folded()
    y = layer(torch.zeros(1, 2), folded, layer.step.wanted(folded.rows), quantizer, 0.5)
    assert y.tolist()[0] == pytest.approx([0.3, -1.0])
    y.sum().backward()
    assert layer.bias.grad is not None
    assert layer.bias.grad.tolist() == [1, 1]
