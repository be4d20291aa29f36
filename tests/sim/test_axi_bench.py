"""The whole accelerator through its AXI4-Lite port."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden.errors import InputError
from golden.graph import Graph, Int8
from sim.axi_bench import run_axi
from sim.tools import Simulator

TESTS = [
    "registers",
    "one_inference",
    "two_in_a_row",
    "counters",
    "stalls_on_the_bus",
    "reads_beside_writes",
    "reset_in_mid_run",
    "images_over_the_bus",
]


def test_axi(graph: Graph, images: Int8, build_path: Path, simulator: Simulator, tmp_path: Path) -> None:
    result = run_axi(graph, images[:3], build_path, simulator, tmp_path, seed=1)
    assert result.passed, [(test.name, test.message) for test in result.failures]
    assert [test.name for test in result.tests] == TESTS
    # The package itself uses what cocotb 2.1 deprecates; the bench does not.
    assert not [line for line in result.log.read_text().splitlines() if "sim/benches" in line and "DeprecationWarning" in line]


def test_a_difference_is_found(graph: Graph, images: Int8, build_path: Path, tmp_path: Path) -> None:
    """The bench compares with what it is given: other inputs' results are not these."""
    folder = tmp_path / "faulty"
    folder.mkdir()
    for path in build_path.iterdir():
        text = path.read_text()
        # A layer's cycles as predicted are compared too.
        (folder / path.name).write_text(text.replace('"cycles": ', '"cycles": 1') if path.name == "config.json" else text)
    result = run_axi(graph, images[:3], folder, Simulator.ICARUS, tmp_path / "run", seed=1, test_filter=r"\.counters$")
    assert [test.name for test in result.failures] == ["counters"]


def test_too_few_images(graph: Graph, images: Int8, build_path: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="three images or more, not 2"):
        run_axi(graph, images[:2], build_path, Simulator.ICARUS, tmp_path, seed=1)
