"""Bits for every layer of a network, within limits: from a float network and data to a recipe, and to a front of recipes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from golden.calibration import calibrate
from golden.errors import InputError
from golden.float_graph import FloatGraph
from golden.mixed_precision import Limit, bit_operations, choose_bits, non_dominated, tied_layers, weight_bytes
from golden.parameters import choose
from golden.passes.average_by_weights import average_by_weights
from golden.recipe import LayerBits, Method, Recipe
from golden.schemes import WeightRange, WeightScheme
from golden.sensitivity import Measure, Scores, sensitivity
from weft.comparison.contenders import ByRecipe
from weft.comparison.data import Data
from weft.comparison.run import Comparison, compare
from weft.progress import Progress, silent

if TYPE_CHECKING:
    from hwgen.config import AcceleratorConfig


#: Numbers of bits that a layer may get.
BITS = (2, 3, 4, 5, 6, 7, 8)
#: What the recipe is but for the bits.
BASE = Recipe(name="mixed", weights=WeightScheme(range=WeightRange.MSE))
#: Shares of the bytes of 8-bit weights along a front.
SHARES = (0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
#: Calibration inputs that the loss is measured on.
LOSS_INPUTS = 256


@dataclass(frozen=True, eq=False)
class Allocation:
    """The bits that were chosen.

    recipe:   with the bits of every layer.
    bits:     by layer.
    scores:   what the measure said of every layer at every number of bits.
    costs:    by kind of limit ("bytes", "bops", "cycles"): what the layers cost together, and what they would with 8 bits.
    """

    recipe: Recipe
    bits: dict[str, int]
    scores: Scores
    costs: dict[str, tuple[float, float]]

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "recipe": self.recipe.to_toml(),
            "bits": self.bits,
            "measure": self.scores.measure.value,
            "scores": {layer: {str(b): score for b, score in row.items()} for layer, row in self.scores.scores.items()},
            "costs": {kind: {"chosen": chosen, "int8": whole} for kind, (chosen, whole) in self.costs.items()},
        }


@dataclass(frozen=True, eq=False)
class Front:
    """Recipes from few bytes to many, measured.

    comparison:  a row for each recipe.
    best:        indices of the rows that no other beats, in size and accuracy.
    """

    comparison: Comparison
    allocations: tuple[Allocation, ...]
    best: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "comparison": self.comparison.to_json(),
            "allocations": [one.to_json() for one in self.allocations],
            "best": [self.comparison.rows[index].name for index in self.best],
        }


class Allocator:
    """Chooses bits for one network; the sensitivity is measured once."""

    def __init__(
        self,
        graph: FloatGraph,
        data: Data,
        config: AcceleratorConfig | None,
        *,
        measure: Measure = Measure.TRACE,
        base: Recipe = BASE,
        bits: Sequence[int] = BITS,
        eight_bit_ends: bool = True,
        progress: Progress = silent,
    ) -> None:
        """graph: prepared.  data: for the ranges, and, with its labels where there are any, for the loss.  config: None: no cycles."""
        if not set(bits) <= set(range(2, 9)):
            raise InputError(f"a layer has 2 to 8 bits, not {sorted(bits)}")
        if base.method is not Method.STATIC:
            raise InputError(f"recipe {base.name!r} is {base.method.value}; bits are chosen for static networks: take the method 'static'")
        graph = average_by_weights(graph, base.format)
        self.graph, self.base = graph, base
        choices = sorted({*bits, 8} if eight_bit_ends else set(bits))
        ranges = calibrate(graph, data.x, base)
        quantized = {}
        for number in choices:
            parameters = choose(graph, ranges, replace(base, layers={}, weights=replace(base.weights, bits=number)))
            quantized[number] = {op.name: parameters.quantized_weight(op) for op in graph.weighted_ops()}
        few = data.take(slice(0, LOSS_INPUTS))
        (x,) = few.x.values() if len(few.x) == 1 else (np.zeros(0, np.float32),)  # several inputs are refused by the measure
        self.scores = sensitivity(
            graph, quantized, x, few.label, measure, progress=lambda done, total: progress("measuring layers", done, total)
        )
        self.tables = {
            "bytes": weight_bytes(graph, choices),
            "bops": bit_operations(graph, base, choices),
        }
        self.rest = dict.fromkeys(self.tables, 0.0)
        if config is not None:
            self.tables["cycles"], self.rest["cycles"] = _cycles(graph, data, base, config, choices)
        layers = [op.name for op in graph.weighted_ops()]
        self.fixed = {layers[0]: 8, layers[-1]: 8} if eight_bit_ends else {}

    def whole(self, kind: str) -> float:
        """What the network costs with 8 bits in all layers, or with the most that there are."""
        return self.rest[kind] + sum(row[max(row)] for row in self.tables[kind].values())

    def allocate(self, limits: dict[str, float], name: str | None = None) -> Allocation:
        """The bits with the least loss within limits.

        limits: by kind ("bytes", "bops", "cycles"), the most that the network may cost.
        Raises InputError where they cannot be kept, and says what the least is.
        """
        what = {"bytes": "bytes of weights", "bops": "bit operations", "cycles": "cycles"}
        bits = choose_bits(
            self.scores.scores,
            [Limit(what[kind], self.tables[kind], most, self.rest[kind]) for kind, most in limits.items()],
            ties=tied_layers(self.graph),
            fixed=self.fixed,
        )
        recipe = replace(
            self.base,
            name=name or self.base.name,
            layers={**self.base.layers} | {layer: self._layer_bits(layer, number) for layer, number in bits.items()},
        )
        costs = {
            kind: (self.rest[kind] + sum(table[layer][number] for layer, number in bits.items()), self.whole(kind))
            for kind, table in self.tables.items()
        }
        return Allocation(recipe, bits, self.scores, costs)

    def _layer_bits(self, layer: str, weights: int) -> LayerBits:
        """The chosen bits of a layer's weights; those of its activations stay what the recipe says."""
        return LayerBits(weights, self.base.layers.get(layer, LayerBits()).activations)


def front(
    allocator: Allocator,
    shares: Sequence[float],
    calibration: Data,
    evaluation: Data,
    config: AcceleratorConfig,
    configuration: str,
    progress: Progress = silent,
) -> Front:
    """Allocations for shares of the bytes of 8-bit weights, and what they are worth; those that cannot be kept are left out."""
    found: dict[tuple[int, ...], Allocation] = {}
    for share in sorted(shares):
        try:
            one = allocator.allocate({"bytes": share * allocator.whole("bytes")}, f"mixed, {share:.0%} of the bytes")
        except InputError:
            continue
        found.setdefault(tuple(one.bits.values()), one)
    if not found:
        raise InputError("none of the shares of the bytes can be kept; the ends alone may take more (--no-eight-bit-ends)")
    allocations = tuple(found.values())
    comparison = compare(
        allocator.graph,
        calibration,
        evaluation,
        [ByRecipe(one.recipe) for one in allocations],
        config=config,
        configuration=configuration,
        progress=progress,
    )
    measured = comparison.rows[1:]
    points = [(float(row.size), row.agreement if row.accuracy is None else row.accuracy) for row in measured]
    return Front(comparison, allocations, tuple(index + 1 for index in non_dominated(points)))


def _cycles(
    graph: FloatGraph, data: Data, base: Recipe, config: AcceleratorConfig, bits: Sequence[int]
) -> tuple[dict[str, dict[int, float]], float]:
    """Cycles of each layer on the accelerator, from its own formulas, whatever the bits: it computes with int8; and of all the rest."""
    from golden.integer_graph import build
    from hwgen.compiler.analysis import analyze

    integers = build(graph, choose(graph, calibrate(graph, data.take(slice(0, 8)).x, base), replace(base, layers={})))
    analysis = analyze(integers, config.with_rescale(integers.format), {})
    taken = dict.fromkeys((op.name for op in graph.weighted_ops()), 0.0)
    for layer in analysis.layers:
        if layer.name in taken:
            taken[layer.name] += layer.cycles
    return {name: dict.fromkeys(bits, cycles) for name, cycles in taken.items()}, analysis.cycles - sum(taken.values())


def parse_limit(text: str, whole: float) -> float:
    """A limit as a number, or as a percentage of what 8 bits cost.  Raises InputError for anything else."""
    try:
        value = float(text.rstrip("%")) * (whole / 100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise InputError(f"a limit is a number greater than 0, or a percentage of what 8 bits cost, such as 50%, not {text!r}")
    return value
