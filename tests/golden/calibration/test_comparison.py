"""The comparison of ways to calibrate: accuracy and noise of each draw, on the images that did not calibrate."""

from __future__ import annotations

import numpy as np

from golden.calibration.comparison import compare_calibrations, float_outputs
from golden.float_graph import FloatFullyConnected, FloatGraph, FloatTensor
from golden.input_data import dequantize_output, quantize_input
from golden.interpreter import run
from golden.quantize import quantize
from golden.recipe import Recipe
from golden.schemes import ActivationScheme


def test_each_draw_evaluates_on_all_other_images() -> None:
    rng = np.random.default_rng(0)
    op = FloatFullyConnected("fc", ("x",), "y", weight=rng.normal(size=(3, 8)), bias=np.zeros(3))
    graph = FloatGraph("g", {"x": FloatTensor("x", (8,)), "y": FloatTensor("y", (3,))}, ("x",), ("y",), (op,))
    x = rng.uniform(-1, 1, (90, 8)).astype(np.float32)
    label = float_outputs(graph, x).argmax(axis=1)
    coarse, fine = Recipe(activations=ActivationScheme(3)), Recipe()
    calls: list[tuple[int, int]] = []
    results = compare_calibrations(
        graph, (coarse, fine), x, label, images=20, draws=2, progress=lambda done, total: calls.append((done, total))
    )
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [result.recipe for result in results] == [coarse, fine]
    assert min(results[1].accuracy) > max(results[0].accuracy)
    assert min(results[1].sqnr) > max(results[0].sqnr)
    quantized = quantize(graph, x[20:40], recipe=coarse)
    rest = np.concatenate([x[:20], x[40:]])
    y = dequantize_output(quantized, run(quantized, np.asarray(quantize_input(quantized, rest))))
    wanted = float_outputs(graph, rest)
    assert results[0].accuracy[1] == (y.argmax(axis=1) == wanted.argmax(axis=1)).mean()
    assert np.isclose(results[0].sqnr[1], 10 * np.log10((wanted**2).sum() / ((y - wanted) ** 2).sum()))
