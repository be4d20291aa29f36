"""Quantizes by one method and measures the result."""

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
from golden.recipe import Method
from golden.simulated import SimulatedNetwork
from weft.comparison.contenders import Contender, Quantized, Task
from weft.comparison.data import Data
from weft.comparison.row import Row

if TYPE_CHECKING:
    from hwgen.config import AcceleratorConfig

#: Evaluation inputs whose every tensor is compared, and those whose time is taken.
TENSOR_INPUTS, TIMED_INPUTS = 64, 16


def measure(contender: Contender | None, tasks: Sequence[Task], evaluation: Data, config: AcceleratorConfig) -> Row:
    """The row of a method, or of the float network; there is a task for each draw of calibration data."""
    graph = tasks[0].graph
    output = graph.outputs[0]
    reference = real_outputs(graph, evaluation.x, output)
    classes = reference.argmax(axis=1)
    made: list[Quantized] = []
    seconds = []
    for task in tasks if contender is not None and contender.calibrated and not contender.trained else tasks[:1]:
        started = time.perf_counter()
        made.append(Quantized(graph) if contender is None else contender.quantize(task))
        seconds.append(time.perf_counter() - started)
    first = made[0]
    scores = [reference if contender is None else real_outputs(one.network, evaluation.x, output) for one in made]
    label = evaluation.label
    accuracies = [] if label is None else [top_k(one, label) for one in scores]
    five = label is not None and reference.shape[1] > 5
    cycles, why = _cycles(first.network, config)
    return Row(
        name="float" if contender is None else contender.name,
        accuracy=float(np.mean(accuracies)) if accuracies else None,
        deviation=float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else 0.0,
        top5=float(np.mean([top_k(one, label, 5) for one in scores])) if five and label is not None else None,
        agreement=float(np.mean([(one.argmax(axis=1) == classes).mean() for one in scores])),
        sqnr={} if contender is None else tensor_noise(first.reference or graph, first.network, evaluation),
        integer_only=isinstance(first.network, Graph),
        uniform=first.uniform,
        trained=contender is not None and contender.trained,
        weight_bits=_mean_weight_bits(first),
        activation_bits=_mean_activation_bits(first.network),
        size=storage(first),
        bops=bit_operations(graph, first.network),
        cycles=cycles,
        latency=_latency(first.network, evaluation, output),
        seconds=float(np.mean(seconds)),
        note="; ".join(filter(None, (first.note, why))),
    )


def tensor_noise(graph: FloatGraph, network: Network, evaluation: Data) -> dict[str, float]:
    """dB by tensor, the worst first, over the first evaluation inputs; a tensor without noise is left out."""
    few = evaluation.take(slice(0, TENSOR_INPUTS)).x
    noise = Noise()
    noise.update(real_tensors(graph, few), real_tensors(network, few))
    return {name: ratio for name, ratio in noise.sqnr().items() if math.isfinite(ratio)}


def storage(quantized: Quantized) -> int:
    """Bytes that a network's constants take: weights, packed or coded, 4 for each bias and, of integers, 5 for each rescale factor."""
    network = quantized.network
    if isinstance(network, Graph):
        weights = rest = 0.0
        for op in network.ops:
            if isinstance(op, WeightedOp):
                weights += op.weight.size * op.weight_bits / 8
                rest += op.bias.size * 4 + op.rescale.shift.size * 5
        return math.ceil((weights if quantized.weight_bytes is None else quantized.weight_bytes) + rest)
    if isinstance(network, SimulatedNetwork):
        return -(-network.storage_bits // 8)
    return sum(4 * (op.weight.size + op.bias.size) for op in network.weighted_ops())


def bit_operations(graph: FloatGraph, network: Network) -> int:
    """BOPS of an inference (SPEC eq. 46): the bits of each layer's weights times those of its input; 32 for what is not quantized."""
    total = 0
    for op in graph.weighted_ops():
        weight, activation = 32, 32
        if isinstance(network, Graph):
            layer = next(other for other in network.ops if other.name == op.name)
            weight, activation = getattr(layer, "weight_bits", 8), network.op_inputs(layer)[0].bits
        elif isinstance(network, SimulatedNetwork):
            weight = network.weights[op.name].format.bits
            activation = network.recipe.activation_scheme(graph, op.inputs[0]).bits if network.recipe.method is Method.DYNAMIC else 32
        total += macs(graph, op) * weight * activation
    return total


def _mean_weight_bits(quantized: Quantized) -> float:
    """Bits of a weight as it is stored, the mean over all."""
    network = quantized.network
    if isinstance(network, Graph):
        sizes = [(op.weight.size, op.weight_bits) for op in network.ops if isinstance(op, WeightedOp)]
        count = sum(size for size, _ in sizes)
        return _mean(sizes) if quantized.weight_bytes is None else 8 * quantized.weight_bytes / count
    if isinstance(network, SimulatedNetwork):
        return _mean([(op.weight.size, network.weights[op.name].format.bits) for op in network.graph.weighted_ops()])
    return 32.0


def _mean_activation_bits(network: Network) -> float:
    """Bits of an activation, the mean over all tensors."""
    if isinstance(network, Graph):
        return _mean([(tensor.size, tensor.bits) for tensor in network.tensors.values()])
    if isinstance(network, SimulatedNetwork) and network.recipe.method is Method.DYNAMIC:
        return float(network.recipe.activations.bits)
    return 32.0


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
    """Milliseconds for one input, the least of a few: other work on the machine only adds to it."""
    times = []
    for index in range(min(TIMED_INPUTS, evaluation.count)):
        one: dict[str, npt.NDArray[np.float32]] = evaluation.take(slice(index, index + 1)).x
        started = time.perf_counter()
        real_outputs(network, one, output)
        times.append(time.perf_counter() - started)
    return min(times) * 1e3
