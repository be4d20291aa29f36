"""Quantizes by one recipe and measures the result."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from golden.errors import WeftError
from golden.evaluation import Network, Noise, real_outputs, real_tensors, top_k
from golden.float_graph import FloatGraph
from golden.graph import Graph, WeightedOp
from golden.mixed_precision.layer_costs import macs
from golden.quantize import quantize
from golden.recipe import Method, Recipe, Recovery
from golden.recovery import equalize
from golden.simulated import SimulatedNetwork, simulate
from weft.comparison.run import Data, Row

if TYPE_CHECKING:
    from hwgen.config import AcceleratorConfig

#: Evaluation inputs whose every tensor is compared, and those whose time is taken.
TENSOR_INPUTS, TIMED_INPUTS = 64, 16


def measure(recipe: Recipe | None, graph: FloatGraph, sets: Sequence[Data], evaluation: Data, config: AcceleratorConfig) -> Row:
    """The row of a recipe, or of the float network, for a prepared graph; `sets` are the draws of calibration data."""
    output = graph.outputs[0]
    reference = real_outputs(graph, evaluation.x, output)
    classes = reference.argmax(axis=1)
    networks: list[Network] = []
    seconds = []
    for data in sets if recipe is not None and recipe.method is Method.STATIC else sets[:1]:
        started = time.perf_counter()
        networks.append(graph if recipe is None else quantized(recipe, graph, data))
        seconds.append(time.perf_counter() - started)
    scores = [reference if recipe is None else real_outputs(network, evaluation.x, output) for network in networks]
    label = evaluation.label
    accuracies = [] if label is None else [top_k(one, label) for one in scores]
    five = label is not None and reference.shape[1] > 5
    cycles, note = _cycles(networks[0], config)
    return Row(
        name="float" if recipe is None else recipe.name,
        accuracy=float(np.mean(accuracies)) if accuracies else None,
        deviation=float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else 0.0,
        top5=float(np.mean([top_k(one, label, 5) for one in scores])) if five and label is not None else None,
        agreement=float(np.mean([(one.argmax(axis=1) == classes).mean() for one in scores])),
        sqnr={} if recipe is None else tensor_noise(reference_graph(recipe, graph), networks[0], evaluation),
        integer_only=isinstance(networks[0], Graph),
        uniform=recipe is not None,
        weight_bits=_mean_weight_bits(networks[0]),
        activation_bits=_mean_activation_bits(networks[0], recipe),
        size=storage(networks[0]),
        bops=bit_operations(graph, networks[0], recipe),
        cycles=cycles,
        latency=_latency(networks[0], evaluation, output),
        seconds=float(np.mean(seconds)),
        note=note,
    )


def quantized(recipe: Recipe, graph: FloatGraph, data: Data) -> Network:
    """The network that a recipe makes of a prepared graph."""
    if recipe.method is not Method.STATIC:
        return simulate(graph, recipe)
    return quantize(graph, data.x, recipe=recipe)


def reference_graph(recipe: Recipe, graph: FloatGraph) -> FloatGraph:
    """The float network whose tensors those of the quantized one stand for: equalization changes what lies between two layers."""
    return equalize(graph) if recipe.method is Method.STATIC and Recovery.EQUALIZATION in recipe.recovery else graph


def tensor_noise(graph: FloatGraph, network: Network, evaluation: Data) -> dict[str, float]:
    """dB by tensor, the worst first, over the first evaluation inputs; a tensor without noise is left out."""
    few = evaluation.take(slice(0, TENSOR_INPUTS)).x
    noise = Noise()
    noise.update(real_tensors(graph, few), real_tensors(network, few))
    return {name: ratio for name, ratio in noise.sqnr().items() if math.isfinite(ratio)}


def storage(network: Network) -> int:
    """Bytes that the network's constants take: packed weights, 4 for each bias and, of integers, 5 for each rescale factor."""
    if isinstance(network, Graph):
        bits = 0
        for op in network.ops:
            if isinstance(op, WeightedOp):
                bits += op.weight.size * op.weight_bits + op.bias.size * 32 + op.rescale.shift.size * 40
        return -(-bits // 8)
    if isinstance(network, SimulatedNetwork):
        return -(-network.storage_bits // 8)
    return sum(4 * (op.weight.size + op.bias.size) for op in network.weighted_ops())


def bit_operations(graph: FloatGraph, network: Network, recipe: Recipe | None) -> int:
    """BOPS of an inference (SPEC eq. 46): the bits of each layer's weights times those of its input; 32 for what is not quantized."""
    total = 0
    for op in graph.weighted_ops():
        weight, activation = 32, 32
        if isinstance(network, Graph):
            layer = next(other for other in network.ops if other.name == op.name)
            weight, activation = getattr(layer, "weight_bits", 8), network.op_inputs(layer)[0].bits
        elif isinstance(network, SimulatedNetwork) and recipe is not None:
            weight = network.weights[op.name].format.bits
            activation = recipe.activation_scheme(graph, op.inputs[0]).bits if recipe.method is Method.DYNAMIC else 32
        total += macs(graph, op) * weight * activation
    return total


def _mean_weight_bits(network: Network) -> float:
    """Bits of a weight, the mean over all."""
    if isinstance(network, Graph):
        sizes = [(op.weight.size, op.weight_bits) for op in network.ops if isinstance(op, WeightedOp)]
    elif isinstance(network, SimulatedNetwork):
        sizes = [(op.weight.size, network.weights[op.name].format.bits) for op in network.graph.weighted_ops()]
    else:
        return 32.0
    return _mean(sizes)


def _mean_activation_bits(network: Network, recipe: Recipe | None) -> float:
    """Bits of an activation, the mean over all tensors."""
    if isinstance(network, Graph):
        return _mean([(tensor.size, tensor.bits) for tensor in network.tensors.values()])
    return 32.0 if recipe is None or recipe.method is Method.WEIGHT_ONLY else float(recipe.activations.bits)


def _mean(sizes: Sequence[tuple[int, int]]) -> float:
    count = sum(size for size, _ in sizes)
    return sum(size * bits for size, bits in sizes) / count if count else 0.0


def _cycles(network: Network, config: AcceleratorConfig) -> tuple[int | None, str]:
    """Cycles of an inference on the accelerator, or why there are none."""
    if not isinstance(network, Graph):
        return None, "runs in the golden model only" if isinstance(network, SimulatedNetwork) else ""
    from hwgen.compiler.analysis import analyze

    try:
        analysis = analyze(network, config.with_rescale(network.format), {})
    except WeftError as error:
        return None, f"{error.message}: {'; '.join(error.problems)}" if error.problems else error.message
    return analysis.cycles, "" if analysis.fit.fits else "the memories of the configuration are too small"


def _latency(network: Network, evaluation: Data, output: str) -> float:
    """Milliseconds for one input, the median of a few."""
    times = []
    for index in range(min(TIMED_INPUTS, evaluation.count)):
        one: dict[str, npt.NDArray[np.float32]] = evaluation.take(slice(index, index + 1)).x
        started = time.perf_counter()
        real_outputs(network, one, output)
        times.append(time.perf_counter() - started)
    return float(np.median(times)) * 1e3
