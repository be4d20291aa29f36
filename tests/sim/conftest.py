"""The small network, the folder emitted for it, and the simulators."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from golden.graph import Graph, Int8
from hwgen.compiler import compile_graph
from hwgen.emit import emit
from sim import tools
from sim.tools import Simulator
from tests.sim.small import SMALL, small_network


@pytest.fixture(scope="session")
def graph() -> Graph:
    return small_network()


@pytest.fixture(scope="session")
def images() -> Int8:
    return np.random.default_rng(6).integers(-128, 128, (12, 5, 4, 3)).astype(np.int8)


@pytest.fixture(scope="session")
def build_path(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder emitted for the small network: not to be changed."""
    path = tmp_path_factory.mktemp("emitted") / "small"
    emit(compile_graph(graph, SMALL), path)
    return path


@pytest.fixture(params=list(Simulator), ids=lambda simulator: simulator.value)
def simulator(request: pytest.FixtureRequest) -> Simulator:
    """Each simulator; one that is not installed is skipped where that is allowed, see `make test`."""
    chosen: Simulator = request.param
    if tools.missing(chosen):
        pytest.skip(f"{chosen.value} is not installed: {tools.missing(chosen)[0].problem()}")
    return chosen
