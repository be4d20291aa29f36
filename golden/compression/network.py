"""Compresses a network: prune, share weights, and what the result takes at each stage (SPEC section 15; Han et al., ICLR 2016)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from golden.calibration import calibrate
from golden.compression.codebook import SharedWeights, share
from golden.compression.fine_tuning import fine_tune
from golden.compression.parametrizations import keep_pruned, train_codebook
from golden.compression.pruning import Scope, masks, prune
from golden.compression.weight_storage import StoredWeights, pruned_bytes, restore, shared_bytes, store
from golden.errors import InputError
from golden.float_graph import FloatFullyConnected, FloatGraph, FloatOp, FloatWeightedOp
from golden.graph import Graph, WeightedOp
from golden.integer_graph import build
from golden.parameters import Parameters, choose
from golden.recipe import Recipe
from golden.trainable_graph import TrainableGraph
from golden.weight_rows import from_rows, weight_rows

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
#: Called with (what is being done, steps done, steps in all).
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Settings:
    """How a network is compressed; the defaults are the classic ones.

    sparsity:  the share of weights that is pruned, at least 0 and below 1.
    scope:     what shares a pruning threshold.
    conv_bits, linear_bits: bits of an index into the codebook, 1 to 8; None: no codebook, the weights stay int8.
    epochs:    of fine-tuning after pruning, and again after sharing; 0: none, and no labels are needed.
    learning_rate: of fine-tuning, in units of the size of each layer's weights.
    """

    sparsity: float = 0.5
    scope: Scope = Scope.NETWORK
    conv_bits: int | None = 4
    linear_bits: int | None = 2
    epochs: int = 0
    learning_rate: float = 0.01

    def __post_init__(self) -> None:
        problems = []
        if not 0 <= self.sparsity < 1:
            problems.append(f"the sparsity must be at least 0 and below 1, not {self.sparsity!r}")
        for what, bits in (("conv_bits", self.conv_bits), ("linear_bits", self.linear_bits)):
            if bits is not None and not 1 <= bits <= 8:
                problems.append(f"{what} must be from 1 to 8, or nothing for weights without a codebook, not {bits!r}")
        if self.epochs < 0:
            problems.append(f"epochs must be 0 or more, not {self.epochs!r}")
        if not self.learning_rate > 0:
            problems.append(f"the learning rate must be above 0, not {self.learning_rate!r}")
        if problems:
            raise InputError("this compression is not possible", problems)

    def bits(self, op: FloatWeightedOp) -> int | None:
        """Bits of an index of one layer."""
        return self.linear_bits if isinstance(op, FloatFullyConnected) else self.conv_bits


@dataclass(frozen=True)
class LayerSizes:
    """The bytes that the weights of a layer take at each stage, without biases.

    weights, nonzero, values: how many weights, of them not 0, and how many different ones that are not 0.
    float32, int8:  as they are, without compression.
    pruned:  float32 weights that are not 0, and the gaps between them.
    shared:  indices and codebook in place of the weights.
    coded:   indices and gaps Huffman coded, with the codes: what has been stored and read back.
    """

    name: str
    kind: str
    weights: int
    nonzero: int
    values: int
    float32: float
    int8: float
    pruned: float
    shared: float
    coded: float


@dataclass(frozen=True, eq=False)
class CompressedNetwork:
    """A compressed network.

    floating: the float graph after pruning and fine-tuning, with the weights that the integers stand for.
    graph:    the integer graph: an ordinary one, which the accelerator runs bit-exactly.
    stored:   its weights as they are stored, by operator name.
    """

    floating: FloatGraph
    graph: Graph
    stored: Mapping[str, StoredWeights]

    def sizes(self) -> tuple[LayerSizes, ...]:
        """What each layer takes."""
        return layer_sizes(self.graph, self.stored)


def compress(
    graph: FloatGraph,
    data: Mapping[str, Float32],
    recipe: Recipe,
    settings: Settings,
    *,
    label: Int64 | None = None,
    progress: Progress = lambda what, done, total: None,
) -> CompressedNetwork:
    """Prunes, shares weights, and quantizes to int8.

    graph:  prepared (golden.passes.pipeline).
    data:   float32[N, *shape] per network input, NHWC, as `checked_data` returns it; for ranges of activations, and for fine-tuning.
    recipe: a static one, of 8-bit weights; with one scale for each output channel a codebook is shared in steps of these.
    label:  int64[N], the class of each input, for fine-tuning alone.
    Raises InputError for a recipe of other weights, and for fine-tuning without labels or on a network that has no classes.
    """
    if recipe.weights.bits != 8 or not recipe.weights.symmetric:
        raise InputError("codebooks of a compressed network hold symmetric 8-bit integers; take a recipe with symmetric weights of 8 bits")
    if settings.epochs and label is None:
        raise InputError("fine-tuning needs the class of every input (labels); without them give 0 epochs")
    pruned = _prune(graph, data, settings, label, progress)
    parameters = choose(pruned, calibrate(pruned, data, recipe), recipe)
    shared = _share(pruned, parameters, settings)
    if settings.epochs and shared and label is not None:
        pruned, shared = _train_codebooks(pruned, parameters, shared, data, label, settings, progress)
    low, high = recipe.weights.format().low, recipe.weights.format().high
    integers = {name: each.rounded(low, high).decode().astype(np.int64) for name, each in shared.items()}
    parameters = replace(parameters, integers={**parameters.integers, **integers})
    result = build(pruned, parameters)
    return CompressedNetwork(_as_integers(pruned, parameters), result, store_weights(result))


def store_weights(graph: Graph) -> dict[str, StoredWeights]:
    """The weights of any integer graph, stored, by operator name; each has been read back and found equal."""
    stored = {op.name: store(op.weight) for op in graph.ops if isinstance(op, WeightedOp)}
    for op in graph.ops:
        if isinstance(op, WeightedOp) and not np.array_equal(restore(stored[op.name]), op.weight):
            raise AssertionError(f"the weights of layer {op.name!r} do not come back from storage")
    return stored


def layer_sizes(graph: Graph, stored: Mapping[str, StoredWeights]) -> tuple[LayerSizes, ...]:
    """What the stored weights of each layer take."""
    return tuple(
        LayerSizes(
            op.name,
            op.kind,
            op.weight.size,
            int(np.count_nonzero(op.weight)),
            int(np.count_nonzero(np.unique(op.weight))),
            4 * op.weight.size,
            op.weight.size,
            pruned_bytes(op.weight),
            shared_bytes(op.weight),
            stored[op.name].coded_bytes,
        )
        for op in graph.ops
        if isinstance(op, WeightedOp)
    )


def _prune(graph: FloatGraph, data: Mapping[str, Float32], settings: Settings, label: Int64 | None, progress: Progress) -> FloatGraph:
    if settings.sparsity == 0:
        return graph
    if not settings.epochs or label is None:
        return prune(graph, settings.sparsity, settings.scope)
    kept = masks({op.name: op.weight for op in graph.weighted_ops()}, settings.sparsity, settings.scope)
    network = TrainableGraph(graph)
    for name, layer in network.layers.items():
        keep_pruned(layer, kept[name])
    _train(network, data, label, settings, lambda done, total: progress("fine-tuning what is left", done, total))
    return network.float_graph()


def _share(graph: FloatGraph, parameters: Parameters, settings: Settings) -> dict[str, SharedWeights]:
    """The shared weights [Cout, K] of each layer in steps of its scales."""
    shared = {}
    for op in graph.weighted_ops():
        bits = settings.bits(op)
        if bits is not None:
            shared[op.name] = share(weight_rows(op) / parameters.weights[op.name].scale[:, None], bits)
    return shared


def _train_codebooks(
    graph: FloatGraph,
    parameters: Parameters,
    shared: dict[str, SharedWeights],
    data: Mapping[str, Float32],
    label: Int64,
    settings: Settings,
    progress: Progress,
) -> tuple[FloatGraph, dict[str, SharedWeights]]:
    network = TrainableGraph(graph)
    operators = {op.name: op for op in graph.weighted_ops()}
    sources, units = {}, {}
    for name, each in shared.items():
        scale = parameters.weights[name].scale
        units[name] = float(scale.mean())  # the codebook is trained in real units, like all other weights
        per_weight = np.repeat(scale[:, None] / units[name], each.indices.shape[1], axis=1)
        codebook = SharedWeights(each.codebook * units[name], from_rows(operators[name], each.indices))
        sources[name] = train_codebook(network.layers[name], codebook, from_rows(operators[name], per_weight))
    for name, layer in network.layers.items():
        if name not in shared:
            keep_pruned(layer, operators[name].weight != 0)
    _train(network, data, label, settings, lambda done, total: progress("fine-tuning the codebooks", done, total))
    trained = {name: SharedWeights(source.shared().codebook / units[name], shared[name].indices) for name, source in sources.items()}
    return network.float_graph(), trained


def _train(
    network: TrainableGraph,
    data: Mapping[str, Float32],
    label: Int64,
    settings: Settings,
    progress: Callable[[int, int], None],
) -> None:
    (x,) = data.values()
    fine_tune(network, x, label, epochs=settings.epochs, learning_rate=settings.learning_rate, progress=progress)


def _as_integers(graph: FloatGraph, parameters: Parameters) -> FloatGraph:
    def real(op: FloatOp) -> FloatOp:
        return replace(op, weight=parameters.quantized_weight(op)) if isinstance(op, FloatWeightedOp) else op

    return graph.with_ops(real(op) for op in graph.ops)
