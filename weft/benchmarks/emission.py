"""Writing Verilog, by the size of the array."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from hwgen.compiler import compile_graph
from hwgen.config import AcceleratorConfig
from hwgen.emit import emit
from weft.benchmarks.digits_network import digits_network
from weft.benchmarks.registry import Progress, Row, benchmark

SIZES = (8, 16, 32, 64)


@benchmark("emission", "Emission: the digits network's accelerator, nothing taken from the cache")
def emission(progress: Progress) -> list[Row]:
    """Seconds to compile the network and write the folder, and lines of accelerator.v."""
    graph, _ = digits_network(progress)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as name:
        for done, size in enumerate(SIZES):
            progress("writing Verilog", done, len(SIZES))
            folder = Path(name) / str(size)
            started = time.perf_counter()
            emit(compile_graph(graph, AcceleratorConfig(rows=size, cols=size, weight_depth=1 << 14, rescale=graph.format)), folder)
            seconds = time.perf_counter() - started
            lines = (folder / "accelerator.v").read_bytes().count(b"\n")
            rows.append({"array": f"{size} x {size}", "seconds": seconds, "lines_of_verilog": lines})
        progress("writing Verilog", len(SIZES), len(SIZES))
    return rows
