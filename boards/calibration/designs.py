"""The designs that resource estimates are fitted to and checked with, and what synthesis makes of them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boards.report.netlist import attribute, read_cells, scopes_of
from boards.report.utilization import packed_luts, utilization
from golden.rescale import RescaleFormat
from hwgen import cache
from hwgen.config import NAMED, AcceleratorConfig
from hwgen.emit import accelerator_verilog, uart_verilog
from hwgen.emit.images import image_files
from hwgen.emit.verilog import UART_MODULE
from hwgen.estimate.measured import Measured
from hwgen.family import Family
from hwgen.programs import FoundProgram
from hwgen.synthesis import synthesis_command
from hwgen.yosys import run_script

#: Clock cycles of a bit on the serial line of the designs; the bridge hardly depends on it.
_DIVISOR = 50


@dataclass(frozen=True)
class Case:
    """A design to measure.

    held_out: whether the estimate is checked with it, and not fitted to it.
    """

    name: str
    config: AcceleratorConfig
    held_out: bool = False


def _config(rows: int, cols: int, rescale: str, lanes: int, rest: Mapping[str, Any]) -> AcceleratorConfig:
    small: dict[str, Any] = {"acc_depth": 64, "act_depth": 1024, "weight_depth": 1024, "param_depth": 128, "program_depth": 512}
    return AcceleratorConfig(rows=rows, cols=cols, rescale=RescaleFormat.parse(rescale), lanes=lanes, **{**small, "max_layers": 16, **rest})


_LEAN: dict[str, Any] = {"overlap": False, "max_layers": 0, "weight_slots": 2}
_PLAIN: dict[str, Any] = {"depthwise_rows": 0, "dense_input": False}

#: Designs that every option is on and off in, of sizes that synthesis takes seconds for.
_GRID = (
    Case("4 x 4 tflite", _config(4, 4, "tflite", 1, {"add_tables": 3, "weight_depth": 8704})),
    Case("4 x 4 fixed8, plain", _config(4, 4, "fixed8", 2, {**_PLAIN, "acc_bits": 24, "weight_slots": 4})),
    Case("8 x 4 fixed16", _config(8, 4, "fixed16", 2, {"weight_rows_per_cycle": 2, "acc_bits": 28, "add_tables": 1, "act_depth": 4096})),
    Case("8 x 8 shift", _config(8, 8, "shift", 4, {"add_tables": 1, "acc_depth": 256})),
    Case("4 x 8 tflite", _config(4, 8, "tflite", 4, {"depthwise_rows": 2, "dense_input": False, "weight_depth": 4096})),
    Case("4 x 4 shift, plain", _config(4, 4, "shift", 1, {**_PLAIN, "max_layers": 64, "size_bits": 12})),
    Case("4 x 2 tflite, lean", _config(4, 2, "tflite", 1, {**_LEAN, **_PLAIN})),
    Case("4 x 4 fixed16, lean", _config(4, 4, "fixed16", 1, {**_LEAN, "depthwise_rows": 3, "dense_input": True, "add_tables": 1})),
)
#: Those of it that only some families are measured with.
_LARGE = ("8 x 8 shift", "4 x 2 tflite, lean")
_LEAN_GRID = (
    Case("4 x 2 fixed16, lean", _config(4, 2, "fixed16", 1, {**_LEAN, **_PLAIN, "size_bits": 8, "acc_bits": 24})),
    Case("4 x 2 tflite, lean, depthwise", _config(4, 2, "tflite", 1, {**_LEAN, "size_bits": 8, "dense_input": False})),
    Case("2 x 2 shift, lean", _config(2, 2, "shift", 1, {**_LEAN, **_PLAIN, "size_bits": 10})),
    Case("4 x 2 fixed8", _config(4, 2, "fixed8", 1, {**_PLAIN, "acc_bits": 24})),
)
_HELD_OUT = (
    Case("8 x 8 tflite", _config(8, 8, "tflite", 2, {"add_tables": 3, "acc_depth": 256, "act_depth": 6144, "weight_depth": 10240}), True),
)
_HELD_OUT_LEAN = (Case("4 x 2 fixed16, lean, dense", _config(4, 2, "fixed16", 1, {**_LEAN, "depthwise_rows": 0, "size_bits": 8}), True),)


def cases(family: Family) -> tuple[Case, ...]:
    """The designs of a family."""
    if family is Family.ICE40:
        return (_GRID[1], *_GRID[-2:], *_LEAN_GRID, *_HELD_OUT_LEAN)
    some = tuple(case for case in _GRID if case.name not in _LARGE)
    if family is Family.ECP5:
        return (*some, _GRID[3], *_HELD_OUT, Case("ulx3s-16x8", NAMED["ulx3s-16x8"], True))
    return (*some, *_HELD_OUT)


def measure(case: Case, family: Family, yosys: FoundProgram) -> Measured:
    """Synthesizes a design, an accelerator behind its serial line, or takes what the cache has of it.  Raises ToolFailedError."""
    config = AcceleratorConfig.from_json({**case.config.to_json(), "family": family.value})
    verilog = {"accelerator.v": accelerator_verilog(config), "uart.v": uart_verilog(config, _DIVISOR)}
    script = f"read_verilog {' '.join(verilog)}\n{synthesis_command(family, UART_MODULE)}\nwrite_json netlist.json\n"

    def synthesize() -> str:
        with tempfile.TemporaryDirectory(prefix="weft-calibration-") as scratch:
            folder = Path(scratch)
            for name, text in {**verilog, **dict.fromkeys(image_files(config).values(), "0\n")}.items():
                (folder / name).write_text(text, encoding="utf-8")
            run_script(yosys, script, folder, f"synthesis of {case.name} for {family.value}")
            cells = read_cells(folder / "netlist.json")
        use = utilization(cells, attribute(cells, scopes_of(cells)))
        components = {component.name: each.to_json() for component, each in use.components.items()}
        return json.dumps({"components": components, "packed_luts": packed_luts(cells, family)})

    key = cache.digest("calibration 1", yosys.label, script, *verilog.values())
    found = json.loads(cache.text(f"calibration-{key}", synthesize))
    return Measured(case.name, config, case.held_out, found["components"], found["packed_luts"])
