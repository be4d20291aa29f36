"""The emitted Verilog of single components, driven by cocotb in both simulators; and each bench shown to find a fault."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from amaranth.lib import wiring

from hwgen.config import AcceleratorConfig
from hwgen.gateware.accumulator import Accumulator
from hwgen.gateware.array import Array
from hwgen.gateware.feeder import Feeder
from hwgen.gateware.pe import ProcessingElement
from hwgen.gateware.post_processor import PostProcessor
from sim.component_bench import component_design, run_bench
from sim.results import RunResult
from sim.tools import Simulator

#: Room for every tie of a channel in a pixel tile.
_DEPTHS = {"acc_depth": 1024, "act_depth": 1024, "param_depth": 1024}


def config(**parameters: object) -> AcceleratorConfig:
    return AcceleratorConfig.from_json({"rows": 4, "cols": 4, "lanes": 2, **_DEPTHS, **parameters})


def address_bits(config: AcceleratorConfig) -> int:
    return (config.act_depth - 1).bit_length()


def pe(config: AcceleratorConfig) -> wiring.Component:
    return ProcessingElement(slots=4, psum_in_bits=17, psum_out_bits=18)


MAKE: dict[str, Callable[[AcceleratorConfig], wiring.Component]] = {
    "pe": pe,
    "array": Array,
    "accumulator": Accumulator,
    "feeder": lambda config: Feeder(config, address_bits(config)),
    "post_processor": lambda config: PostProcessor(config, address_bits(config)),
}

CASES = {
    "pe": ("pe", config()),
    "array, square": ("array", config()),
    "array, rows > cols, several rows a cycle": ("array", config(rows=8, weight_rows_per_cycle=4)),
    "array, cols > rows, two slots": ("array", config(cols=8, weight_rows_per_cycle=4, weight_slots=2)),
    "accumulator": ("accumulator", config(rows=2, acc_bits=20, acc_depth=16)),
    "feeder, square": ("feeder", config()),
    "feeder, cols > rows": ("feeder", config(rows=2, cols=8, lanes=1, weight_slots=3)),
    "feeder, rows > cols": ("feeder", config(rows=4, cols=2)),
    "post-processor, TFLite": ("post_processor", config(rescale="tflite")),
    "post-processor, shift": ("post_processor", config(rescale="shift", rows=8, lanes=4)),
    "post-processor, fixed16": ("post_processor", config(rescale="fixed16", cols=8, lanes=1)),
    "post-processor, fixed32 on a narrow accumulator": ("post_processor", config(rescale="fixed32", acc_bits=24)),
}


def bench(name: str, cfg: AcceleratorConfig, simulator: Simulator, folder: Path, edit: Callable[[str], str] | None = None) -> RunResult:
    """Runs a bench on its component, or on one whose Verilog was edited."""
    design = component_design(MAKE[name](cfg), folder)
    if edit is not None:
        source = design.sources[0]
        sound = source.read_text()
        source.write_text(edit(sound))
        assert source.read_text() != sound
    return run_bench(design, name, cfg, simulator, folder / "run", seed=1)


@pytest.mark.parametrize("case", CASES)
def test_component(case: str, simulator: Simulator, tmp_path: Path) -> None:
    name, cfg = CASES[case]
    result = bench(name, cfg, simulator, tmp_path)
    assert result.passed, [(test.name, test.message) for test in result.failures]
    assert "DeprecationWarning" not in result.log.read_text()


def replace(pattern: str, replacement: str) -> Callable[[str], str]:
    return lambda verilog: re.sub(pattern, replacement, verilog, count=1, flags=re.MULTILINE)


#: Faults, each in one line of a component's Verilog, and the bench that has to find it.
FAULTS = {
    "the product of two negative numbers": ("pe", replace(r"\$signed\(a\) \* \$signed\(b\)", "$signed(a) * b")),
    "a row too late": ("array", replace(r"^(\s+act_skew_2_line <= ).*$", r"\1act_skew_2_line;")),
    "no forwarding at distance 2": ("accumulator", replace(r"match_2 <= .*$", "match_2 <= 1'b0;")),
    "padding in the first column": ("feeder", replace(r"inside_line <= .*$", "inside_line <= 2'h3;")),
    "no upper clamp": ("post_processor", replace(r"\.act_max\([^)]*\)", ".act_max(8'h7f)")),
    "a tie rounded down": ("post_processor", replace(r"round_up <= .*$", "round_up <= 1'b0;")),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault: str, tmp_path: Path) -> None:
    name, edit = FAULTS[fault]
    result = bench(name, config(acc_depth=16) if name == "accumulator" else config(), Simulator.ICARUS, tmp_path, edit)
    assert not result.passed
