"""Which loss a landscape shows."""

from __future__ import annotations

import numpy as np
import pytest

from golden.float_graph import FloatFullyConnected, FloatGraph, FloatSoftmax, FloatTensor
from golden.training.landscape import Surroundings
from weft.comparison.report import landscapes


def graph(*, softmax: bool) -> FloatGraph:
    """Scores of three classes, and, if wanted, a softmax of twice these."""
    linear = FloatFullyConnected("linear", ("x",), "scores", weight=np.eye(3), bias=np.zeros(3))
    tensors = {name: FloatTensor(name, (3,)) for name in ("x", "scores", "y")}
    if not softmax:
        return FloatGraph("net", tensors, ("x",), ("scores",), (linear,))
    return FloatGraph("net", tensors, ("x",), ("y",), (linear, FloatSoftmax("softmax", ("scores",), "y", beta=2.0)))


@pytest.mark.parametrize(("softmax", "beta"), [(False, 1.0), (True, 2.0)])
def test_the_loss_is_of_scores_and_not_of_probabilities(softmax: bool, beta: float) -> None:
    net, x, label = graph(softmax=softmax), np.array([[3.0, 1.0, 0.0], [0.0, 0.0, 5.0]], np.float32), np.array([0, 1])
    loss = Surroundings(net, None, {"x": x}, landscapes._loss(net, label)).at()
    scores = beta * x.astype(np.float64)
    assert loss == pytest.approx(float(np.mean(np.log(np.exp(scores).sum(axis=1)) - scores[[0, 1], label])))
