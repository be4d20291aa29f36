"""A network with fake quantization, as a module that any training loop trains (SPEC section 16)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from golden import float_interpreter
from golden.float_graph import (
    FloatAdd,
    FloatAveragePool2d,
    FloatConcatenation,
    FloatFunction,
    FloatGraph,
    FloatMaxPool2d,
    FloatOp,
    FloatPad,
    FloatReshape,
    FloatSoftmax,
    FloatWeightedOp,
)
from golden.formats import Quantizer
from golden.integer_graph import LEAST_ADD_FACTOR, clamp_range
from golden.parameters import ADD_LEFT_SHIFT, LEAST_FACTOR
from golden.recipe import Recipe
from golden.rescale import RescaleFormat
from golden.training import exact_steps
from golden.training.activation_steps import ActivationStep, ClippingStep
from golden.training.layer import TrainedLayer
from golden.training.resolution import Steps, resolve
from golden.training.rounding import Rounding, average_rounding, half_even, rescale_rounding
from golden.training.straight_through import fake_quantize


class QuantizedNetwork(nn.Module):
    """Computes with the real values that integers stand for; gradients pass through the rounding.

    Made by `golden.training.prepare`; inputs and outputs are those of the network that it was made of, in `layout`.

    graph:           the prepared float graph; its weights are those of the start.
    recipe:          the scheme.
    exact_rounding:  rounds as the integer graph will (SPEC section 3), and in evaluation the very numbers that it rounds; without
                     it every rounding is of a sum in floating point, to the nearest, halves to even: the fake quantization of
                     textbooks.
    """

    layers: nn.ModuleList
    steps: nn.ModuleList

    def __init__(
        self, graph: FloatGraph, recipe: Recipe, layers: Mapping[str, TrainedLayer], steps: Mapping[str, ActivationStep], layout: str
    ) -> None:
        super().__init__()
        self.graph, self.recipe, self.layout = graph, recipe, layout
        self.exact_rounding = True
        # Modules cannot have the operators' and tensors' names, which may contain dots.
        self._layer_index = {name: index for index, name in enumerate(layers)}
        self._step_index = {name: index for index, name in enumerate(steps)}
        self.layers, self.steps = nn.ModuleList(layers.values()), nn.ModuleList(steps.values())

    @property
    def format(self) -> RescaleFormat:
        """The rescale format."""
        return self.recipe.format

    def layer(self, name: str) -> TrainedLayer:
        """The layer of an operator with weights."""
        layer = self.layers[self._layer_index[name]]
        assert isinstance(layer, TrainedLayer)
        return layer

    def step(self, tensor: str) -> ActivationStep:
        """The quantizer of a tensor that has one of its own."""
        step = self.steps[self._step_index[tensor]]
        assert isinstance(step, ActivationStep)
        return step

    def resolve(self) -> Steps:
        """The scales for now."""
        layers = {name: self.layer(name) for name in self._layer_index}
        return resolve(self.graph, self.format, layers, {name: self.step(name) for name in self._step_index})

    # --- forward --------------------------------------------------------------------------------

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The network's outputs; in training, ranges and batch statistics move."""
        values = self.run(dict(zip(self.graph.inputs, map(self._nhwc, inputs), strict=True)))
        outputs = tuple(self._out(values[name]) for name in self.graph.outputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def scores(self, *inputs: Tensor) -> Tensor:
        """The class scores that a cross-entropy takes: the only output, or what goes into the softmax that makes it."""
        values = self.run(dict(zip(self.graph.inputs, map(self._nhwc, inputs), strict=True)))
        (output,) = self.graph.outputs
        last = self.graph.producer(output)
        return last.beta * values[last.inputs[0]] if isinstance(last, FloatSoftmax) else self._out(values[output])

    def run(self, inputs: Mapping[str, Tensor], steps: Steps | None = None) -> dict[str, Tensor]:
        """Every tensor, NHWC, for inputs float[N, *shape] by name; `steps` in place of those for now."""
        steps = steps or self.resolve()
        values = {name: self.quantized_input(name, x, steps) for name, x in inputs.items()}
        for op in self.graph.ops:
            values[op.output] = self.operator(op, [values[name] for name in op.inputs], steps)
        return values

    def quantized_input(self, name: str, x: Tensor, steps: Steps) -> Tensor:
        """A network input in its steps."""
        quantizer = steps.tensors[name]
        if self.training:
            self.step(name).observe(x)
        # In double precision, as the integer graph's inputs are quantized: images of few grey levels have many halves.
        centred = half_even(x.detach().double() / quantizer.scale).clamp(*_whole(quantizer)).to(x)
        return self._in_steps(name, x, quantizer, centred, *_whole(quantizer))

    def operator(self, op: FloatOp, inputs: Sequence[Tensor], steps: Steps) -> Tensor:
        """One operator on values that are in the steps of its input tensors; the result is in those of its output."""
        real = self.real(op, inputs, steps)
        if isinstance(op, FloatReshape | FloatPad):
            return real
        quantizer, (low, high) = steps.tensors[op.output], self.ends(op, steps)
        if isinstance(op, FloatMaxPool2d):
            return real.clamp(_scalar(quantizer.scale * low, real), _scalar(quantizer.scale * high, real))
        if isinstance(op, FloatAveragePool2d):
            return self._average(op, real, inputs[0], steps)
        self._observe(op, real)
        if isinstance(op, FloatConcatenation):
            return self._concatenation(op, inputs, steps)
        centred = self._rounding(op, steps)(self._in_output_steps(op, inputs, real, steps)).clamp(low, high)
        return self._in_steps(op.output, real, quantizer, centred.to(real), low, high)

    def _in_output_steps(self, op: FloatOp, inputs: Sequence[Tensor], real: Tensor, steps: Steps) -> Tensor:
        """A result in steps of its output, not yet rounded; in evaluation the very one of the integer graph."""
        output = steps.tensors[op.output].scale
        scales = [steps.tensors[name].scale for name in op.inputs]
        if self.exact_rounding and not self.training:
            if isinstance(op, FloatWeightedOp):
                return exact_steps.rescaled(self.format, real, steps.weights[op.name].scale * scales[0], output)
            if isinstance(op, FloatAdd):
                factors = self._add_factors(op, steps)
                return exact_steps.added(self.format, inputs[0], inputs[1], (scales[0], scales[1]), factors)
            if isinstance(op, FloatFunction):
                return exact_steps.evaluated(op.function, inputs[0], scales[0], output)
        return real.detach() / _scalar(output, real)

    def real(self, op: FloatOp, inputs: Sequence[Tensor], steps: Steps) -> Tensor:
        """One operator's result before it is clamped and rounded."""
        if isinstance(op, FloatWeightedOp):
            layer, input_scale = self.layer(op.name), steps.tensors[op.inputs[0]].scale
            result: Tensor = layer(inputs[0], steps.folded[op.name], steps.wanted[op.name], steps.weights[op.name], input_scale)
            return result
        return float_interpreter.evaluate(self.graph, op, list(inputs))

    def ends(self, op: FloatOp, steps: Steps) -> tuple[int, int]:
        """An operator's clamp, in steps from the zero point of its output."""
        quantizer = steps.tensors[op.output]
        low, high = (end - quantizer.affine().zero_point for end in clamp_range(op, quantizer))
        return low, high

    def _rounding(self, op: FloatOp, steps: Steps) -> Rounding:
        """How the integer graph rounds an operator's result."""
        if not self.exact_rounding:
            return half_even
        output = steps.tensors[op.output]
        if isinstance(op, FloatWeightedOp):
            return rescale_rounding(self.format, steps.weights[op.name].scale * steps.tensors[op.inputs[0]].scale / output.scale)
        if isinstance(op, FloatAdd):
            return rescale_rounding(self.format, self._add_factors(op, steps)[2])
        return average_rounding(output.affine().zero_point) if isinstance(op, FloatAveragePool2d) else half_even

    def _observe(self, op: FloatOp, real: Tensor) -> None:
        """Shows an operator's output to its quantizer, where it is in training."""
        if self.training:
            self.step(op.output).observe(real.detach().clamp(op.low, op.high))

    def _in_steps(self, tensor: str, real: Tensor, quantizer: Quantizer, centred: Tensor, low: float, high: float) -> Tensor:
        """What integers stand for, with the gradients of the tensor's quantizer."""
        result: Tensor = self.step(tensor)(real, _scalar(quantizer.scale, real), centred, float(low), float(high))
        return result

    def _average(self, op: FloatAveragePool2d, real: Tensor, x: Tensor, steps: Steps) -> Tensor:
        """An average in the steps of its input: of whole numbers, so that halves are halves."""
        low, high = self.ends(op, steps)
        scale = _scalar(steps.tensors[op.output].scale, real)
        with torch.no_grad():
            whole = self.real(op, [torch.round(x / scale)], steps)
            centred = self._rounding(op, steps)(whole).clamp(low, high)
        return fake_quantize(real, scale, centred, low, high)

    def _concatenation(self, op: FloatConcatenation, inputs: Sequence[Tensor], steps: Steps) -> Tensor:
        """Inputs in other steps than the output's, or beyond its clamp, are requantized first."""
        quantizer, (low, high) = steps.tensors[op.output], self.ends(op, steps)
        parts = []
        for name, x in zip(op.inputs, inputs, strict=True):
            source = steps.tensors[name]
            if source == quantizer and (low, high) == _whole(quantizer):
                parts.append(x)
                continue
            factor = max(source.scale / quantizer.scale, LEAST_FACTOR)
            if self.exact_rounding:
                rounded = rescale_rounding(self.format, factor)(exact_steps.rescaled(self.format, x, source.scale, source.scale / factor))
            else:
                rounded = half_even(x.detach() / _scalar(quantizer.scale, x))
            parts.append(self._in_steps(op.output, x, quantizer, rounded.clamp(low, high).to(x), low, high))
        return torch.cat(parts, dim=op.axis + 1)

    def _add_factors(self, op: FloatAdd, steps: Steps) -> tuple[float, float, float]:
        """The real factors of SPEC eq. 21."""
        scale_a, scale_b = (steps.tensors[name].scale for name in op.inputs)
        common = 2 * max(scale_a, scale_b)
        total = max(common / (2**ADD_LEFT_SHIFT * steps.tensors[op.output].scale), LEAST_FACTOR)
        return max(scale_a / common, LEAST_ADD_FACTOR), max(scale_b / common, LEAST_ADD_FACTOR), total

    # --- layouts --------------------------------------------------------------------------------

    def _nhwc(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1) if self.layout == "NCHW" and x.ndim == 4 else x

    def _out(self, x: Tensor) -> Tensor:
        return x.permute(0, 3, 1, 2) if self.layout == "NCHW" and x.ndim == 4 else x

    # --- for training loops ---------------------------------------------------------------------

    def freeze_batch_norm(self) -> None:
        """From now on batch normalization uses the statistics of training so far, and leaves them as they are."""
        for layer in self._normalized():
            layer.get_buffer("frozen").fill_(True)

    def penalty(self) -> Tensor:
        """What learned upper ends add to the loss: the recipe's `clip_decay` times the sum of their squares (SPEC eq. 79)."""
        ends = [step.end for step in self.steps if isinstance(step, ClippingStep)]
        return self.recipe.training.clip_decay * sum((end**2 for end in ends), start=torch.zeros(()))

    def parameter_groups(self, learning_rate: float, weight_decay: float = 0.0) -> list[dict[str, Any]]:
        """Groups for an optimizer that normalizes gradients, such as Adam.

        Weights decay, nothing else does.  A scale or an end has its own magnitude times the learning rate: such an optimizer moves
        every parameter by about the rate at each step, and scales are much smaller than that.
        """
        weights = [layer.weight for layer in self.layers if isinstance(layer, TrainedLayer)]
        learned = [parameter for name, parameter in self.named_parameters() if "step" in name]
        taken = {id(parameter) for parameter in (*weights, *learned)}
        groups = [
            {"params": weights, "lr": learning_rate, "weight_decay": weight_decay},
            {"params": [one for one in self.parameters() if id(one) not in taken], "lr": learning_rate, "weight_decay": 0.0},
        ]
        for parameter in learned:
            groups.append({"params": [parameter], "lr": learning_rate * float(parameter.detach().abs().mean()), "weight_decay": 0.0})
        return [group for group in groups if group["params"]]

    def _normalized(self) -> list[TrainedLayer]:
        return [layer for layer in self.layers if isinstance(layer, TrainedLayer) and layer.normalized]


def _whole(quantizer: Quantizer) -> tuple[int, int]:
    """The ends of the integers, in steps from the zero point."""
    return quantizer.format.low - quantizer.zero_point, quantizer.format.high - quantizer.zero_point


def _scalar(value: float, like: Tensor) -> Tensor:
    """A number in a tensor's precision and place."""
    return torch.tensor(value, dtype=torch.float64).to(like)
