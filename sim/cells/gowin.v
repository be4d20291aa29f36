// Behaviour of Gowin's multipliers (MULT9X9, MULT18X18) and block RAM (SP, SPX9, SDPB, SDPX9B, DPB, DPX9B), which Yosys leaves empty. (LUT,
// MUX2, ALU, DFF, RAM16SDP and the rest have models of their own in Yosys, in gowin/cells_sim.v.) Multipliers follow Gowin's UG287;
// block RAM what Gowin's own simulation library does, and the way in which Yosys maps to it (gowin/brams_map.v: enables of bytes, the
// order of INIT_RAM's bits).
//
// Whatever hardware leaves open is unknown here: x, or in Verilator, which has no x, random. That is the content of a multiplier's
// registers before they are loaded, and what a port of a memory reads while the other one writes it. What is not modelled ends the
// simulation, and says so.
`ifdef VERILATOR
`define WEFT_UNKNOWN(bits) (bits'({$random, $random}))
`else
`define WEFT_UNKNOWN(bits) {bits{1'bx}}
`endif
// The parameters of a block RAM's initial contents, 64 words of WORD bits, and all of them in one.
`define WEFT_GOWIN_CONTENTS \
  parameter [WORD-1:0] INIT_RAM_00 = 0, INIT_RAM_01 = 0, INIT_RAM_02 = 0, INIT_RAM_03 = 0; \
  parameter [WORD-1:0] INIT_RAM_04 = 0, INIT_RAM_05 = 0, INIT_RAM_06 = 0, INIT_RAM_07 = 0; \
  parameter [WORD-1:0] INIT_RAM_08 = 0, INIT_RAM_09 = 0, INIT_RAM_0A = 0, INIT_RAM_0B = 0; \
  parameter [WORD-1:0] INIT_RAM_0C = 0, INIT_RAM_0D = 0, INIT_RAM_0E = 0, INIT_RAM_0F = 0; \
  parameter [WORD-1:0] INIT_RAM_10 = 0, INIT_RAM_11 = 0, INIT_RAM_12 = 0, INIT_RAM_13 = 0; \
  parameter [WORD-1:0] INIT_RAM_14 = 0, INIT_RAM_15 = 0, INIT_RAM_16 = 0, INIT_RAM_17 = 0; \
  parameter [WORD-1:0] INIT_RAM_18 = 0, INIT_RAM_19 = 0, INIT_RAM_1A = 0, INIT_RAM_1B = 0; \
  parameter [WORD-1:0] INIT_RAM_1C = 0, INIT_RAM_1D = 0, INIT_RAM_1E = 0, INIT_RAM_1F = 0; \
  parameter [WORD-1:0] INIT_RAM_20 = 0, INIT_RAM_21 = 0, INIT_RAM_22 = 0, INIT_RAM_23 = 0; \
  parameter [WORD-1:0] INIT_RAM_24 = 0, INIT_RAM_25 = 0, INIT_RAM_26 = 0, INIT_RAM_27 = 0; \
  parameter [WORD-1:0] INIT_RAM_28 = 0, INIT_RAM_29 = 0, INIT_RAM_2A = 0, INIT_RAM_2B = 0; \
  parameter [WORD-1:0] INIT_RAM_2C = 0, INIT_RAM_2D = 0, INIT_RAM_2E = 0, INIT_RAM_2F = 0; \
  parameter [WORD-1:0] INIT_RAM_30 = 0, INIT_RAM_31 = 0, INIT_RAM_32 = 0, INIT_RAM_33 = 0; \
  parameter [WORD-1:0] INIT_RAM_34 = 0, INIT_RAM_35 = 0, INIT_RAM_36 = 0, INIT_RAM_37 = 0; \
  parameter [WORD-1:0] INIT_RAM_38 = 0, INIT_RAM_39 = 0, INIT_RAM_3A = 0, INIT_RAM_3B = 0; \
  parameter [WORD-1:0] INIT_RAM_3C = 0, INIT_RAM_3D = 0, INIT_RAM_3E = 0, INIT_RAM_3F = 0; \
  localparam [64*WORD-1:0] CONTENTS = { \
    INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B, INIT_RAM_3A, INIT_RAM_39, INIT_RAM_38, \
    INIT_RAM_37, INIT_RAM_36, INIT_RAM_35, INIT_RAM_34, INIT_RAM_33, INIT_RAM_32, INIT_RAM_31, INIT_RAM_30, \
    INIT_RAM_2F, INIT_RAM_2E, INIT_RAM_2D, INIT_RAM_2C, INIT_RAM_2B, INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28, \
    INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24, INIT_RAM_23, INIT_RAM_22, INIT_RAM_21, INIT_RAM_20, \
    INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D, INIT_RAM_1C, INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18, \
    INIT_RAM_17, INIT_RAM_16, INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10, \
    INIT_RAM_0F, INIT_RAM_0E, INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A, INIT_RAM_09, INIT_RAM_08, \
    INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04, INIT_RAM_03, INIT_RAM_02, INIT_RAM_01, INIT_RAM_00 \
  };

// Multiplier of two factors of BITS bits, signed or not, with registers at its factors and their signs, within, and at its product, each of
// which may be left out; all have the same clock, enable and synchronous reset, which does not need the enable.
module weft_gowin_multiplier #(
    parameter CELL = "MULT9X9",
    parameter BITS = 9,
    parameter AREG = 1'b0,
    parameter BREG = 1'b0,
    parameter OUT_REG = 1'b0,
    parameter PIPE_REG = 1'b0,
    parameter ASIGN_REG = 1'b0,
    parameter BSIGN_REG = 1'b0,
    parameter MULT_RESET_MODE = "SYNC"
) (
    input wire clk,
    input wire ce,
    input wire reset,
    input wire [1:0] shifted,
    input wire [BITS-1:0] a,
    input wire [BITS-1:0] b,
    input wire a_sign,
    input wire b_sign,
    output wire [2*BITS-1:0] product
);
  initial
    if (MULT_RESET_MODE != "SYNC") $fatal(1, "%m: %0s: only the MULT_RESET_MODE SYNC is modelled, not %0s", CELL, MULT_RESET_MODE);
  // Unconnected inputs count as 0, as nextpnr ties them.
  always @(shifted)
    if (shifted[0] === 1'b1 || shifted[1] === 1'b1) $fatal(1, "%m: %0s: shift chains (ASEL, BSEL) are not modelled", CELL);

  reg [BITS-1:0] held_a, held_b;
  reg held_a_sign, held_b_sign;
  reg [2*BITS-1:0] held_inner, held_product;
  wire [BITS-1:0] now_a = AREG ? held_a : a, now_b = BREG ? held_b : b;
  wire now_a_sign = ASIGN_REG ? held_a_sign : a_sign, now_b_sign = BSIGN_REG ? held_b_sign : b_sign;
  wire signed [BITS:0] left = {now_a_sign & now_a[BITS-1], now_a}, right = {now_b_sign & now_b[BITS-1], now_b};
  wire signed [2*BITS-1:0] multiplied = left * right;
  wire [2*BITS-1:0] inner = PIPE_REG ? held_inner : multiplied;
  assign product = OUT_REG ? held_product : inner;

  always @(posedge clk)
    if (reset === 1'b1) begin
      {held_a, held_b, held_a_sign, held_b_sign} <= {(2 * BITS + 2) {1'b0}};
      held_inner <= {(2 * BITS) {1'b0}};
      held_product <= {(2 * BITS) {1'b0}};
    end else if (reset !== 1'b0 || ce !== 1'b0) begin
      if (reset === 1'b0 && ce === 1'b1) begin
        {held_a, held_b, held_a_sign, held_b_sign} <= {a, b, a_sign, b_sign};
        held_inner <= multiplied;
        held_product <= inner;
      end else begin
        {held_a, held_b, held_a_sign, held_b_sign} <= `WEFT_UNKNOWN(2 * BITS + 2);
        held_inner <= `WEFT_UNKNOWN(2 * BITS);
        held_product <= `WEFT_UNKNOWN(2 * BITS);
      end
    end
endmodule

module MULT9X9 (
    input wire [8:0] A, SIA, B, SIB,
    input wire ASIGN, BSIGN, ASEL, BSEL, CE, CLK, RESET,
    output wire [17:0] DOUT,
    output wire [8:0] SOA, SOB
);
  parameter AREG = 1'b0, BREG = 1'b0, OUT_REG = 1'b0, PIPE_REG = 1'b0, ASIGN_REG = 1'b0, BSIGN_REG = 1'b0, SOA_REG = 1'b0;
  parameter MULT_RESET_MODE = "SYNC";
  weft_gowin_multiplier #(
      .CELL("MULT9X9"), .BITS(9), .AREG(AREG), .BREG(BREG), .OUT_REG(OUT_REG), .PIPE_REG(PIPE_REG), .ASIGN_REG(ASIGN_REG),
      .BSIGN_REG(BSIGN_REG), .MULT_RESET_MODE(MULT_RESET_MODE)
  ) multiplier (
      .clk(CLK), .ce(CE), .reset(RESET), .shifted({BSEL, ASEL}), .a(A), .b(B), .a_sign(ASIGN), .b_sign(BSIGN), .product(DOUT)
  );
endmodule

module MULT18X18 (
    input wire [17:0] A, SIA, B, SIB,
    input wire ASIGN, BSIGN, ASEL, BSEL, CE, CLK, RESET,
    output wire [35:0] DOUT,
    output wire [17:0] SOA, SOB
);
  parameter AREG = 1'b0, BREG = 1'b0, OUT_REG = 1'b0, PIPE_REG = 1'b0, ASIGN_REG = 1'b0, BSIGN_REG = 1'b0, SOA_REG = 1'b0;
  parameter MULT_RESET_MODE = "SYNC";
  weft_gowin_multiplier #(
      .CELL("MULT18X18"), .BITS(18), .AREG(AREG), .BREG(BREG), .OUT_REG(OUT_REG), .PIPE_REG(PIPE_REG), .ASIGN_REG(ASIGN_REG),
      .BSIGN_REG(BSIGN_REG), .MULT_RESET_MODE(MULT_RESET_MODE)
  ) multiplier (
      .clk(CLK), .ce(CE), .reset(RESET), .shifted({BSEL, ASEL}), .a(A), .b(B), .a_sign(ASIGN), .b_sign(BSIGN), .product(DOUT)
  );
endmodule

// The block RAM behind all cells: 512 rows of four bytes of 8 or 9 bits (BITS), of which a port sees one, two or four; with bytes of 8 bits
// also 1, 2 or 4 bits of one. Reset clears what a port has read, and does not reach the memory. After configuration that is 0, on which
// Yosys relies.
module weft_gowin_block_ram #(
    parameter CELL = "DPB",
    parameter BITS = 8,
    parameter WIDTH_A = 16,
    parameter WIDTH_B = 16,
    parameter WIDEST = 16,
    parameter READ_MODE_A = 1'b0,
    parameter READ_MODE_B = 1'b0,
    parameter WRITE_MODE_A = 2'b00,
    parameter WRITE_MODE_B = 2'b00,
    parameter RESET_MODE = "SYNC",
    parameter [2048*BITS-1:0] CONTENTS = 0
) (
    input wire clk_a,
    input wire clk_b,
    input wire en_a,
    input wire en_b,
    input wire we_a,
    input wire we_b,
    input wire rst_a,
    input wire rst_b,
    input wire oce_a,
    input wire oce_b,
    input wire [13:0] address_a,
    input wire [13:0] address_b,
    input wire [4*BITS-1:0] data_a,
    input wire [4*BITS-1:0] data_b,
    output wire [4*BITS-1:0] q_a,
    output wire [4*BITS-1:0] q_b
);
  localparam ROW = 4 * BITS;
  reg [ROW-1:0] memory[0:511];

  integer word;
  initial for (word = 0; word < 512; word = word + 1) memory[word] = CONTENTS[ROW*word+:ROW];

  function supported(input integer width);
    supported = width <= WIDEST
              && (width == BITS || width == 2 * BITS || width == ROW || (BITS == 8 && (width == 1 || width == 2 || width == 4)));
  endfunction
  initial begin
    if (!supported(WIDTH_A) || !supported(WIDTH_B)) $fatal(1, "%m: %0s: no data widths of %0d and %0d bits", CELL, WIDTH_A, WIDTH_B);
    if (READ_MODE_A > 1 || READ_MODE_B > 1) $fatal(1, "%m: %0s: no read modes %0d and %0d", CELL, READ_MODE_A, READ_MODE_B);
    if (WRITE_MODE_A > 2 || WRITE_MODE_B > 2) $fatal(1, "%m: %0s: no write modes %0d and %0d", CELL, WRITE_MODE_A, WRITE_MODE_B);
    if (RESET_MODE != "SYNC" && RESET_MODE != "ASYNC") $fatal(1, "%m: %0s: no RESET_MODE %0s", CELL, RESET_MODE);
  end

  // The part of a row that a port sees: its first bit, and all of its bits.
  function [5:0] first(input integer width, input [4:0] address);
    first = width == ROW ? 6'd0
          : width == 2 * BITS ? (address[4] ? 2 * BITS : 0)
          : address[4:3] * BITS + (width == 4 ? {address[2], 2'b0} : width == 2 ? {address[2:1], 1'b0} : width == 1 ? address[2:0] : 3'd0);
  endfunction
  function [ROW-1:0] reach(input integer width, input [4:0] address);
    reach = (width == ROW ? {ROW{1'b1}} : ({{(ROW - 1) {1'b0}}, 1'b1} << width) - 1'b1) << first(width, address);
  endfunction
  // Of these, the ones that are written: ports of two and four bytes have enables of bytes in place of their lowest address bits.
  function [ROW-1:0] written(input integer width, input [4:0] address);
    written = reach(width, address)
            & (width == ROW ? {{BITS{address[3]}}, {BITS{address[2]}}, {BITS{address[1]}}, {BITS{address[0]}}}
             : width == 2 * BITS ? {2{{BITS{address[1]}}, {BITS{address[0]}}}}
             : {ROW{1'b1}});
  endfunction

  wire [8:0] row_a = address_a[13:5];
  wire [5:0] first_a = first(WIDTH_A, address_a[4:0]);
  wire writing_a = en_a & we_a;
  wire [ROW-1:0] written_a = written(WIDTH_A, address_a[4:0]) & {ROW{writing_a}};
  wire [ROW-1:0] mask_a = reach(WIDTH_A, 5'd0);
  wire [ROW-1:0] placed_a = (data_a & mask_a) << first_a;
  wire [8:0] row_b = address_b[13:5];
  wire [5:0] first_b = first(WIDTH_B, address_b[4:0]);
  wire writing_b = en_b & we_b;
  wire [ROW-1:0] written_b = written(WIDTH_B, address_b[4:0]) & {ROW{writing_b}};
  wire [ROW-1:0] mask_b = reach(WIDTH_B, 5'd0);
  wire [ROW-1:0] placed_b = (data_b & mask_b) << first_b;

  // What a port finds in its row: unknown where the other port writes.
  wire same = row_a == row_b;
  wire [ROW-1:0] clash_a = same ? written_b & reach(WIDTH_A, address_a[4:0]) : {ROW{1'b0}};
  wire [ROW-1:0] found_a = (memory[row_a] & ~clash_a) | (clash_a & `WEFT_UNKNOWN(ROW));
  wire [ROW-1:0] clash_b = same ? written_a & reach(WIDTH_B, address_b[4:0]) : {ROW{1'b0}};
  wire [ROW-1:0] found_b = (memory[row_b] & ~clash_b) | (clash_b & `WEFT_UNKNOWN(ROW));

  reg [ROW-1:0] latch_a = 0, output_a = 0;
  wire clear_a = RESET_MODE == "ASYNC" && rst_a;
  always @(posedge clk_a or posedge clear_a)
    if (rst_a !== 1'b0) begin
      latch_a <= rst_a === 1'b1 ? {ROW{1'b0}} : `WEFT_UNKNOWN(ROW);
      output_a <= rst_a === 1'b1 ? {ROW{1'b0}} : `WEFT_UNKNOWN(ROW);
    end else begin
      if (en_a !== 1'b0)
        if (en_a !== 1'b1 || (we_a !== 1'b0 && we_a !== 1'b1)) latch_a <= `WEFT_UNKNOWN(ROW);
        else if (!we_a || WRITE_MODE_A == 2) latch_a <= (found_a >> first_a) & mask_a;
        else if (WRITE_MODE_A == 1) latch_a <= (((found_a & ~written_a) | (placed_a & written_a)) >> first_a) & mask_a;
      if (oce_a !== 1'b0) output_a <= oce_a === 1'b1 ? latch_a : `WEFT_UNKNOWN(ROW);
    end
  assign q_a = READ_MODE_A == 1 ? output_a : latch_a;

  always @(posedge clk_a) begin
    if (written_a !== {ROW{1'b0}}) memory[row_a] <= (memory[row_a] & ~written_a) | (placed_a & written_a);
    if (writing_a === 1'b1 && ^row_a === 1'bx) $fatal(1, "%m: %0s: it is written at an unknown address, %b", CELL, row_a);
    if (writing_a === 1'b1 && writing_b === 1'b1 && same) $fatal(1, "%m: %0s: both ports write the row %0d at once", CELL, row_a);
  end

  reg [ROW-1:0] latch_b = 0, output_b = 0;
  wire clear_b = RESET_MODE == "ASYNC" && rst_b;
  always @(posedge clk_b or posedge clear_b)
    if (rst_b !== 1'b0) begin
      latch_b <= rst_b === 1'b1 ? {ROW{1'b0}} : `WEFT_UNKNOWN(ROW);
      output_b <= rst_b === 1'b1 ? {ROW{1'b0}} : `WEFT_UNKNOWN(ROW);
    end else begin
      if (en_b !== 1'b0)
        if (en_b !== 1'b1 || (we_b !== 1'b0 && we_b !== 1'b1)) latch_b <= `WEFT_UNKNOWN(ROW);
        else if (!we_b || WRITE_MODE_B == 2) latch_b <= (found_b >> first_b) & mask_b;
        else if (WRITE_MODE_B == 1) latch_b <= (((found_b & ~written_b) | (placed_b & written_b)) >> first_b) & mask_b;
      if (oce_b !== 1'b0) output_b <= oce_b === 1'b1 ? latch_b : `WEFT_UNKNOWN(ROW);
    end
  assign q_b = READ_MODE_B == 1 ? output_b : latch_b;

  always @(posedge clk_b) begin
    if (written_b !== {ROW{1'b0}}) memory[row_b] <= (memory[row_b] & ~written_b) | (placed_b & written_b);
    if (writing_b === 1'b1 && ^row_b === 1'bx) $fatal(1, "%m: %0s: it is written at an unknown address, %b", CELL, row_b);
    if (writing_a === 1'b1 && writing_b === 1'b1 && same) $fatal(1, "%m: %0s: both ports write the row %0d at once", CELL, row_a);
  end
endmodule

// Block RAM with one port, which reads or writes.
module SP (
    input wire CLK, CE, OCE, RESET, WRE,
    input wire [13:0] AD,
    input wire [2:0] BLKSEL,
    input wire [31:0] DI,
    output wire [31:0] DO
);
  localparam WORD = 256;
  parameter READ_MODE = 1'b0, WRITE_MODE = 2'b00, BIT_WIDTH = 32, BLK_SEL = 3'b000, RESET_MODE = "SYNC";
  `WEFT_GOWIN_CONTENTS
  weft_gowin_block_ram #(
      .CELL("SP"), .BITS(8), .WIDTH_A(BIT_WIDTH), .WIDTH_B(32), .WIDEST(32), .READ_MODE_A(READ_MODE), .WRITE_MODE_A(WRITE_MODE),
      .RESET_MODE(RESET_MODE), .CONTENTS(CONTENTS)
  ) ram (
      .clk_a(CLK), .en_a(CE & (BLKSEL == BLK_SEL)), .we_a(WRE), .rst_a(RESET), .oce_a(OCE), .address_a(AD), .data_a(DI), .q_a(DO),
      .clk_b(1'b0), .en_b(1'b0), .we_b(1'b0), .rst_b(1'b0), .oce_b(1'b0), .address_b(14'd0), .data_b(32'd0), .q_b()
  );
endmodule

module SPX9 (
    input wire CLK, CE, OCE, RESET, WRE,
    input wire [13:0] AD,
    input wire [2:0] BLKSEL,
    input wire [35:0] DI,
    output wire [35:0] DO
);
  localparam WORD = 288;
  parameter READ_MODE = 1'b0, WRITE_MODE = 2'b00, BIT_WIDTH = 36, BLK_SEL = 3'b000, RESET_MODE = "SYNC";
  `WEFT_GOWIN_CONTENTS
  weft_gowin_block_ram #(
      .CELL("SPX9"), .BITS(9), .WIDTH_A(BIT_WIDTH), .WIDTH_B(36), .WIDEST(36), .READ_MODE_A(READ_MODE), .WRITE_MODE_A(WRITE_MODE),
      .RESET_MODE(RESET_MODE), .CONTENTS(CONTENTS)
  ) ram (
      .clk_a(CLK), .en_a(CE & (BLKSEL == BLK_SEL)), .we_a(WRE), .rst_a(RESET), .oce_a(OCE), .address_a(AD), .data_a(DI), .q_a(DO),
      .clk_b(1'b0), .en_b(1'b0), .we_b(1'b0), .rst_b(1'b0), .oce_b(1'b0), .address_b(14'd0), .data_b(36'd0), .q_b()
  );
endmodule

// Block RAM with a port that writes, A, and one that reads, B.
module SDPB (
    input wire CLKA, CEA, CLKB, CEB, OCE, RESETA, RESETB,
    input wire [13:0] ADA, ADB,
    input wire [2:0] BLKSELA, BLKSELB,
    input wire [31:0] DI,
    output wire [31:0] DO
);
  localparam WORD = 256;
  parameter READ_MODE = 1'b0, BIT_WIDTH_0 = 32, BIT_WIDTH_1 = 32, BLK_SEL_0 = 3'b000, BLK_SEL_1 = 3'b000, RESET_MODE = "SYNC";
  `WEFT_GOWIN_CONTENTS
  always @(posedge CLKA) if (CEA === 1'b1 && RESETA !== 1'b0) $fatal(1, "%m: SDPB: RESETA is modelled as 0 alone, not %b", RESETA);
  weft_gowin_block_ram #(
      .CELL("SDPB"), .BITS(8), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .WIDEST(32), .READ_MODE_B(READ_MODE),
      .RESET_MODE(RESET_MODE), .CONTENTS(CONTENTS)
  ) ram (
      .clk_a(CLKA), .en_a(CEA & (BLKSELA == BLK_SEL_0)), .we_a(1'b1), .rst_a(1'b0), .oce_a(1'b0), .address_a(ADA), .data_a(DI), .q_a(),
      .clk_b(CLKB), .en_b(CEB & (BLKSELB == BLK_SEL_1)), .we_b(1'b0), .rst_b(RESETB), .oce_b(OCE), .address_b(ADB), .data_b(32'd0),
      .q_b(DO)
  );
endmodule

module SDPX9B (
    input wire CLKA, CEA, CLKB, CEB, OCE, RESETA, RESETB,
    input wire [13:0] ADA, ADB,
    input wire [2:0] BLKSELA, BLKSELB,
    input wire [35:0] DI,
    output wire [35:0] DO
);
  localparam WORD = 288;
  parameter READ_MODE = 1'b0, BIT_WIDTH_0 = 36, BIT_WIDTH_1 = 36, BLK_SEL_0 = 3'b000, BLK_SEL_1 = 3'b000, RESET_MODE = "SYNC";
  `WEFT_GOWIN_CONTENTS
  always @(posedge CLKA) if (CEA === 1'b1 && RESETA !== 1'b0) $fatal(1, "%m: SDPX9B: RESETA is modelled as 0 alone, not %b", RESETA);
  weft_gowin_block_ram #(
      .CELL("SDPX9B"), .BITS(9), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .WIDEST(36), .READ_MODE_B(READ_MODE),
      .RESET_MODE(RESET_MODE), .CONTENTS(CONTENTS)
  ) ram (
      .clk_a(CLKA), .en_a(CEA & (BLKSELA == BLK_SEL_0)), .we_a(1'b1), .rst_a(1'b0), .oce_a(1'b0), .address_a(ADA), .data_a(DI), .q_a(),
      .clk_b(CLKB), .en_b(CEB & (BLKSELB == BLK_SEL_1)), .we_b(1'b0), .rst_b(RESETB), .oce_b(OCE), .address_b(ADB), .data_b(36'd0),
      .q_b(DO)
  );
endmodule

// Block RAM with two ports, each of which reads or writes.
module DPB (
    input wire CLKA, CEA, CLKB, CEB, OCEA, OCEB, RESETA, RESETB, WREA, WREB,
    input wire [13:0] ADA, ADB,
    input wire [2:0] BLKSELA, BLKSELB,
    input wire [15:0] DIA, DIB,
    output wire [15:0] DOA, DOB
);
  localparam WORD = 256;
  parameter READ_MODE0 = 1'b0, READ_MODE1 = 1'b0, WRITE_MODE0 = 2'b00, WRITE_MODE1 = 2'b00, BIT_WIDTH_0 = 16, BIT_WIDTH_1 = 16;
  parameter BLK_SEL_0 = 3'b000, BLK_SEL_1 = 3'b000, RESET_MODE = "SYNC";
  `WEFT_GOWIN_CONTENTS
  wire [15:0] above_a, above_b;
  weft_gowin_block_ram #(
      .CELL("DPB"), .BITS(8), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .WIDEST(16), .READ_MODE_A(READ_MODE0),
      .READ_MODE_B(READ_MODE1), .WRITE_MODE_A(WRITE_MODE0), .WRITE_MODE_B(WRITE_MODE1), .RESET_MODE(RESET_MODE), .CONTENTS(CONTENTS)
  ) ram (
      .clk_a(CLKA), .en_a(CEA & (BLKSELA == BLK_SEL_0)), .we_a(WREA), .rst_a(RESETA), .oce_a(OCEA), .address_a(ADA),
      .data_a({16'd0, DIA}), .q_a({above_a, DOA}),
      .clk_b(CLKB), .en_b(CEB & (BLKSELB == BLK_SEL_1)), .we_b(WREB), .rst_b(RESETB), .oce_b(OCEB), .address_b(ADB),
      .data_b({16'd0, DIB}), .q_b({above_b, DOB})
  );
endmodule

module DPX9B (
    input wire CLKA, CEA, CLKB, CEB, OCEA, OCEB, RESETA, RESETB, WREA, WREB,
    input wire [13:0] ADA, ADB,
    input wire [2:0] BLKSELA, BLKSELB,
    input wire [17:0] DIA, DIB,
    output wire [17:0] DOA, DOB
);
  localparam WORD = 288;
  parameter READ_MODE0 = 1'b0, READ_MODE1 = 1'b0, WRITE_MODE0 = 2'b00, WRITE_MODE1 = 2'b00, BIT_WIDTH_0 = 18, BIT_WIDTH_1 = 18;
  parameter BLK_SEL_0 = 3'b000, BLK_SEL_1 = 3'b000, RESET_MODE = "SYNC";
  `WEFT_GOWIN_CONTENTS
  wire [17:0] above_a, above_b;
  weft_gowin_block_ram #(
      .CELL("DPX9B"), .BITS(9), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .WIDEST(18), .READ_MODE_A(READ_MODE0),
      .READ_MODE_B(READ_MODE1), .WRITE_MODE_A(WRITE_MODE0), .WRITE_MODE_B(WRITE_MODE1), .RESET_MODE(RESET_MODE), .CONTENTS(CONTENTS)
  ) ram (
      .clk_a(CLKA), .en_a(CEA & (BLKSELA == BLK_SEL_0)), .we_a(WREA), .rst_a(RESETA), .oce_a(OCEA), .address_a(ADA),
      .data_a({18'd0, DIA}), .q_a({above_a, DOA}),
      .clk_b(CLKB), .en_b(CEB & (BLKSELB == BLK_SEL_1)), .we_b(WREB), .rst_b(RESETB), .oce_b(OCEB), .address_b(ADB),
      .data_b({18'd0, DIB}), .q_b({above_b, DOB})
  );
endmodule
`undef WEFT_GOWIN_CONTENTS
`undef WEFT_UNKNOWN
