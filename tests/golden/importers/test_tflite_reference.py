"""The four reference networks against TensorFlow Lite Micro's recorded outputs: every integer, and the accuracies."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from golden import network_file
from golden.importers.tflite import import_file
from golden.interpreter import run

pytestmark = pytest.mark.reference

#: Images and right answers of TensorFlow Lite Micro on the labelled samples.
REAL = {"ic_resnet8": (466, 396), "kws_dscnn": (500, 454), "vww_mobilenet": (500, 426)}
RANDOM = {"ic_resnet8": 100, "kws_dscnn": 100, "vww_mobilenet": 40, "ad_autoencoder": 100}


def folder() -> Path:
    return Path(os.environ["WEFT_REFERENCE"])


@pytest.mark.parametrize("name", RANDOM)
def test_random_inputs(name: str, tmp_path: Path) -> None:
    """Also after a trip through the network file."""
    graph = import_file(folder() / "models" / f"{name}_int8.tflite")
    samples = np.load(folder() / "samples" / f"{name}_random.npz")
    assert len(samples["x"]) == RANDOM[name]
    x = samples["x"].reshape(-1, *graph.tensors[graph.inputs[0]].shape)
    network_file.save(graph, tmp_path / "network")
    for one in (graph, network_file.load(tmp_path / "network")):
        y = run(one, x)
        assert np.count_nonzero(y != samples["y_tflm"].reshape(y.shape)) == 0


@pytest.mark.parametrize("name", REAL)
def test_real_inputs_and_accuracy(name: str) -> None:
    recorded = folder() / "samples" / f"{name}_real.npz"
    if not recorded.is_file():
        pytest.skip(f"{recorded} is not there: real inputs are not public, and `make reference` makes random ones alone")
    graph = import_file(folder() / "models" / f"{name}_int8.tflite")
    samples = np.load(recorded)
    y = run(graph, samples["x"].reshape(-1, *graph.tensors[graph.inputs[0]].shape))
    assert np.count_nonzero(y != samples["y_tflm"].reshape(y.shape)) == 0
    assert (len(y), int((y.argmax(axis=1) == samples["label"]).sum())) == REAL[name]
