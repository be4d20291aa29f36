"""The pass that places the registers of block RAMs: the netlist does what it did, in every cycle; and what it must leave alone, it does."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hwgen.emit import templates
from hwgen.family import Family
from hwgen.output_registers import move_into_blocks, place_registers, spread
from hwgen.yosys import run_script
from sim import tools, yosys
from sim.netlist_models import netlist_models
from sim.tools import Simulator

BENCH = """
module bench;
  reg clk = 0;
  reg read_en = 0;
  reg [{address}-1:0] read_addr = 0, write_addr = 0;
  reg [1:0] write_en = 0;
  reg [15:0] write_data = 0;
  wire [15:0] now, got;
  reg [15:0] earlier;
  wire [15:0] expected = {delay} ? earlier : now;
  integer i, wrong = 0, compared = 0;
  weft_ram #(.WIDTH(16), .DEPTH({depth}), .CHUNK(8), .ADDRESS({address})) rtl (.clk(clk), .read_en(read_en), .read_addr(read_addr),
      .read_data(now), .write_en(write_en), .write_addr(write_addr), .write_data(write_data));
  cells netlist (.clk(clk), .read_en(read_en), .read_addr(read_addr), .read_data(got), .write_en(write_en), .write_addr(write_addr),
      .write_data(write_data));
  initial begin
    for (i = 0; i < 6 * {depth}; i = i + 1) begin
      write_en = i < {depth} ? 2'b11 : $random;
      write_addr = i < {depth} ? i : $random % {depth};
      write_data = $random;
      read_en = i >= {depth} && ($random & 3) != 0;
      read_addr = {{$random}} % {depth};
      if (write_addr >= {depth}) write_addr = 0;
      if (read_addr == write_addr) read_en = 0;
      earlier = now;
      #5 clk = 1;
      #5 clk = 0;
      if (i > {depth} + 8) begin
        compared = compared + 1;
        if (got !== expected) wrong = wrong + 1;
      end
    end
    $display("compared %0d wrong %0d", compared, wrong);
    $finish;
  end
endmodule
"""


def synthesized(folder: Path, depth: int, *, wrapper: str = "") -> dict[str, Any]:
    """The memory of 16 bits, in blocks of 1,024 words."""
    (folder / "ram.v").write_text(templates() + wrapper)
    address = (depth - 1).bit_length()
    top = "top" if wrapper else "weft_ram"
    parameters = "" if wrapper else f"chparam -set WIDTH 16 -set DEPTH {depth} -set CHUNK 8 -set ADDRESS {address} weft_ram; "
    run_script(
        yosys.find(),
        f"read_verilog -sv -DSYNTHESIS ram.v; {parameters}hierarchy -top {top}; synth_ecp5 -top {top}; write_json mapped.json",
        folder,
    )
    return json.loads((folder / "mapped.json").read_text())


def simulated(folder: Path, netlist: dict[str, Any], depth: int, *, top: str = "weft_ram", delay: int = 0) -> tuple[int, int]:
    """Cycles compared with the RTL, and those that differ; `delay`: how many cycles later than a memory's the netlist's data comes."""
    tools.require(Simulator.ICARUS)
    tool = yosys.find()
    (folder / "placed.json").write_text(json.dumps(netlist))
    run_script(tool, f"read_json placed.json; delete t:$scopeinfo; rename {top} cells; write_verilog -noattr cells.v", folder)
    cells = (folder / "cells.v").read_text()
    (folder / "models.v").write_text(netlist_models(Family.ECP5, cells, tool))
    (folder / "bench.v").write_text(BENCH.format(depth=depth, address=(depth - 1).bit_length(), delay=delay))
    (folder / "rtl.v").write_text(templates())
    sources = ["bench.v", "rtl.v", "cells.v", "models.v"]
    subprocess.run(["iverilog", "-g2012", "-s", "bench", "-o", "bench.vvp", *sources], cwd=folder, check=True)
    done = subprocess.run(["vvp", "-n", "bench.vvp"], cwd=folder, check=True, capture_output=True, text=True)
    found = re.search(r"compared (\d+) wrong (\d+)", done.stdout)
    assert found, done.stdout
    return int(found[1]), int(found[2])


def cells(netlist: dict[str, Any], top: str = "weft_ram") -> Counter[str]:
    return Counter(cell["type"] for cell in netlist["modules"][top]["cells"].values())


def registered(netlist: dict[str, Any], top: str = "weft_ram") -> list[bool]:
    """For each block whether its output registers are on."""
    found = (cell for cell in netlist["modules"][top]["cells"].values() if cell["type"] == "DP16KD")
    return [cell["parameters"]["REGMODE_A"] == cell["parameters"]["REGMODE_B"] == "OUTREG" for cell in found]


@pytest.mark.parametrize("depth", [512, 3000])
def test_a_memory_does_what_it_did(tmp_path, depth):
    """Of one block, whose register moves; of three, whose register moves back through a multiplexer."""
    netlist = synthesized(tmp_path, depth)
    before = cells(netlist)
    assert move_into_blocks(netlist, "weft_ram") == before["DP16KD"] == (1 if depth == 512 else 3)
    assert all(registered(netlist))
    assert cells(netlist)["TRELLIS_FF"] < before["TRELLIS_FF"]
    compared, wrong = simulated(tmp_path, netlist, depth)
    assert compared > 4 * depth
    assert wrong == 0


def test_a_selection_that_is_not_delayed_is_found(tmp_path):
    """The bench, on a netlist of which a part of the pass is undone."""
    netlist = synthesized(tmp_path, 3000)
    move_into_blocks(netlist, "weft_ram")
    for cell in netlist["modules"]["weft_ram"]["cells"].values():
        cell["parameters"] = {key: "NOREG" if key.startswith("REGMODE") else value for key, value in cell["parameters"].items()}
    compared, wrong = simulated(tmp_path, netlist, 3000)
    assert wrong > compared // 10


#: Six blocks behind one address register; what is read goes to a register, and in `sum` to an adder.
WRAPPER = """
module top (input clk, input [9:0] where, there, input [95:0] data, input write, output reg [95:0] stored, sum);
  reg [9:0] address;
  wire [95:0] found;
  always @(posedge clk) begin
    address <= where;
    stored <= found;
    sum <= {sum};
  end
  weft_ram #(.WIDTH(96), .DEPTH(1024), .CHUNK(96), .ADDRESS(10)) ram (.clk(clk), .read_en(1'b1), .read_addr(address), .read_data(found),
      .write_en(write), .write_addr(there), .write_data(data));
endmodule
"""


def test_addresses_get_copies(tmp_path):
    netlist = synthesized(tmp_path, 1024, wrapper=WRAPPER.format(sum="sum"))
    blocks = cells(netlist, "top")["DP16KD"]
    assert blocks == 6
    before = cells(netlist, "top")["TRELLIS_FF"]
    assert spread(netlist, "top", 6) == 0
    assert spread(netlist, "top", 2) == 3 * 10
    assert cells(netlist, "top")["TRELLIS_FF"] == before + 3 * 10
    drivers = Counter(cell["connections"]["ADB4"][0] for cell in netlist["modules"]["top"]["cells"].values() if cell["type"] == "DP16KD")
    assert sorted(drivers.values()) == [2, 2, 2]


def test_what_computes_behind_a_multiplexer_keeps_its_register(tmp_path):
    wrapper = WRAPPER.replace("DEPTH(1024), .CHUNK(96), .ADDRESS(10)", "DEPTH(3000), .CHUNK(96), .ADDRESS(12)").replace("[9:0]", "[11:0]")
    netlist = synthesized(tmp_path, 3000, wrapper=wrapper.format(sum="sum + found"))
    place_registers(netlist, "top")
    kept = registered(netlist, "top")
    assert len(kept) > 12
    assert not any(kept)
    netlist = synthesized(tmp_path, 3000, wrapper=wrapper.format(sum="sum"))
    place_registers(netlist, "top")
    assert all(registered(netlist, "top"))


#: Two memories of several blocks, as `cells` in the bench: the second holds what the first does, inverted; both are compared.
TWO = """
module pair #(parameter ADDRESS = 12, parameter DEPTH = 3000) (input clk, input read_en, input [ADDRESS-1:0] read_addr,
    output [15:0] read_data, input [1:0] write_en, input [ADDRESS-1:0] write_addr, input [15:0] write_data);
  wire [15:0] first, second;
  reg [15:0] first_later, second_later;
  always @(posedge clk) begin
    first_later <= first;
    second_later <= second;
  end
  weft_ram #(.WIDTH(16), .DEPTH(DEPTH), .CHUNK(8), .ADDRESS(ADDRESS)) a (.clk(clk), .read_en(read_en), .read_addr(read_addr),
      .read_data(first), .write_en(write_en), .write_addr(write_addr), .write_data(write_data));
  weft_ram #(.WIDTH(16), .DEPTH(DEPTH), .CHUNK(8), .ADDRESS(ADDRESS)) b (.clk(clk), .read_en(read_en), .read_addr(read_addr),
      .read_data(second), .write_en(write_en), .write_addr(write_addr), .write_data(~write_data));
  assign read_data = first_later & ~second_later;
endmodule
"""


def test_several_memories_move_each_for_itself(tmp_path):
    (tmp_path / "ram.v").write_text(templates() + TWO)
    run_script(yosys.find(), "read_verilog -sv -DSYNTHESIS ram.v; synth_ecp5 -top pair; write_json mapped.json", tmp_path)
    netlist = json.loads((tmp_path / "mapped.json").read_text())
    place_registers(netlist, "pair")
    assert registered(netlist, "pair") == [True] * 6
    drivers = Counter(
        bit
        for cell in netlist["modules"]["pair"]["cells"].values()
        for port, bits in cell["connections"].items()
        if cell["port_directions"][port] == "output"
        for bit in bits
    )
    assert all(count == 1 for bit, count in drivers.items() if isinstance(bit, int)), "a net has two drivers"
    compared, wrong = simulated(tmp_path, netlist, 3000, top="pair", delay=1)
    assert compared > 12000
    assert wrong == 0
