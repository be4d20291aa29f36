// The top of the network bench: the self-test, and a log of everything that the replay host reads.
// With the plusarg +weft_reads=FILE every read of the bus adds a line: its response and its data, hexadecimal.
module weft_bench (
    input  wire        clk,
    input  wire        rst,
    output wire        done,
    output wire        fail,
    output wire [31:0] fail_index,
    output wire [31:0] fail_expected,
    output wire [31:0] fail_got,
    output wire [ 1:0] fail_response
);
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

  integer file = 0;
  reg [8*128-1:0] name;
  initial if ($value$plusargs("weft_reads=%s", name)) file = $fopen(name, "w");

  always @(posedge clk)
    if (file != 0 && selftest.accelerator.s_axil_rvalid && selftest.accelerator.s_axil_rready)
      $fwrite(file, "%h %h\n", selftest.accelerator.s_axil_rresp, selftest.accelerator.s_axil_rdata);
endmodule
