"""The folder of an emitted design, as every command writes it: the accelerator, its buses, and a testbench with recorded vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from golden.graph import Graph
from hwgen.compiler import Program
from hwgen.emit import emit
from sim.standalone import add_testbench
from sim.verilog import accelerator_verilog, bus_files

#: Random inputs of the testbench, and where they come from.
_VECTORS, _SEED = 2, 1


def write_design(
    program: Program, graph: Graph, folder: Path, *, vectors: int = _VECTORS, cycles_per_bit: int | None = None, force: bool = False
) -> None:
    """Writes the folder, whole or not at all.

    vectors:        recorded inferences of testbench and self-test.
    cycles_per_bit: of the serial line, for a folder that shall have uart.v.
    force:          as for `hwgen.emit.emit`, which says what it raises.
    """
    rng = np.random.default_rng(_SEED)
    inputs = {name: rng.integers(-128, 128, (vectors, *graph.tensors[name].shape)).astype(np.int8) for name in graph.inputs}
    emit(
        program,
        folder,
        verilog=accelerator_verilog,
        buses=bus_files(program, cycles_per_bit),
        complete=lambda part: add_testbench(part, graph, inputs),
        force=force,
    )
