// Memory with a single port, and a register at the read address: a write takes the port; what was read before is undefined after it.
// What it holds after start is its image, unless it is volatile: then the image is there in simulation alone, and not there either with
// the plusarg +weft_power_on.
// In simulation unwritten words are 0, or random with the plusarg +weft_random_memory.
module weft_single_port_ram #(
    parameter WIDTH = 32,
    parameter DEPTH = 16,
    parameter CHUNK = 32,
    parameter ADDRESS = 4,
    parameter INIT = "",
    parameter VOLATILE = 0
) (
    input wire clk,
    input wire read_en,
    input wire [ADDRESS-1:0] read_addr,
    output reg [WIDTH-1:0] read_data,
    input wire [WIDTH/CHUNK-1:0] write_en,
    input wire [ADDRESS-1:0] write_addr,
    input wire [WIDTH-1:0] write_data
);
  reg [WIDTH-1:0] mem[0:DEPTH-1];
  reg reading;
  reg [ADDRESS-1:0] held;
  wire writing = |write_en;
  wire [ADDRESS-1:0] address = writing ? write_addr : held;

`ifdef SYNTHESIS
  generate
    if (INIT != "" && !VOLATILE) begin : image
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
    if (INIT != "" && !(VOLATILE && $test$plusargs("weft_power_on"))) $readmemh(INIT, mem);
  end
`endif

  genvar k;
  generate
    for (k = 0; k < WIDTH / CHUNK; k = k + 1) begin : chunk
      always @(posedge clk)
        if (write_en[k]) mem[address][k*CHUNK+:CHUNK] <= write_data[k*CHUNK+:CHUNK];
    end
  endgenerate

  always @(posedge clk) begin
    reading <= read_en;
    held <= read_addr;
    if (reading && !writing) read_data <= mem[address];
`ifndef SYNTHESIS
    if (writing) read_data <= {WIDTH{1'bx}};
`endif
  end
endmodule
