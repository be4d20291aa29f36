"""What ways to calibrate do to one network: accuracy and output error of its integers, over several choices of the data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from golden import float_interpreter, interpreter
from golden.float_graph import FloatGraph
from golden.input_data import dequantize_output, quantize_input
from golden.quantize import quantize
from golden.recipe import Recipe

Float32 = npt.NDArray[np.float32]
#: Images that the float network runs at once.
_BATCH = 128


@dataclass(frozen=True)
class Calibrated:
    """One recipe on one network.

    accuracy: share of the evaluation images that are classified as labelled, for each draw of calibration images.
    sqnr:     10 log10 of the energy of the float network's outputs over that of the integers' difference from them, in dB, for each.
    """

    recipe: Recipe
    accuracy: tuple[float, ...]
    sqnr: tuple[float, ...]


def compare_calibrations(
    graph: FloatGraph,
    recipes: Sequence[Recipe],
    x: Float32,
    label: npt.NDArray[np.integer],
    *,
    images: int = 100,
    draws: int = 3,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Calibrated, ...]:
    """Quantizes a float graph of one input and one output vector by each recipe, and runs what comes out.

    x, label: float32[N, *shape], NHWC, and the class of each.
    images:   of draw d those from d * images on calibrate, all others evaluate.
    progress: called with (networks made, networks in all).
    """
    starts = range(0, draws * images, images)
    wanted = float_outputs(graph, x)
    results = []
    for number, recipe in enumerate(recipes):
        accuracy, sqnr = [], []
        for start in starts:
            calibrates = np.zeros(len(x), bool)
            calibrates[start : start + images] = True
            quantized = quantize(graph, x[calibrates], recipe=recipe)
            y = dequantize_output(quantized, interpreter.run(quantized, np.asarray(quantize_input(quantized, x[~calibrates]))))
            accuracy.append(float((y.argmax(axis=1) == label[~calibrates]).mean()))
            noise = float(((y - wanted[~calibrates]) ** 2).sum())
            sqnr.append(10 * float(np.log10((wanted[~calibrates] ** 2).sum() / noise)) if noise else np.inf)
            if progress is not None:
                progress(number * draws + len(accuracy), len(recipes) * draws)
        results.append(Calibrated(recipe, tuple(accuracy), tuple(sqnr)))
    return tuple(results)


def float_outputs(graph: FloatGraph, x: Float32) -> npt.NDArray[np.float64]:
    """The only output of a float graph of one input, float64[N, ...]."""
    parts = [float_interpreter.run(graph, {graph.inputs[0]: x[start : start + _BATCH]}) for start in range(0, len(x), _BATCH)]
    return np.concatenate([part[graph.outputs[0]] for part in parts]).astype(np.float64)
