"""The reference networks that benchmarks measure: MLPerf Tiny's, in the folder that WEFT_REFERENCE names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from golden.graph import Graph, Int8
from weft.benchmarks.registry import NotMeasuredError
from weft.network import load_network

VARIABLE = "WEFT_REFERENCE"
#: The accelerator on which they are measured.
CONFIG = "ulx3s-16x8"

_SEED = 0


@dataclass(frozen=True)
class ReferenceNetwork:
    """A network: what people call it, its file, and the cycles that one inference on CONFIG should take at most."""

    name: str
    file: str
    cycles_at_most: int

    @property
    def path(self) -> Path:
        """Its file.  Raises NotMeasuredError where it is not there."""
        folder = os.environ.get(VARIABLE)
        if not folder:
            raise NotMeasuredError(f"{VARIABLE} names no folder of reference networks: `make reference` fetches them")
        path = Path(folder) / "models" / self.file
        if not path.is_file():
            raise NotMeasuredError(f"{path} is not there, but {VARIABLE} is {folder}: `make reference` fetches it")
        return path


RESNET = ReferenceNetwork("ResNet-8", "ic_resnet8_int8.tflite", 118_000)
NETWORKS = (
    RESNET,
    ReferenceNetwork("DS-CNN", "kws_dscnn_int8.tflite", 40_000),
    ReferenceNetwork("MobileNetV1-0.25", "vww_mobilenet_int8.tflite", 115_000),
    ReferenceNetwork("autoencoder", "ad_autoencoder_int8.tflite", 12_000),
)


def with_inputs(network: ReferenceNetwork, count: int) -> tuple[Graph, Int8]:
    """A network and `count` random inputs for it, int8[count, *shape]."""
    graph = load_network(network.path)
    shape = graph.tensors[graph.inputs[0]].shape
    return graph, np.random.default_rng(_SEED).integers(-128, 128, (count, *shape)).astype(np.int8)
