// Simulation only, and empty unless WEFT_TAP is defined: with the plusarg +weft_tap=FILE it writes a line for every
// activation that the post-processor writes: run, layer, word address, byte offset of lane 0, the lanes' bytes (lane 0 last).
module weft_tap #(
    parameter PLACES = 1,
    parameter ADDRESS = 1,
    parameter LANES = 1
) (
    input wire clk,
    input wire start,
    input wire [PLACES-1:0] write_en,
    input wire [ADDRESS-1:0] write_addr,
    input wire [LANES*8-1:0] write_data,
    input wire [7:0] layer
);
`ifdef WEFT_TAP
  integer file, place;
  reg [8*1024-1:0] path;
  reg [31:0] run;
  reg [23:0] address;
  reg [7:0] offset;
  initial begin
    run  = 32'hffffffff;
    file = 0;
    if ($value$plusargs("weft_tap=%s", path)) file = $fopen(path, "w");
  end
  always @(posedge clk) begin
    if (start) run <= run + 32'd1;
    if (file != 0)
      for (place = 0; place < PLACES; place = place + 1)
        if (write_en[place]) begin
          address = {{(24 - ADDRESS) {1'b0}}, write_addr};
          offset  = place * LANES;
          $fwrite(file, "%h %h %h %h %h\n", run, layer, address, offset, write_data);
        end
  end
`endif
endmodule
