"""Compresses a network, from files or arrays to an integer graph: `weft compress` as a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from golden import network_file
from golden.errors import InputError
from golden.graph import Graph
from golden.recipe import Method, Recipe
from weft.arrays import read_labels
from weft.recipe_argument import recipe_of

if TYPE_CHECKING:
    from torch import nn
    from torch.export import ExportedProgram

    from golden.compression.network import LayerSizes, Settings
    from golden.compression.rank import RankReport
    from golden.float_graph import FloatGraph

#: Shares of the energy of the singular values for which ranks are told.
RANK_SHARES = (0.9, 0.99)


@dataclass(frozen=True, eq=False)
class Compressed:
    """What a compression came to.

    graph:    the integer graph, an ordinary one.
    layers:   the bytes of each layer's weights at each stage.
    ranks:    of the weights before compression, after any factorization.
    accuracy: share of right classes among the evaluation inputs, of the integer graph; None without them.
    plain_accuracy: that of the same network quantized to int8 without compression.
    """

    graph: Graph
    layers: tuple[LayerSizes, ...]
    ranks: tuple[RankReport, ...]
    accuracy: float | None
    plain_accuracy: float | None

    def total(self, stage: str) -> float:
        """The sum over the layers of "float32", "int8", "pruned", "shared", "coded", "weights" or "nonzero"."""
        return float(sum(getattr(layer, stage) for layer in self.layers))

    def to_json(self) -> dict[str, Any]:
        """Everything but the graph, as JSON values."""
        return {
            "layers": [asdict(layer) for layer in self.layers],
            "bytes": {stage: self.total(stage) for stage in ("float32", "int8", "pruned", "shared", "coded")},
            "sparsity": 1 - self.total("nonzero") / self.total("weights"),
            "ranks": [
                {
                    "name": report.name,
                    "shape": list(report.shape),
                    "rank": report.rank,
                    "effective_rank": report.effective_rank,
                    "rank_for_energy": {str(share): report.rank_for_energy(share) for share in RANK_SHARES},
                    "singular_values": report.singular_values.tolist(),
                }
                for report in self.ranks
            ],
            "accuracy": self.accuracy,
            "plain_accuracy": self.plain_accuracy,
        }


def compress(
    model: nn.Module | ExportedProgram | FloatGraph | str,
    calibration: str | Path,
    *,
    settings: Settings | None = None,
    recipe: Recipe | str | Path | None = None,
    low_rank: Mapping[str, int] | None = None,
    output: str | Path | None = None,
    evaluation: str | Path | None = None,
    layout: str | None = None,
    values: str | None = None,
    name: str | None = None,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Compressed:
    """Prunes a float network, shares its weights through codebooks of int8 values, and makes an integer graph of it.

    model:       as `weft.quantize` takes it.
    calibration: an npz file of typical real inputs; with their labels where there is fine-tuning.
    settings:    how to compress (golden.compression.network.Settings).
    recipe:      the quantization, or the path of a TOML file; static int8 by default.
    low_rank:    layers to factorize first, and the rank of each.
    output:      a network file to write.
    evaluation:  an npz file of inputs with labels, for the accuracies.

    Raises InputError for what cannot be compressed.
    """
    from golden.compression import network as compression
    from golden.compression.low_rank import factorize
    from golden.compression.rank import rank_reports
    from golden.passes.pipeline import prepare
    from golden.quantize import quantize
    from weft import calibration_data

    chosen = settings or compression.Settings()
    scheme = _static(recipe_of(recipe))
    if isinstance(model, str):
        from weft.model import load_named

        model, name = load_named(model, name, progress)
    prepared = calibration_data.prepare(model, Path(calibration), layout, values, name)
    label = read_labels(Path(calibration), layout, values) if chosen.epochs else None
    held_out = None
    if evaluation is not None:
        other = calibration_data.prepare(prepared.network, Path(evaluation), layout, values, name)
        held_out = other.x, read_labels(Path(evaluation), layout, values)
    floating = prepare(prepared.network)
    plain = None if held_out is None else _accuracy(quantize(floating, prepared.x, recipe=scheme), *held_out)
    for layer, rank in (low_rank or {}).items():
        floating = factorize(floating, layer, rank)
    result = compression.compress(floating, prepared.x, scheme, chosen, label=label, progress=progress)
    if output is not None:
        network_file.save(result.graph, output)
    accuracy = None if held_out is None else _accuracy(result.graph, *held_out)
    return Compressed(result.graph, result.sizes(), rank_reports(floating), accuracy, plain)


def _static(recipe: Recipe) -> Recipe:
    """The recipe, if all of it counts here.  Raises InputError for methods and recoveries that compression would pass over."""
    problems = []
    if recipe.method is not Method.STATIC:
        problems.append(f"the method is {recipe.method.value!r}; compression ends in an integer graph: take 'static'")
    if recipe.recovery:
        problems.append(
            f"{[step.value for step in recipe.recovery]} would undo what weights share; leave `recovery` out, and fine-tune instead"
        )
    if problems:
        raise InputError(f"recipe {recipe.name!r} cannot be compressed with", problems)
    return recipe


def parse_low_rank(pairs: Sequence[str]) -> dict[str, int]:
    """LAYER=RANK texts as a mapping.  Raises InputError for others."""
    found = {}
    for pair in pairs:
        layer, equals, rank = pair.rpartition("=")
        if not equals or not layer or not rank.isdecimal():
            raise InputError(f"a factorization must be LAYER=RANK, such as classifier.1=8, not {pair!r}")
        found[layer] = int(rank)
    return found


def _accuracy(graph: Graph, x: Mapping[str, npt.NDArray[np.float32]], label: npt.NDArray[np.int64]) -> float | None:
    """Share of real inputs that the integer graph classifies as labelled; None where it has no classes."""
    from golden.input_data import quantize_input
    from weft.prediction import predict

    inputs = quantize_input(graph, dict(x))
    assert isinstance(inputs, dict)
    return predict(graph, inputs, label, lambda done, total: None).accuracy
