// Memory with one read and one write port, and a register at the read address.
// Reading a word in the cycle in which it is written gives an undefined value.
// In simulation unwritten words are 0, or random with the plusarg +weft_random_memory.
module weft_lean_ram #(
    parameter WIDTH = 32,
    parameter DEPTH = 16,
    parameter CHUNK = 32,
    parameter ADDRESS = 4,
    parameter INIT = ""
) (
    input wire clk,
    input wire read_en,
    input wire [ADDRESS-1:0] read_addr,
    output reg [WIDTH-1:0] read_data,
    input wire [WIDTH/CHUNK-1:0] write_en,
    input wire [ADDRESS-1:0] write_addr,
    input wire [WIDTH-1:0] write_data
);
  (* no_rw_check *) reg [WIDTH-1:0] mem[0:DEPTH-1];
  reg reading;
  reg [ADDRESS-1:0] address;

`ifdef SYNTHESIS
  generate
    if (INIT != "") begin : image
      initial $readmemh(INIT, mem);
    end
  endgenerate
`else
  integer word, part;
  initial begin
    reading = 1'b0;
    for (word = 0; word < DEPTH; word = word + 1)
      if ($test$plusargs("weft_random_memory")) for (part = 0; part < WIDTH; part = part + 1) mem[word][part] = $random;
      else mem[word] = {WIDTH{1'b0}};
    if (INIT != "") $readmemh(INIT, mem);
  end
`endif

  genvar k;
  generate
    for (k = 0; k < WIDTH / CHUNK; k = k + 1) begin : chunk
      always @(posedge clk)
        if (write_en[k]) mem[write_addr][k*CHUNK+:CHUNK] <= write_data[k*CHUNK+:CHUNK];
    end
  endgenerate

  always @(posedge clk) begin
    reading <= read_en;
    address <= read_addr;
    if (reading) begin
      read_data <= mem[address];
`ifndef SYNTHESIS
      if (write_addr == address)
        for (part = 0; part < WIDTH / CHUNK; part = part + 1)
          if (write_en[part]) read_data[part*CHUNK+:CHUNK] <= {CHUNK{1'bx}};
`endif
    end
  end
endmodule
