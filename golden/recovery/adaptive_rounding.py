"""Adaptive rounding: whether a weight is rounded up or down is chosen for the layer's output, not for the weight.

M. Nagel et al., Up or Down? Adaptive Rounding for Post-Training Quantization, ICML 2020 (SPEC eq. 53 to 54).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from golden import fake_quantize, float_interpreter
from golden.float_graph import FloatDepthwiseConv2d, FloatFullyConnected, FloatGraph, FloatWeightedOp
from golden.graph import Window
from golden.parameters import Parameters, WeightQuantizer
from golden.weight_rows import weight_rows

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]

#: The stretch of the sigmoid, so that it reaches 0 and 1.
GAMMA, ZETA = -0.1, 1.1


@dataclass(frozen=True)
class AdaptiveRounding:
    """How long and how hard the rounding is trained.

    iterations: steps of the optimizer for each layer.
    samples:    output pixels of a layer that it is trained on, drawn from the calibration data.
    batch:      of them in a step.
    rate:       the optimizer's (Adam's) learning rate.
    weight:     of the term that drives every choice to up or down, where the error of the nearest integers is 1.
    warm_up:    share of the steps without that term.
    beta:       its exponent at the start and at the end.
    """

    iterations: int = 1000
    samples: int = 4096
    batch: int = 512
    rate: float = 1e-2
    weight: float = 10.0
    warm_up: float = 0.2
    beta: tuple[float, float] = (20.0, 2.0)
    seed: int = 0


def round_adaptively(
    graph: FloatGraph,
    parameters: Parameters,
    data: Mapping[str, Float32],
    options: AdaptiveRounding | None = None,
    *,
    batch_size: int = 128,
    progress: Progress | None = None,
) -> Parameters:
    """The parameters with rounded weights of their own, layer by layer: each sees the ones before it as they were rounded.

    data:     calibration data, float32[N, *shape] per network input, NHWC.
    progress: called with (layers done, layers in all).

    A layer whose nearest integers do better on its samples keeps them.
    """
    options = options or AdaptiveRounding()
    layers = graph.weighted_ops()
    integers = dict(parameters.integers)
    for number, layer in enumerate(layers):
        now = replace(parameters, integers=integers)
        inputs, wanted = _samples(graph, now, layer, data, options, batch_size)
        integers[layer.name] = _round(layer, now, inputs, wanted, options)
        if progress is not None:
            progress(number + 1, len(layers))
    return replace(parameters, integers=integers)


def stretched_sigmoid(v: torch.Tensor) -> torch.Tensor:
    """h(V) of SPEC eq. 53: from 0 (down) to 1 (up)."""
    return (torch.sigmoid(v) * (ZETA - GAMMA) + GAMMA).clamp(0.0, 1.0)


def _round(layer: FloatWeightedOp, parameters: Parameters, inputs: torch.Tensor, wanted: torch.Tensor, options: AdaptiveRounding) -> Int64:
    """The trained integers of one layer, int64[Cout, K].

    inputs: float32[S, K], or [S, Cout, K] for a depthwise layer; wanted: float32[S, Cout], the float network's output after the clamp.
    """
    quantizer = parameters.weights[layer.name]
    nearest = parameters.weight_integers(layer)
    scale = torch.tensor(quantizer.scale, dtype=torch.float32)[:, None]
    bias = torch.tensor(parameters.quantized_bias(layer), dtype=torch.float32)
    exact = torch.tensor(weight_rows(layer) / quantizer.scale[:, None], dtype=torch.float32)
    below = torch.floor(exact)
    low, high = (float(end) - torch.tensor(quantizer.zero_point, dtype=torch.float32)[:, None] for end in _ends(quantizer))
    fraction = (exact - below).clamp(1e-4, 1 - 1e-4)
    v = torch.logit((fraction - GAMMA) / (ZETA - GAMMA)).requires_grad_()

    def output(weights: torch.Tensor, samples: torch.Tensor) -> torch.Tensor:
        rows = weights * scale
        total = samples @ rows.T if samples.ndim == 2 else (samples * rows).sum(dim=2)
        return (total + bias).clamp(layer.low, layer.high)

    def error(weights: torch.Tensor) -> float:
        with torch.no_grad():
            return float(((output(weights, inputs) - wanted) ** 2).mean())

    centred = torch.tensor(nearest - quantizer.zero_point[:, None], dtype=torch.float32)
    unit = max(error(centred), 1e-30)  # the loss is relative to that of the nearest integers, whatever the layer's units
    generator = torch.Generator().manual_seed(options.seed)
    optimizer = torch.optim.Adam([v], lr=options.rate)
    warm_up = int(options.warm_up * options.iterations)
    for step in range(options.iterations):
        chosen = torch.randint(len(inputs), (min(options.batch, len(inputs)),), generator=generator)
        h = stretched_sigmoid(v)
        errors = output((below + h).clamp(low, high), inputs[chosen]) - wanted[chosen]
        loss = (errors**2).mean() / unit
        if step >= warm_up:
            done = (step - warm_up) / max(options.iterations - warm_up, 1)
            beta = options.beta[1] + (options.beta[0] - options.beta[1]) * (1 + np.cos(np.pi * done)) / 2
            loss = loss + options.weight * (1 - (2 * h - 1).abs().pow(beta)).mean()
        (v.grad,) = torch.autograd.grad(loss, v)
        optimizer.step()
    with torch.no_grad():
        rounded = (below + (stretched_sigmoid(v) >= 0.5)).clamp(low, high)
    if error(rounded) >= error(centred):
        return nearest
    return rounded.to(torch.int64).numpy() + quantizer.zero_point[:, None]


def _ends(quantizer: WeightQuantizer) -> tuple[int, int]:
    return quantizer.format.low, quantizer.format.high


def _samples(
    graph: FloatGraph,
    parameters: Parameters,
    layer: FloatWeightedOp,
    data: Mapping[str, Float32],
    options: AdaptiveRounding,
    batch_size: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Random output pixels of a layer: the quantized network's inputs to each, and the float network's output."""
    source = layer.inputs[0]
    quantized = fake_quantize.quantized_weights(graph, parameters)
    count = next(iter(data.values())).shape[0]
    generator = torch.Generator().manual_seed(options.seed)
    shape = graph.tensors[layer.output].shape
    pixels = shape[0] * shape[1] if len(shape) == 3 else 1
    inputs, outputs = [], []
    for start in range(0, count, batch_size):
        batch = {name: array[start : start + batch_size] for name, array in data.items()}
        size = len(next(iter(batch.values())))
        seen = torch.tensor(fake_quantize.run(quantized, parameters, batch)[source])
        wanted = torch.tensor(float_interpreter.run(graph, batch)[layer.output]).reshape(size * pixels, -1)
        patches = _patches(layer, seen)
        share = min(-(-options.samples * size // count), len(wanted))
        chosen = torch.randperm(len(wanted), generator=generator)[:share]
        inputs.append(patches[chosen])
        outputs.append(wanted[chosen])
    return torch.cat(inputs), torch.cat(outputs)


def _patches(layer: FloatWeightedOp, x: torch.Tensor) -> torch.Tensor:
    """What each output pixel of a layer reads: float32[P, K], or [P, Cout, K] for a depthwise layer, K in the order of `weight_rows`."""
    if isinstance(layer, FloatFullyConnected):
        return x
    window: Window = layer.window  # type: ignore[attr-defined]
    pad = window.padding
    padded = torch.nn.functional.pad(x.permute(0, 3, 1, 2), (pad.left, pad.right, pad.top, pad.bottom))
    columns = torch.nn.functional.unfold(padded, window.kernel, window.dilation, 0, window.stride)  # [N, C * taps, pixels]
    channels, taps = x.shape[-1], window.kernel[0] * window.kernel[1]
    by_pixel = columns.permute(0, 2, 1).reshape(-1, channels, taps)
    if isinstance(layer, FloatDepthwiseConv2d):
        return by_pixel.repeat_interleave(len(layer.bias) // channels, dim=1)
    return by_pixel.permute(0, 2, 1).reshape(len(by_pixel), taps * channels)
