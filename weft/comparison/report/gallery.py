"""Chooses the methods that pictures show, and makes all pictures of a comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from golden.evaluation import real_tensors
from golden.float_graph import FloatWeightedOp
from weft.comparison.contenders import Contender
from weft.comparison.measure import TENSOR_INPUTS
from weft.comparison.pictures.accuracy_latency import accuracy_latency
from weft.comparison.pictures.accuracy_size import accuracy_size
from weft.comparison.pictures.activation_histograms import activation_histograms
from weft.comparison.pictures.feature_maps import feature_maps
from weft.comparison.pictures.figure import Picture
from weft.comparison.pictures.filters import filters
from weft.comparison.pictures.layer_noise import layer_noise
from weft.comparison.pictures.loss_landscape import loss_landscape
from weft.comparison.pictures.subject import Subject
from weft.comparison.pictures.weight_histograms import weight_histograms
from weft.comparison.report.landscapes import landscapes
from weft.comparison.row import Row
from weft.comparison.run import Comparison, Study


def shown(rows: Sequence[Row]) -> tuple[str, ...]:
    """The methods whose weights and activations are drawn, three at most; `rows` are those of a comparison.

    The first one that ends in integers; of those that train, the one with the fewest bits; and of those that do not, the most
    accurate one with the same bits as that, or, where none trains, the one with the fewest bits.
    """
    integers = [row for row in rows[1:] if row.integer_only]
    plain, trained = ([row for row in integers if row.trained is learns] for learns in (False, True))

    def bits(row: Row) -> tuple[float, float]:
        return row.weight_bits, row.activation_bits

    def score(row: Row) -> float:
        return row.agreement if row.accuracy is None else row.accuracy

    chosen = plain[:1]
    last = min(trained, key=lambda row: row.weight_bits * row.activation_bits, default=None)
    others = [row for row in plain[1:] if row.uniform]
    same = [row for row in others if last is not None and bits(row) == bits(last)]
    if same:
        chosen.append(max(same, key=score))
    elif others:
        chosen.append(min(others, key=lambda row: row.weight_bits * row.activation_bits))
    if last is not None:
        chosen.append(last)
    return tuple(row.name for row in chosen or list(rows[1:])[:1])


def gallery(study: Study, comparison: Comparison, contenders: Sequence[Contender]) -> tuple[Picture, ...]:
    """The pictures, in the order in which a page shows them."""
    graph = study.graph
    names = shown(comparison.rows)
    subjects = [Subject(each.name, each.quantize(study.tasks[0])) for each in contenders if each.name in names]
    few = study.evaluation.take(slice(0, TENSOR_INPUTS)).x
    tensors = real_tensors(graph, few)
    weighted = any(isinstance(op, FloatWeightedOp) for op in graph.ops)
    makers: list[Callable[[], Picture | None]] = [
        lambda: accuracy_size(comparison.rows),
        lambda: accuracy_latency(comparison),
        lambda: layer_noise(graph, comparison.rows[1:]) if len(comparison.rows) > 1 else None,
        lambda: weight_histograms(graph, subjects) if weighted else None,
        lambda: activation_histograms(graph, tensors, subjects),
        lambda: feature_maps(graph, study.evaluation.take(slice(0, 1)).x, subjects),
        lambda: filters(graph, subjects) if weighted else None,
        lambda: loss_landscape(*landscapes(study, contenders, subjects)) if weighted else None,
    ]
    pictures = []
    for number, make in enumerate(makers):
        pictures.append(make())
        study.progress("drawing", number + 1, len(makers))
    return tuple(each for each in pictures if each is not None)
