"""The board that has to be loaded: the real host driver on the Verilated `weft_uart` of a lean accelerator, with an iCE40's cells, after
power-on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from boards.host import Accelerator, DeviceError
from golden import interpreter
from hwgen.compiler import compile_graph
from hwgen.config import NAMED
from hwgen.emit import emit
from sim import tools
from sim.cell_models import cell_models
from sim.random_networks import random_network
from sim.tools import Simulator
from sim.verilog import accelerator_verilog, uart_verilog
from tests.boards.simulated_board import DIVISOR, build, plugged_in

CONFIG = replace(NAMED["icebreaker-4x2"], act_depth=2048, weight_depth=4096)
POWER_ON = ("+weft_power_on", "+weft_random_memory")


@pytest.fixture(scope="module")
def program() -> Path:
    if tools.missing(Simulator.VERILATOR):
        pytest.skip(f"Verilator is not installed: {tools.missing(Simulator.VERILATOR)[0].problem()}")
    cells = "".join(path.read_text() for path in cell_models(CONFIG.family))
    return build(accelerator_verilog(CONFIG) + cells, uart_verilog(CONFIG, DIVISOR))


def test_weights_come_over_the_line(program: Path, tmp_path: Path) -> None:
    """Its memory holds noise and no network: nothing runs on that; loaded, it gives the golden model's integers in the predicted cycles."""
    draw = random_network(5, CONFIG)
    compiled = compile_graph(draw.graph, CONFIG)
    assert 8 < len(compiled.weights) < 1000, "a network that loads in seconds"
    emit(compiled, tmp_path / "design", verilog=accelerator_verilog)
    with plugged_in(program, tmp_path / "design", plusargs=POWER_ON) as (port, _):
        with pytest.raises(DeviceError, match="the accelerator's memories hold no network yet"):
            Accelerator.open(port, tmp_path / "design", loaded=True)
        with Accelerator.open(port, tmp_path / "design", timeout_s=120.0) as accelerator:
            results = accelerator.run({draw.graph.inputs[0]: draw.inputs})
            assert results.times.load > 0
            assert accelerator.run({draw.graph.inputs[0]: draw.inputs}).times.load == 0, "it is loaded"
        with Accelerator.open(port, tmp_path / "design", loaded=True, timeout_s=120.0) as again:
            np.testing.assert_array_equal(again.run({draw.graph.inputs[0]: draw.inputs}).y, results.y)
    np.testing.assert_array_equal(results.y, interpreter.run(draw.graph, draw.inputs))
    assert results.cycles == compiled.cycles
