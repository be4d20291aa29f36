"""Float networks quantized here against their int8 files from TensorFlow Lite's converter, on the same labelled inputs.

The first 100 inputs calibrate, the rest are classified.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from golden.float_graph import FloatGraph
from golden.graph import Graph
from golden.importers import tflite, tflite_file, tflite_float
from golden.input_data import quantize_input
from golden.interpreter import run
from golden.quantize import quantize
from golden.recipe import Recipe
from golden.schemes import ActivationScheme, Calibrator, WeightRange, WeightScheme

pytestmark = pytest.mark.reference

NETWORKS = ("ic_resnet8", "kws_dscnn", "vww_mobilenet")
CALIBRATING = 100
LEAST_ERROR = Recipe(weights=WeightScheme(range=WeightRange.MSE), activations=ActivationScheme(calibration=Calibrator.MSE))


@dataclass(frozen=True, eq=False)
class Reference:
    """A float network, its int8 file, and real inputs with their classes."""

    floating: FloatGraph
    int8: Graph
    x: npt.NDArray[np.float32]
    label: npt.NDArray[np.int64]

    def right(self, recipe: Recipe) -> int:
        """How many inputs the network is right about."""
        graph = quantize(self.floating, self.x[:CALIBRATING], recipe=recipe)
        scores = run(graph, np.asarray(quantize_input(graph, self.x[CALIBRATING:])))
        return int((scores.argmax(axis=1) == self.label[CALIBRATING:]).sum())

    def converter_right(self) -> int:
        """The same for the int8 file."""
        scores = run(self.int8, np.asarray(quantize_input(self.int8, self.x[CALIBRATING:])))
        return int((scores.argmax(axis=1) == self.label[CALIBRATING:]).sum())


@pytest.fixture(scope="module", params=NETWORKS)
def reference(request: pytest.FixtureRequest) -> Reference:
    folder, name = Path(os.environ["WEFT_REFERENCE"]), request.param
    recorded = folder / "samples" / f"{name}_real.npz"
    if not recorded.is_file():
        pytest.skip(f"{recorded} is not there: real inputs are not public, and `make reference` makes random ones alone")
    int8 = tflite.import_file(folder / "models" / f"{name}_int8.tflite")
    floating = tflite_float.import_model(tflite_file.read(folder / "models" / f"{name}_float.tflite"))
    affine = int8.tensors[int8.inputs[0]].affine
    with np.load(recorded) as data:
        x = (np.float32(affine.scale) * (data["x"].astype(np.float32) - affine.zero_point)).astype(np.float32)
        return Reference(floating, int8, x.reshape(-1, *int8.tensors[int8.inputs[0]].shape), data["label"])


def test_int8_is_at_least_as_right_as_the_converter_s(reference: Reference) -> None:
    assert reference.right(Recipe()) >= reference.converter_right()


def test_shift_only_loses_less_than_a_point_against_a_multiplier(reference: Reference) -> None:
    inputs = len(reference.label) - CALIBRATING
    assert reference.right(replace(LEAST_ERROR, rescale="shift")) >= reference.right(LEAST_ERROR) - 0.01 * inputs
