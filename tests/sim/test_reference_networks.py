"""The MLPerf Tiny networks from file to RTL: every layer of real inputs, bit for bit, in exactly the cycles that are promised."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from golden.graph import Graph, Int8
from golden.importers.tflite import import_file
from hwgen.compiler import compile_graph
from hwgen.config import NAMED, AcceleratorConfig
from sim.tools import Simulator
from sim.verify import verify

pytestmark = pytest.mark.reference

CONFIG = NAMED["ulx3s-16x8"]
#: Cycles of an inference on 16 x 8, 4 lanes, 4 weight rows a cycle: what the hardware's counters say, and the most that is allowed.
CYCLES = {
    "ic_resnet8": (116_165, 118_000),
    "kws_dscnn": (38_780, 40_000),
    "vww_mobilenet": (109_787, 115_000),
    "ad_autoencoder": (9_441, 12_000),
}
#: Memories that hold every one of them on other arrays.
ROOMY = {"act_depth": 16384, "weight_depth": 65536, "param_depth": 8192, "program_depth": 8192, "add_tables": 4}


def reference(name: str, images: int) -> tuple[Graph, Int8]:
    """A network, and real inputs of it; random ones for the autoencoder, and where the folder is that of `make reference`."""
    folder = Path(os.environ["WEFT_REFERENCE"])
    real = folder / "samples" / f"{name}_real.npz"
    with np.load(real if real.is_file() else folder / "samples" / f"{name}_random.npz") as samples:
        return import_file(folder / "models" / f"{name}_int8.tflite"), samples["x"][:images]


def check(graph: Graph, inputs: Int8, config: AcceleratorConfig, simulator: Simulator) -> int:
    """Verifies every layer and every cycle count; gives the cycles of an inference."""
    program = compile_graph(graph, config)
    report = verify(graph, inputs, config=config, simulator=simulator)
    assert report.equal, report.first_difference
    assert all(layer.equal for layer in report.layers)
    assert {layer.name: layer.cycles for layer in report.layers} == {layer.name: layer.cycles for layer in program.layers}
    assert report.cycles == program.cycles
    return program.cycles


@pytest.mark.parametrize("name", CYCLES)
def test_verilator(name: str) -> None:
    exact, most = CYCLES[name]
    assert check(*reference(name, 10), CONFIG, Simulator.VERILATOR) == exact <= most


@pytest.mark.parametrize("name", ["kws_dscnn", "ad_autoencoder"])
def test_icarus(name: str) -> None:
    check(*reference(name, 1), CONFIG, Simulator.ICARUS)


@pytest.mark.parametrize("name", CYCLES)
@pytest.mark.parametrize(
    "config",
    [replace(NAMED["small-8x8"], **ROOMY), replace(NAMED["small-8x8"], cols=16, acc_depth=512, weight_rows_per_cycle=4, **ROOMY)],
    ids=["8x8", "8x16"],
)
def test_other_arrays(name: str, config: AcceleratorConfig) -> None:
    check(*reference(name, 2), config, Simulator.VERILATOR)
