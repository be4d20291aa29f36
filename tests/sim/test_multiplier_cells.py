"""The multipliers that are made of DSP cells, in the emitted Verilog with the models of the cells, against the portable one: equal in
every cycle, a new product in each."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import sim
from hwgen.emit import component_verilog
from hwgen.family import Family
from hwgen.gateware.multiplier import Multiplier
from sim import tools
from sim.tools import Simulator

CELLS = Path(sim.__file__).parent / "cells"
FAMILIES = [Family.ECP5, Family.GOWIN, Family.XILINX7]

#: Every pair of int8 values for 8 x 8, else every pair of the corners and random ones; an operand pair in every cycle.  The portable
#: multiplier's output is compared with the product as well, so that both cannot be wrong alike.
BENCH = """
module bench;
  localparam A = {a}, B = {b}, LATENCY = {latency}, EXHAUSTIVE = A == 8 && B == 8, COUNT = EXHAUSTIVE ? 65536 : 4096;
  reg clk = 0, rst = 0;
  reg signed [A-1:0] a = 0;
  reg signed [B-1:0] b = 0;
  wire signed [A+B-1:0] cells, portable;
  reg signed [A+B-1:0] expected [0:LATENCY];
  integer i, k, wrong = 0, checked = 0;
  reg [31:0] draw;
  cells cells_i (.clk(clk), .rst(rst), .a(a), .b(b), .product(cells));
  portable portable_i (.clk(clk), .rst(rst), .a(a), .b(b), .product(portable));
  function [63:0] corner(input integer n, input integer bits);
    case (n % 8)
      0: corner = 64'd0;
      1: corner = 64'd1;
      2: corner = ~64'd0;
      3: corner = 64'd1 << (bits - 1);
      4: corner = (64'd1 << (bits - 1)) - 64'd1;
      5: corner = 64'h5555555555555555;
      6: corner = 64'd1 << (bits / 2);
      default: corner = (64'd1 << (bits - 1)) + 64'd1;
    endcase
  endfunction
  initial begin
    draw = 32'd{seed};
    for (i = 0; i < COUNT + LATENCY; i = i + 1) begin
      if (EXHAUSTIVE) {{a, b}} = i;
      else if (i < 64) begin
        a = corner(i / 8, A);
        b = corner(i, B);
      end else begin
        a = {{$random(draw), $random(draw)}};
        b = {{$random(draw), $random(draw)}};
      end
      expected[0] = a * b;
      if (i >= LATENCY) begin
        checked = checked + 1;
        if (cells !== portable || portable !== expected[LATENCY]) wrong = wrong + 1;
      end
      #5 clk = 1;
      #5 clk = 0;
      for (k = LATENCY; k > 0; k = k - 1) expected[k] = expected[k-1];
    end
    $display("checked %0d wrong %0d", checked, wrong);
    $finish;
  end
endmodule
"""


def compare(folder: Path, family: Family, a_bits: int, b_bits: int, *, spoil: tuple[str, str] | None = None) -> tuple[int, int]:
    """Cycles compared, and those in which the multipliers differ; `spoil` replaces a text of the family's Verilog."""
    tools.require(Simulator.ICARUS)
    cells = component_verilog(Multiplier(a_bits, b_bits), "cells", family=family)
    assert "*" not in re.sub(r"\(\*.*?\*\)|/\*.*?\*/|@\*|//.*", "", cells)  # no product but those of cells
    if spoil:
        assert spoil[0] in cells
        cells = cells.replace(*spoil)
    (folder / "cells.v").write_text(cells)
    portable = Multiplier(a_bits, b_bits)
    (folder / "portable.v").write_text(component_verilog(portable, "portable"))
    (folder / "bench.v").write_text(BENCH.format(a=a_bits, b=b_bits, latency=portable.latency, seed=1))
    sources = ["bench.v", "cells.v", "portable.v", str(CELLS / f"{family.value}.v")]
    subprocess.run(["iverilog", "-g2012", "-s", "bench", "-o", "bench.vvp", *sources], cwd=folder, check=True)
    done = subprocess.run(["vvp", "-n", "bench.vvp"], cwd=folder, check=True, capture_output=True, text=True)
    found = re.search(r"checked (\d+) wrong (\d+)", done.stdout)
    assert found, done.stdout
    return int(found[1]), int(found[2])


@pytest.mark.parametrize("family", FAMILIES)
def test_every_product_of_two_bytes(tmp_path, family):
    assert compare(tmp_path, family, 8, 8) == (65536, 0)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("a_bits", "b_bits"), [(32, 32), (20, 4), (24, 16), (16, 32), (12, 16)])
def test_wide_products(tmp_path, family, a_bits, b_bits):
    """Of one to four cells."""
    assert compare(tmp_path, family, a_bits, b_bits) == (4096, 0)


WRONG = {
    "a register of the multiplier is off": (Family.ECP5, 8, ('.REG_PIPELINE_CLK("CLK0")', '.REG_PIPELINE_CLK("NONE")')),
    "one operand is not registered": (Family.ECP5, 8, ('.REG_INPUTB_CLK("CLK0")', '.REG_INPUTB_CLK("NONE")')),
    "no output register": (Family.ECP5, 32, ('.REG_OUTPUT_CLK("CLK0")', '.REG_OUTPUT_CLK("NONE")')),
    "a sign is lost": (Family.ECP5, 32, (".SIGNEDA(1'h1)", ".SIGNEDA(1'h0)")),
    "no pipeline register, Gowin": (Family.GOWIN, 8, (".PIPE_REG(1'h1)", ".PIPE_REG(1'h0)")),
    "no multiplier register, 7-series": (Family.XILINX7, 8, (".MREG(32'd1)", ".MREG(32'd0)")),
    "an operand's register is not enabled, 7-series": (Family.XILINX7, 32, (".CEB2(1'h1)", ".CEB2(1'h0)")),
    "a sign is lost, Gowin": (Family.GOWIN, 32, (".BSIGN(1'h1)", ".BSIGN(1'h0)")),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_setting_of_a_cell_is_found(tmp_path, wrong):
    family, bits, spoil = WRONG[wrong]
    checked, found = compare(tmp_path, family, bits, bits, spoil=spoil)
    assert found > checked // 4
