"""Loss landscapes of the float network and of the methods that are shown; they take long, so they are kept."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from golden.evaluation import real_outputs
from golden.float_graph import FloatGraph, FloatSoftmax
from golden.training.landscape import Landscape, Loss, Surroundings, cross_entropy, landscape
from hwgen import cache
from weft.comparison.contenders import Contender
from weft.comparison.pictures.subject import Subject
from weft.comparison.run import Study

#: Evaluation inputs whose loss is drawn, points along a direction, and how far the outermost are.
INPUTS, POINTS, RADIUS = 64, 13, 0.5


def landscapes(study: Study, contenders: Sequence[Contender], subjects: Sequence[Subject]) -> tuple[dict[str, Landscape], int, bool]:
    """By name, the float network's first; the number of inputs; whether these have labels, or the float network's classes stand for them.

    Methods whose parameters are not known as a whole, such as codebooks, and simulated ones are left out.
    """
    few = study.evaluation.take(slice(0, INPUTS))
    output = study.graph.outputs[0]
    label = real_outputs(study.graph, few.x, output).argmax(axis=1) if few.label is None else few.label
    loss = _loss(study.graph, label)
    around = {"float": (Surroundings(study.graph, None, few.x, loss), study.key(None))}
    by_name = {each.name: each for each in contenders}
    for each in subjects:
        made = each.quantized
        if made.parameters is not None and made.floating is not None:
            around[each.name] = Surroundings(made.floating, made.parameters, few.x, loss), study.key(by_name[each.name])
    found = {}
    for number, (name, (surroundings, key)) in enumerate(around.items()):
        found[name] = _kept(surroundings, key)
        study.progress("loss landscapes", number + 1, len(around))
    return found, few.count, few.label is not None


def _loss(graph: FloatGraph, label: npt.NDArray[np.int64]) -> Loss:
    """The mean cross-entropy; of a network that ends in a softmax, of what goes into it."""
    op = graph.producer(graph.outputs[0])
    if not isinstance(op, FloatSoftmax):
        return cross_entropy(label, graph.outputs[0])
    (scores,), beta = op.inputs, op.beta
    loss = cross_entropy(label, scores)
    return lambda values: loss({scores: np.float32(beta) * values[scores]})


def _kept(around: Surroundings, key: str) -> Landscape:
    """A landscape out of the cache, or computed."""

    def compute() -> str:
        made = landscape(around, radius=RADIUS, points=POINTS)
        return msgspec.json.encode([made.steps.tolist(), made.line.tolist(), made.plane.tolist()]).decode()

    text = cache.text(f"landscape-{cache.digest(key, repr((INPUTS, POINTS, RADIUS)))}", compute)
    return Landscape(*(np.array(values) for values in msgspec.json.decode(text)))
