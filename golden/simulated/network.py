"""Weight-only and dynamically quantized networks: integer weights, real activations at rest (SPEC section 13)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from golden import float_interpreter
from golden.errors import InputError
from golden.float_graph import FloatGraph, FloatOp, FloatWeightedOp
from golden.formats import INT32
from golden.group_quantizer import GroupQuantizer, group_quantizer
from golden.passes.pipeline import prepare
from golden.recipe import Method, Recipe
from golden.schemes import Granularity
from golden.simulated.dynamic import dynamic_product
from golden.weight_rows import from_rows, weight_rows

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SimulatedNetwork:
    """A network that the accelerator cannot run, because it computes with real numbers between its integers.

    graph:    the prepared float graph, with the real weights that the integers stand for.
    recipe:   its method is dynamic or weight-only.
    weights:  the quantizer of each layer's weights, by operator name.
    integers: each layer's weights, int64[Cout, K], by operator name.
    """

    graph: FloatGraph
    recipe: Recipe
    weights: Mapping[str, GroupQuantizer]
    integers: Mapping[str, Int64]

    @property
    def storage_bits(self) -> int:
        """Bits of everything that has to be stored: integer weights, their scales (float32) and zero points, biases (float32)."""
        total = 0
        for op in self.graph.weighted_ops():
            quantizer = self.weights[op.name]
            zero_points = 0 if self.recipe.weights.symmetric else quantizer.zero_point.size * quantizer.format.bits
            shared = self.recipe.weights.granularity is Granularity.TENSOR
            scales = (1 if shared else quantizer.scale.size) * INT32.bits
            total += op.weight.size * quantizer.format.bits + scales + (zero_points // quantizer.scale.size if shared else zero_points)
            total += op.bias.size * INT32.bits
        return total

    def run(self, inputs: Mapping[str, npt.NDArray[np.floating]]) -> dict[str, Float32]:
        """Every tensor for a batch: float[N, *shape] per network input, NHWC, to {name: float32[N, *shape]}."""
        if self.recipe.method is Method.WEIGHT_ONLY:
            return float_interpreter.run(self.graph, inputs)
        with torch.no_grad():
            values = {name: torch.tensor(np.asarray(value, dtype=np.float64)) for name, value in inputs.items()}
            for op in self.graph.ops:
                values[op.output] = self._evaluate(op, [values[name] for name in op.inputs]).clamp(op.low, op.high)
        return {name: value.to(torch.float32).numpy() for name, value in values.items()}

    def _evaluate(self, op: FloatOp, inputs: list[torch.Tensor]) -> torch.Tensor:
        if not isinstance(op, FloatWeightedOp):
            return float_interpreter.evaluate(self.graph, op, inputs)
        quantizer = self.weights[op.name]
        centred = replace(
            op, weight=from_rows(op, (self.integers[op.name] - quantizer.zero_point).astype(np.float64)), bias=np.zeros_like(op.bias)
        )
        bits = self.recipe.activation_scheme(self.graph, op.inputs[0]).bits
        return dynamic_product(self.graph, centred, inputs[0], quantizer.scale[:, 0], op.bias, bits)


def simulate(graph: FloatGraph, recipe: Recipe) -> SimulatedNetwork:
    """Quantizes a float graph, prepared or not, by a dynamic or weight-only recipe.  No calibration data is needed.

    Raises InputError for a static recipe, and for groups of weights in a dynamic one: an integer sum has one scale.
    """
    if recipe.method is Method.STATIC:
        raise InputError(f"recipe {recipe.name!r} is static: golden.quantize.quantize makes an integer graph of it")
    if recipe.method is Method.DYNAMIC and recipe.weights.granularity is Granularity.GROUP:
        raise InputError(
            f"recipe {recipe.name!r}: a sum of integer products has one scale for each output channel; "
            f"take the granularity 'channel' or 'tensor', or the method 'weight-only'"
        )
    prepared = prepare(graph)
    recipe.check_layers(prepared)
    weights: dict[str, GroupQuantizer] = {}
    integers: dict[str, Int64] = {}

    def quantized(op: FloatOp) -> FloatOp:
        if not isinstance(op, FloatWeightedOp):
            return op
        rows = weight_rows(op)
        weights[op.name] = group_quantizer(rows, recipe.weight_scheme(prepared, op.name))
        integers[op.name] = weights[op.name].quantize(rows)
        return replace(op, weight=from_rows(op, weights[op.name].dequantize(integers[op.name])))

    return SimulatedNetwork(prepared.with_ops([quantized(op) for op in prepared.ops]), recipe, weights, integers)
