"""Synthesis: Yosys takes an emitted folder as it is, finds nothing wrong in it, and maps memories and multipliers to the device's own."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from golden.rescale import RescaleFormat
from hwgen.compiler import compile_graph
from hwgen.config import NAMED, AcceleratorConfig
from hwgen.emit import emit, selftest_verilog
from hwgen.gateware.core import memory_width
from hwgen.regmap import COUNTERS, MEMORIES

#: With depths that are powers of two: others Yosys puts together from blocks of several shapes, by costs of its own.
TINY = replace(NAMED["tiny-4x4"], weight_depth=8192, param_depth=512, add_tables=0)


@pytest.fixture(scope="module")
def folder(digits_like, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("synthesis") / "accelerator"
    emit(compile_graph(digits_like.graph(), TINY), path)
    return path


READ = "read_verilog -sv -DSYNTHESIS accelerator.v; hierarchy -check -top weft_accelerator"
#: No latches, no combinational loops, no wire with two drivers or none, before an optimization can hide one.
SOUND = "proc -noopt; select -assert-none t:$dlatch t:$adlatch t:$dlatchsr t:$sr; flatten; check -assert"


def test_the_accelerator_is_sound(yosys, folder):
    log = yosys(f"{READ}; {SOUND}", folder)
    assert "Found and reported 0 problems" in log
    assert "Warning" not in log


def test_the_selftest_is_sound(yosys, folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "selftest.v").write_text(selftest_verilog(TINY, 64))
    (tmp_path / "replay.hex").write_text("0\n")
    yosys(f"read_verilog -sv -DSYNTHESIS accelerator.v selftest.v; hierarchy -check -top weft_selftest; {SOUND}", tmp_path)


@pytest.mark.parametrize("bad", ["wire a = ~a;", "reg a; always @* if (b) a = 1;", "wire a; assign a = b; assign a = ~b;", "wire a;"])
def test_what_is_not_sound_is_found(yosys, tmp_path, bad):
    """A loop, a latch, two drivers and no driver."""
    (tmp_path / "bad.v").write_text(f"module bad (input b, output c); {bad} assign c = a & b; endmodule")
    with pytest.raises(AssertionError, match=r"ERROR: (Assertion failed: selection is not empty|Found \d+ problems in 'check -assert')"):
        yosys(f"read_verilog -sv bad.v; hierarchy -check -top bad; {SOUND}", tmp_path)


def block_rams(config: AcceleratorConfig) -> int:
    """Blocks of 512 words of 32 bits (in bytes) or 36 bits (in whole words) that the memories take."""
    host = sum(-(-memory.depth(config) // 512) * -(-memory_width(config, window) // 32) for window, memory in MEMORIES.items())
    banks = 2 * -(-config.acc_depth // 512) * -(-config.cols * config.acc_bits // 36)
    return host + banks + -(-config.max_layers // 512) * -(-32 * len(COUNTERS) // 36)


def test_ecp5(yosys, folder):
    """All the way to an ECP5's cells: every memory in block RAM, the weight slots in LUT RAM, a DSP multiplier for each processing
    element and four for the 32-bit product of each lane; nothing generic is left."""
    yosys(
        f"{READ}; synth_ecp5 -top weft_accelerator -noflatten; check -assert; tee -q -o stat.json stat -json -top weft_accelerator",
        folder,
    )
    cells = json.loads((folder / "stat.json").read_text())["design"]["num_cells_by_type"]
    assert cells["DP16KD"] == block_rams(TINY) == 41
    assert cells["MULT18X18D"] == TINY.rows * TINY.cols + 4 * TINY.lanes
    assert cells["TRELLIS_DPR16X4"] == TINY.rows * TINY.cols * 2, "16 slots of 4 bits a cell"
    assert TINY.slots <= 16
    assert TINY.rescale == RescaleFormat.parse("tflite")
    device = {"DP16KD", "MULT18X18D", "TRELLIS_DPR16X4", "TRELLIS_FF", "LUT4", "CCU2C", "PFUMX", "L6MUX21"}
    modules = {kind for kind in cells if "weft_" in kind}
    assert set(cells) - modules - {"$scopeinfo"} == device
