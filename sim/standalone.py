"""The testbench of an emitted folder: recorded vectors and plain Verilog, so that it runs where there is no Weft."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from golden import interpreter
from golden.graph import Graph, Int8
from sim.build_folder import read_build
from sim.cell_models import cell_models
from sim.replay import record
from sim.verilog import selftest_verilog

_CYCLES_PER_RECORD, _CYCLES_EXTRA = 16, 2000

_TESTBENCH = """\
// Plays the {images} recorded inference(s) of replay.hex on the accelerator and compares every answer.
//   iverilog -g2012 -o testbench.vvp accelerator.v selftest.v testbench.v && vvp testbench.vvp
// prints PASS or FAIL. Run it in this folder: the memory images are read from it. Defining WEFT_WAVES writes testbench.vcd.
`timescale 1ns / 1ps
module testbench;
  reg clk = 1'b0, rst = 1'b1;
  integer cycle = 0;
  wire done, fail;
  wire [31:0] fail_index, fail_expected, fail_got;
  wire [1:0] fail_response;

  weft_selftest selftest (
      .clk(clk),
      .rst(rst),
      .done(done),
      .fail(fail),
      .fail_index(fail_index),
      .fail_expected(fail_expected),
      .fail_got(fail_got),
      .fail_response(fail_response)
  );

  always #5 clk = ~clk;

`ifdef WEFT_WAVES
  initial begin
    $dumpfile("testbench.vcd");
    $dumpvars(0, testbench);
  end
`endif

  always @(posedge clk) begin
    cycle <= cycle + 1;
    if (cycle == 3) rst <= 1'b0;
    if (cycle > 3 && done !== 1'b0) begin
      if (done === 1'b1 && fail === 1'b0) $display("PASS: {images} inference(s), every answer as recorded, %0d cycles", cycle);
      else if (fail_response != 2'b00) $display("FAIL: record %0d: the bus answered with error %0d", fail_index, fail_response);
      else $display("FAIL: record %0d: expected %h, got %h", fail_index, fail_expected, fail_got);
      $finish;
    end
    if (cycle > {limit}) begin
      $display("FAIL: no end after {limit} cycles");
      $finish;
    end
  end
endmodule
"""


def add_testbench(folder: Path, graph: Graph, inputs: Mapping[str, Int8]) -> None:
    """Adds testbench.v, selftest.v and replay.hex to an emitted folder.  The testbench holds models of the family's cells that the
    accelerator has.

    inputs: int8[N, *shape] for each input of the network; the golden model computes the outputs to compare with.
    """
    build = read_build(folder, graph)
    tensors = interpreter.run(graph, inputs, tensors=True)
    recording = record(build, dict(inputs), {name: tensors[name] for name in build.outputs})
    depth = 1 << max(4, (len(recording.records) - 1).bit_length())
    limit = 2 * build.predicted_cycles * recording.images + _CYCLES_PER_RECORD * len(recording.records) + _CYCLES_EXTRA
    recording.write(folder / "replay.hex", depth)
    (folder / "selftest.v").write_text(selftest_verilog(build.config, depth), encoding="utf-8")
    text = _TESTBENCH.format(images=recording.images, limit=limit)
    models = "".join(f"\n{path.read_text(encoding='utf-8')}" for path in cell_models(build.config.family))
    (folder / "testbench.v").write_text(text + models, encoding="utf-8")
