// Behaviour of the ECP5's cells that Yosys leaves empty: MULT18X18D, DP16KD, PDPW16KD. (LUT4, CCU2C, TRELLIS_FF, TRELLIS_DPR16X4 and the
// rest have models of their own in Yosys, in ecp5/cells_sim.v.) Written from Lattice's FPGA-TN-02204 (memory) and FPGA-TN-02205 (sysDSP),
// and from the way in which Yosys maps to these cells and nextpnr writes them into a bitstream (the order of INITVAL's bits).
//
// Whatever hardware leaves open is unknown here: x, or in Verilator, which has no x, random. That is the content of registers before they
// are loaded, and what a port reads while the other one writes it. What is not modelled ends the simulation, and says so.
`ifdef VERILATOR
`define WEFT_UNKNOWN(bits) (bits'({$random, $random}))
`else
`define WEFT_UNKNOWN(bits) {bits{1'bx}}
`endif

// A register of a DSP block that a parameter connects to one of four clocks, clock enables and resets, or leaves out. Synchronous reset
// to 0, which does not need the clock enable.
module weft_ecp5_dsp_register #(
    parameter WIDTH = 18,
    parameter CLK = "NONE",
    parameter CE = "CE0",
    parameter RST = "RST0"
) (
    input wire clk0,
    input wire clk1,
    input wire clk2,
    input wire clk3,
    input wire [3:0] ce,
    input wire [3:0] rst,
    input wire [WIDTH-1:0] d,
    output wire [WIDTH-1:0] q
);
  localparam integer CLOCK = CLK == "CLK0" ? 0 : CLK == "CLK1" ? 1 : CLK == "CLK2" ? 2 : CLK == "CLK3" ? 3 : -1;
  localparam integer ENABLE = CE == "CE0" ? 0 : CE == "CE1" ? 1 : CE == "CE2" ? 2 : CE == "CE3" ? 3 : -1;
  localparam integer RESET = RST == "RST0" ? 0 : RST == "RST1" ? 1 : RST == "RST2" ? 2 : RST == "RST3" ? 3 : -1;
  generate
    if (CLK == "NONE") begin : wired
      assign q = d;
    end else if (CLOCK < 0 || ENABLE < 0 || RESET < 0) begin : refused
      initial $fatal(1, "%m: a register of a MULT18X18D has the clock %s, clock enable %s and reset %s", CLK, CE, RST);
      assign q = `WEFT_UNKNOWN(WIDTH);
    end else begin : clocked
      // No part of a vector: Icarus 11 does not carry a clock on that is written through VPI.
      wire clock = CLOCK == 0 ? clk0 : CLOCK == 1 ? clk1 : CLOCK == 2 ? clk2 : clk3;
      wire enable = ce[ENABLE], reset = rst[RESET];
      reg [WIDTH-1:0] value;
      always @(posedge clock)
        if (reset === 1'b1) value <= {WIDTH{1'b0}};
        else if (reset !== 1'b0) value <= `WEFT_UNKNOWN(WIDTH);
        else if (enable === 1'b1) value <= d;
        else if (enable !== 1'b0) value <= `WEFT_UNKNOWN(WIDTH);
      assign q = value;
    end
  endgenerate
endmodule

// 18 x 18 multiplier with registers at its operands, within, and at its product, each of which may be left out. An operand's sign bit
// travels with it. Not modelled: shift chains, the operand C, and what an ALU54B next to it would take (SIGNEDP, ROA, ROB, ROC).
module MULT18X18D (
    input wire A0, A1, A2, A3, A4, A5, A6, A7, A8,
    input wire A9, A10, A11, A12, A13, A14, A15, A16, A17,
    input wire B0, B1, B2, B3, B4, B5, B6, B7, B8,
    input wire B9, B10, B11, B12, B13, B14, B15, B16, B17,
    input wire C0, C1, C2, C3, C4, C5, C6, C7, C8,
    input wire C9, C10, C11, C12, C13, C14, C15, C16, C17,
    input wire SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
    input wire CLK0, CLK1, CLK2, CLK3,
    input wire CE0, CE1, CE2, CE3,
    input wire RST0, RST1, RST2, RST3,
    input wire SRIA0, SRIA1, SRIA2, SRIA3, SRIA4, SRIA5, SRIA6, SRIA7, SRIA8,
    input wire SRIA9, SRIA10, SRIA11, SRIA12, SRIA13, SRIA14, SRIA15, SRIA16, SRIA17,
    input wire SRIB0, SRIB1, SRIB2, SRIB3, SRIB4, SRIB5, SRIB6, SRIB7, SRIB8,
    input wire SRIB9, SRIB10, SRIB11, SRIB12, SRIB13, SRIB14, SRIB15, SRIB16, SRIB17,
    output wire SROA0, SROA1, SROA2, SROA3, SROA4, SROA5, SROA6, SROA7, SROA8,
    output wire SROA9, SROA10, SROA11, SROA12, SROA13, SROA14, SROA15, SROA16, SROA17,
    output wire SROB0, SROB1, SROB2, SROB3, SROB4, SROB5, SROB6, SROB7, SROB8,
    output wire SROB9, SROB10, SROB11, SROB12, SROB13, SROB14, SROB15, SROB16, SROB17,
    output wire ROA0, ROA1, ROA2, ROA3, ROA4, ROA5, ROA6, ROA7, ROA8,
    output wire ROA9, ROA10, ROA11, ROA12, ROA13, ROA14, ROA15, ROA16, ROA17,
    output wire ROB0, ROB1, ROB2, ROB3, ROB4, ROB5, ROB6, ROB7, ROB8,
    output wire ROB9, ROB10, ROB11, ROB12, ROB13, ROB14, ROB15, ROB16, ROB17,
    output wire ROC0, ROC1, ROC2, ROC3, ROC4, ROC5, ROC6, ROC7, ROC8,
    output wire ROC9, ROC10, ROC11, ROC12, ROC13, ROC14, ROC15, ROC16, ROC17,
    output wire P0, P1, P2, P3, P4, P5, P6, P7, P8,
    output wire P9, P10, P11, P12, P13, P14, P15, P16, P17,
    output wire P18, P19, P20, P21, P22, P23, P24, P25, P26,
    output wire P27, P28, P29, P30, P31, P32, P33, P34, P35,
    output wire SIGNEDP
);
  parameter REG_INPUTA_CLK = "NONE", REG_INPUTA_CE = "CE0", REG_INPUTA_RST = "RST0";
  parameter REG_INPUTB_CLK = "NONE", REG_INPUTB_CE = "CE0", REG_INPUTB_RST = "RST0";
  parameter REG_INPUTC_CLK = "NONE", REG_INPUTC_CE = "CE0", REG_INPUTC_RST = "RST0";
  parameter REG_PIPELINE_CLK = "NONE", REG_PIPELINE_CE = "CE0", REG_PIPELINE_RST = "RST0";
  parameter REG_OUTPUT_CLK = "NONE", REG_OUTPUT_CE = "CE0", REG_OUTPUT_RST = "RST0";
  parameter CLK0_DIV = "ENABLED", CLK1_DIV = "ENABLED", CLK2_DIV = "ENABLED", CLK3_DIV = "ENABLED";
  parameter HIGHSPEED_CLK = "NONE", GSR = "ENABLED", CAS_MATCH_REG = "FALSE", SOURCEB_MODE = "B_SHIFT";
  parameter MULT_BYPASS = "DISABLED", RESETMODE = "SYNC";

  wire [17:0] a = {A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0};
  wire [17:0] b = {B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0};
  wire [3:0] ce = {CE3, CE2, CE1, CE0}, rst = {RST3, RST2, RST1, RST0};
  wire [18:0] held_a, held_b;
  wire [35:0] inner, product;

  initial begin
    if (REG_INPUTC_CLK != "NONE") $fatal(1, "%m: MULT18X18D: the operand C is not modelled");
    if (HIGHSPEED_CLK != "NONE" || SOURCEB_MODE != "B_SHIFT") $fatal(1, "%m: MULT18X18D: high speed modes are not modelled");
    if ({CLK0_DIV == "ENABLED", CLK1_DIV == "ENABLED", CLK2_DIV == "ENABLED", CLK3_DIV == "ENABLED"} != 4'hf)
      $fatal(1, "%m: MULT18X18D: divided clocks are modelled as ENABLED alone");
    if (CAS_MATCH_REG != "FALSE" || MULT_BYPASS != "DISABLED") $fatal(1, "%m: MULT18X18D: CAS_MATCH_REG and MULT_BYPASS are not modelled");
    if (RESETMODE != "SYNC") $fatal(1, "%m: MULT18X18D: only the RESETMODE SYNC is modelled, not %s", RESETMODE);
  end
  // Unconnected inputs count as 0, as nextpnr ties them.
  always @(SOURCEA or SOURCEB)
    if (SOURCEA === 1'b1 || SOURCEB === 1'b1) $fatal(1, "%m: MULT18X18D: shift chains (SOURCEA, SOURCEB) are not modelled");

  weft_ecp5_dsp_register #(.WIDTH(19), .CLK(REG_INPUTA_CLK), .CE(REG_INPUTA_CE), .RST(REG_INPUTA_RST)) register_a
      (.clk0(CLK0), .clk1(CLK1), .clk2(CLK2), .clk3(CLK3), .ce(ce), .rst(rst), .d({SIGNEDA & a[17], a}), .q(held_a));
  weft_ecp5_dsp_register #(.WIDTH(19), .CLK(REG_INPUTB_CLK), .CE(REG_INPUTB_CE), .RST(REG_INPUTB_RST)) register_b
      (.clk0(CLK0), .clk1(CLK1), .clk2(CLK2), .clk3(CLK3), .ce(ce), .rst(rst), .d({SIGNEDB & b[17], b}), .q(held_b));
  wire signed [35:0] wide_a = {{17{held_a[18]}}, held_a}, wide_b = {{17{held_b[18]}}, held_b};
  weft_ecp5_dsp_register #(.WIDTH(36), .CLK(REG_PIPELINE_CLK), .CE(REG_PIPELINE_CE), .RST(REG_PIPELINE_RST)) register_inner
      (.clk0(CLK0), .clk1(CLK1), .clk2(CLK2), .clk3(CLK3), .ce(ce), .rst(rst), .d(wide_a * wide_b), .q(inner));
  weft_ecp5_dsp_register #(.WIDTH(36), .CLK(REG_OUTPUT_CLK), .CE(REG_OUTPUT_CE), .RST(REG_OUTPUT_RST)) register_product
      (.clk0(CLK0), .clk1(CLK1), .clk2(CLK2), .clk3(CLK3), .ce(ce), .rst(rst), .d(inner), .q(product));

  assign {
    P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18,
    P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
  } = product;
endmodule

// The block RAM behind DP16KD and PDPW16KD: 512 rows of 36 bits, which ports of 1, 2, 4, 9 or 18 bits see as that many parts of a row. A
// port of 36 bits is the write port if it is A, the read port if it is B. Widths 1, 2 and 4 do not reach the last bit of every nine.
module weft_ecp5_block_ram #(
    parameter WIDTH_A = 18,
    parameter WIDTH_B = 18,
    parameter REGMODE_A = "NOREG",
    parameter REGMODE_B = "NOREG",
    parameter WRITEMODE_A = "NORMAL",
    parameter WRITEMODE_B = "NORMAL",
    parameter RESETMODE = "SYNC",
    parameter [20479:0] INIT = 20480'b0
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
    input wire [35:0] data_a,
    input wire [35:0] data_b,
    output wire [35:0] q_a,
    output wire [35:0] q_b
);
  reg [35:0] memory[0:511];

  // INIT: 1,024 words of 18 bits, each in 20.
  integer word;
  initial for (word = 0; word < 512; word = word + 1) memory[word] = {INIT[40*word+20+:18], INIT[40*word+:18]};

  function supported(input integer width);
    supported = width == 1 || width == 2 || width == 4 || width == 9 || width == 18 || width == 36;
  endfunction
  initial begin
    if (!supported(WIDTH_A) || !supported(WIDTH_B)) $fatal(1, "%m: DP16KD: no data widths of %0d and %0d bits", WIDTH_A, WIDTH_B);
    if (WRITEMODE_A != "NORMAL" && WRITEMODE_A != "WRITETHROUGH" && WRITEMODE_A != "READBEFOREWRITE")
      $fatal(1, "%m: DP16KD: no WRITEMODE_A of %s", WRITEMODE_A);
    if (WRITEMODE_B != "NORMAL" && WRITEMODE_B != "WRITETHROUGH" && WRITEMODE_B != "READBEFOREWRITE")
      $fatal(1, "%m: DP16KD: no WRITEMODE_B of %s", WRITEMODE_B);
  end

  // The part of a row that a port sees: its first bit, and all of its bits.
  function [5:0] first(input integer width, input [4:0] address);
    first = width == 36 ? 6'd0
          : width == 18 ? {address[4], 4'b0} + {address[4], 1'b0}
          : {1'b0, address[4:3], 3'b0} + address[4:3]
          + (width == 9 ? 3'd0 : width == 4 ? {address[2], 2'b0} : width == 2 ? {address[2:1], 1'b0} : address[2:0]);
  endfunction
  function [35:0] reach(input integer width, input [4:0] address);
    reach = (width == 36 ? 36'hfffffffff : (36'd1 << width) - 36'd1) << first(width, address);
  endfunction
  // Of these, the ones that are written: ports of 18 and 36 bits have byte enables in place of their lowest address bits.
  function [35:0] written(input integer width, input [4:0] address);
    written = reach(width, address)
            & (width == 36 ? {{9{address[3]}}, {9{address[2]}}, {9{address[1]}}, {9{address[0]}}}
             : width == 18 ? {2{{9{address[1]}}, {9{address[0]}}}}
             : 36'hfffffffff);
  endfunction

  wire [8:0] row_a = address_a[13:5], row_b = address_b[13:5];
  wire [5:0] first_a = first(WIDTH_A, address_a[4:0]), first_b = first(WIDTH_B, address_b[4:0]);
  wire writing_a = en_a & we_a & ~rst_a, writing_b = en_b & we_b & ~rst_b;
  wire [35:0] written_a = written(WIDTH_A, address_a[4:0]) & {36{writing_a}};
  wire [35:0] written_b = written(WIDTH_B, address_b[4:0]) & {36{writing_b}};
  wire [35:0] mask_a = (WIDTH_A == 36 ? 36'hfffffffff : (36'd1 << WIDTH_A) - 36'd1);
  wire [35:0] mask_b = (WIDTH_B == 36 ? 36'hfffffffff : (36'd1 << WIDTH_B) - 36'd1);
  wire [35:0] placed_a = (data_a & mask_a) << first_a, placed_b = (data_b & mask_b) << first_b;

  // What a port finds in its row: unknown where the other port writes.
  wire same = row_a == row_b;
  wire [35:0] clash_a = same ? written_b & reach(WIDTH_A, address_a[4:0]) : 36'b0;
  wire [35:0] clash_b = same ? written_a & reach(WIDTH_B, address_b[4:0]) : 36'b0;
  wire [35:0] found_a = (memory[row_a] & ~clash_a) | (clash_a & `WEFT_UNKNOWN(36));
  wire [35:0] found_b = (memory[row_b] & ~clash_b) | (clash_b & `WEFT_UNKNOWN(36));

  reg [35:0] latch_a, latch_b, output_a, output_b;

  always @(posedge clk_a) begin
    if (rst_a !== 1'b0) latch_a <= rst_a === 1'b1 ? 36'b0 : `WEFT_UNKNOWN(36);
    else if (en_a !== 1'b0)
      if (en_a !== 1'b1 || (we_a !== 1'b0 && we_a !== 1'b1)) latch_a <= `WEFT_UNKNOWN(36);
      else if (!we_a || WRITEMODE_A == "READBEFOREWRITE") latch_a <= (found_a >> first_a) & mask_a;
      else if (WRITEMODE_A == "WRITETHROUGH") latch_a <= (((found_a & ~written_a) | (placed_a & written_a)) >> first_a) & mask_a;
    if (written_a !== 36'b0) memory[row_a] <= (memory[row_a] & ~written_a) | (placed_a & written_a);
    output_a <= oce_a === 1'b1 ? latch_a : oce_a === 1'b0 ? output_a : `WEFT_UNKNOWN(36);
    if (WIDTH_A == 36 && en_a === 1'b1 && we_a === 1'b0)
      $fatal(1, "%m: DP16KD: with 36 bits, port A writes and port B reads");
    if (rst_a === 1'b1 && (RESETMODE != "SYNC" || REGMODE_A != "NOREG"))
      $fatal(1, "%m: DP16KD: a reset is modelled for the RESETMODE SYNC and the REGMODE NOREG alone");
    if (writing_a === 1'b1 && writing_b === 1'b1 && row_a == row_b) $fatal(1, "%m: DP16KD: both ports write the row %0d at once", row_a);
  end
  always @(posedge clk_b) begin
    if (rst_b !== 1'b0) latch_b <= rst_b === 1'b1 ? 36'b0 : `WEFT_UNKNOWN(36);
    else if (en_b !== 1'b0)
      if (en_b !== 1'b1 || (we_b !== 1'b0 && we_b !== 1'b1)) latch_b <= `WEFT_UNKNOWN(36);
      else if (!we_b || WRITEMODE_B == "READBEFOREWRITE") latch_b <= (found_b >> first_b) & mask_b;
      else if (WRITEMODE_B == "WRITETHROUGH") latch_b <= (((found_b & ~written_b) | (placed_b & written_b)) >> first_b) & mask_b;
    if (written_b !== 36'b0) memory[row_b] <= (memory[row_b] & ~written_b) | (placed_b & written_b);
    output_b <= oce_b === 1'b1 ? latch_b : oce_b === 1'b0 ? output_b : `WEFT_UNKNOWN(36);
    if (WIDTH_B == 36 && writing_b === 1'b1)
      $fatal(1, "%m: DP16KD: with 36 bits, port A writes and port B reads");
    if (rst_b === 1'b1 && (RESETMODE != "SYNC" || REGMODE_B != "NOREG"))
      $fatal(1, "%m: DP16KD: a reset is modelled for the RESETMODE SYNC and the REGMODE NOREG alone");
    if (writing_a === 1'b1 && writing_b === 1'b1 && row_a == row_b) $fatal(1, "%m: DP16KD: both ports write the row %0d at once", row_a);
  end

  assign q_a = REGMODE_A == "OUTREG" ? output_a : latch_a;
  assign q_b = REGMODE_B == "OUTREG" ? output_b : latch_b;
endmodule

// Block RAM with two ports. Port A of 36 bits takes its upper half of data from DIB, port B of 36 bits gives its lower half at DOA.
module DP16KD (
    input wire DIA0, DIA1, DIA2, DIA3, DIA4, DIA5, DIA6, DIA7, DIA8,
    input wire DIA9, DIA10, DIA11, DIA12, DIA13, DIA14, DIA15, DIA16, DIA17,
    input wire ADA0, ADA1, ADA2, ADA3, ADA4, ADA5, ADA6, ADA7, ADA8,
    input wire ADA9, ADA10, ADA11, ADA12, ADA13,
    input wire CEA, OCEA, CLKA, WEA, RSTA, CSA0, CSA1, CSA2,
    input wire DIB0, DIB1, DIB2, DIB3, DIB4, DIB5, DIB6, DIB7, DIB8,
    input wire DIB9, DIB10, DIB11, DIB12, DIB13, DIB14, DIB15, DIB16, DIB17,
    input wire ADB0, ADB1, ADB2, ADB3, ADB4, ADB5, ADB6, ADB7, ADB8,
    input wire ADB9, ADB10, ADB11, ADB12, ADB13,
    input wire CEB, OCEB, CLKB, WEB, RSTB, CSB0, CSB1, CSB2,
    output wire DOA0, DOA1, DOA2, DOA3, DOA4, DOA5, DOA6, DOA7, DOA8,
    output wire DOA9, DOA10, DOA11, DOA12, DOA13, DOA14, DOA15, DOA16, DOA17,
    output wire DOB0, DOB1, DOB2, DOB3, DOB4, DOB5, DOB6, DOB7, DOB8,
    output wire DOB9, DOB10, DOB11, DOB12, DOB13, DOB14, DOB15, DOB16, DOB17
);
  parameter DATA_WIDTH_A = 18, DATA_WIDTH_B = 18, REGMODE_A = "NOREG", REGMODE_B = "NOREG";
  parameter RESETMODE = "SYNC", ASYNC_RESET_RELEASE = "SYNC", CSDECODE_A = "0b000", CSDECODE_B = "0b000";
  parameter WRITEMODE_A = "NORMAL", WRITEMODE_B = "NORMAL", CLKAMUX = "CLKA", CLKBMUX = "CLKB";
  parameter WID = 0, GSR = "ENABLED", INIT_DATA = "STATIC";
  parameter [319:0] INITVAL_00 = 0, INITVAL_01 = 0, INITVAL_02 = 0, INITVAL_03 = 0;
  parameter [319:0] INITVAL_04 = 0, INITVAL_05 = 0, INITVAL_06 = 0, INITVAL_07 = 0;
  parameter [319:0] INITVAL_08 = 0, INITVAL_09 = 0, INITVAL_0A = 0, INITVAL_0B = 0;
  parameter [319:0] INITVAL_0C = 0, INITVAL_0D = 0, INITVAL_0E = 0, INITVAL_0F = 0;
  parameter [319:0] INITVAL_10 = 0, INITVAL_11 = 0, INITVAL_12 = 0, INITVAL_13 = 0;
  parameter [319:0] INITVAL_14 = 0, INITVAL_15 = 0, INITVAL_16 = 0, INITVAL_17 = 0;
  parameter [319:0] INITVAL_18 = 0, INITVAL_19 = 0, INITVAL_1A = 0, INITVAL_1B = 0;
  parameter [319:0] INITVAL_1C = 0, INITVAL_1D = 0, INITVAL_1E = 0, INITVAL_1F = 0;
  parameter [319:0] INITVAL_20 = 0, INITVAL_21 = 0, INITVAL_22 = 0, INITVAL_23 = 0;
  parameter [319:0] INITVAL_24 = 0, INITVAL_25 = 0, INITVAL_26 = 0, INITVAL_27 = 0;
  parameter [319:0] INITVAL_28 = 0, INITVAL_29 = 0, INITVAL_2A = 0, INITVAL_2B = 0;
  parameter [319:0] INITVAL_2C = 0, INITVAL_2D = 0, INITVAL_2E = 0, INITVAL_2F = 0;
  parameter [319:0] INITVAL_30 = 0, INITVAL_31 = 0, INITVAL_32 = 0, INITVAL_33 = 0;
  parameter [319:0] INITVAL_34 = 0, INITVAL_35 = 0, INITVAL_36 = 0, INITVAL_37 = 0;
  parameter [319:0] INITVAL_38 = 0, INITVAL_39 = 0, INITVAL_3A = 0, INITVAL_3B = 0;
  parameter [319:0] INITVAL_3C = 0, INITVAL_3D = 0, INITVAL_3E = 0, INITVAL_3F = 0;

  function [2:0] decoded(input [39:0] text);
    decoded = {text[16], text[8], text[0]};  // the digits of "0b000"
  endfunction
  initial begin
    if (CLKAMUX != "CLKA" && CLKAMUX != "INV") $fatal(1, "%m: DP16KD: no CLKAMUX of %s", CLKAMUX);
    if (CLKBMUX != "CLKB" && CLKBMUX != "INV") $fatal(1, "%m: DP16KD: no CLKBMUX of %s", CLKBMUX);
    if ((REGMODE_A != "NOREG" && REGMODE_A != "OUTREG") || (REGMODE_B != "NOREG" && REGMODE_B != "OUTREG"))
      $fatal(1, "%m: DP16KD: no REGMODE of %s and %s", REGMODE_A, REGMODE_B);
    if (INIT_DATA != "STATIC") $fatal(1, "%m: DP16KD: only the INIT_DATA STATIC is modelled, not %s", INIT_DATA);
  end

  wire [35:0] q_a, q_b;
  wire [17:0] data_a = {DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0};
  wire [17:0] data_b = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0};
  weft_ecp5_block_ram #(
      .WIDTH_A(DATA_WIDTH_A), .WIDTH_B(DATA_WIDTH_B), .REGMODE_A(REGMODE_A), .REGMODE_B(REGMODE_B),
      .WRITEMODE_A(WRITEMODE_A), .WRITEMODE_B(WRITEMODE_B), .RESETMODE(RESETMODE),
      .INIT({
          INITVAL_3F, INITVAL_3E, INITVAL_3D, INITVAL_3C, INITVAL_3B, INITVAL_3A, INITVAL_39, INITVAL_38,
          INITVAL_37, INITVAL_36, INITVAL_35, INITVAL_34, INITVAL_33, INITVAL_32, INITVAL_31, INITVAL_30,
          INITVAL_2F, INITVAL_2E, INITVAL_2D, INITVAL_2C, INITVAL_2B, INITVAL_2A, INITVAL_29, INITVAL_28,
          INITVAL_27, INITVAL_26, INITVAL_25, INITVAL_24, INITVAL_23, INITVAL_22, INITVAL_21, INITVAL_20,
          INITVAL_1F, INITVAL_1E, INITVAL_1D, INITVAL_1C, INITVAL_1B, INITVAL_1A, INITVAL_19, INITVAL_18,
          INITVAL_17, INITVAL_16, INITVAL_15, INITVAL_14, INITVAL_13, INITVAL_12, INITVAL_11, INITVAL_10,
          INITVAL_0F, INITVAL_0E, INITVAL_0D, INITVAL_0C, INITVAL_0B, INITVAL_0A, INITVAL_09, INITVAL_08,
          INITVAL_07, INITVAL_06, INITVAL_05, INITVAL_04, INITVAL_03, INITVAL_02, INITVAL_01, INITVAL_00
      })
  ) ram (
      .clk_a(CLKAMUX == "INV" ? ~CLKA : CLKA),
      .clk_b(CLKBMUX == "INV" ? ~CLKB : CLKB),
      .en_a(CEA & ({CSA2, CSA1, CSA0} == decoded(CSDECODE_A))),
      .en_b(CEB & ({CSB2, CSB1, CSB0} == decoded(CSDECODE_B))),
      .we_a(WEA), .we_b(WEB), .rst_a(RSTA), .rst_b(RSTB), .oce_a(OCEA), .oce_b(OCEB),
      .address_a({ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0}),
      .address_b({ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0}),
      .data_a(DATA_WIDTH_A == 36 ? {data_b, data_a} : {18'b0, data_a}),
      .data_b({18'b0, data_b}),
      .q_a(q_a),
      .q_b(q_b)
  );
  assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0} =
      DATA_WIDTH_B == 36 ? q_b[17:0] : q_a[17:0];
  assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0} =
      DATA_WIDTH_B == 36 ? q_b[35:18] : q_b[17:0];
endmodule

// Block RAM with a write port of 36 bits and a read port; with 36 bits it gives the upper half of a word at DO17..DO0, as the cell does.
module PDPW16KD (
    input wire DI0, DI1, DI2, DI3, DI4, DI5, DI6, DI7, DI8,
    input wire DI9, DI10, DI11, DI12, DI13, DI14, DI15, DI16, DI17,
    input wire DI18, DI19, DI20, DI21, DI22, DI23, DI24, DI25, DI26,
    input wire DI27, DI28, DI29, DI30, DI31, DI32, DI33, DI34, DI35,
    input wire ADW0, ADW1, ADW2, ADW3, ADW4, ADW5, ADW6, ADW7, ADW8,
    input wire BE0, BE1, BE2, BE3, CEW, CLKW, CSW0, CSW1, CSW2,
    input wire ADR0, ADR1, ADR2, ADR3, ADR4, ADR5, ADR6, ADR7, ADR8,
    input wire ADR9, ADR10, ADR11, ADR12, ADR13,
    input wire CER, OCER, CLKR, CSR0, CSR1, CSR2, RST,
    output wire DO0, DO1, DO2, DO3, DO4, DO5, DO6, DO7, DO8,
    output wire DO9, DO10, DO11, DO12, DO13, DO14, DO15, DO16, DO17,
    output wire DO18, DO19, DO20, DO21, DO22, DO23, DO24, DO25, DO26,
    output wire DO27, DO28, DO29, DO30, DO31, DO32, DO33, DO34, DO35
);
  parameter CLKRMUX = "CLKR", CLKWMUX = "CLKW", DATA_WIDTH_W = 36, DATA_WIDTH_R = 36, GSR = "ENABLED", REGMODE = "NOREG";
  parameter RESETMODE = "SYNC", ASYNC_RESET_RELEASE = "SYNC", CSDECODE_W = "0b000", CSDECODE_R = "0b000";
  parameter INIT_DATA = "STATIC";
  parameter [319:0] INITVAL_00 = 0, INITVAL_01 = 0, INITVAL_02 = 0, INITVAL_03 = 0;
  parameter [319:0] INITVAL_04 = 0, INITVAL_05 = 0, INITVAL_06 = 0, INITVAL_07 = 0;
  parameter [319:0] INITVAL_08 = 0, INITVAL_09 = 0, INITVAL_0A = 0, INITVAL_0B = 0;
  parameter [319:0] INITVAL_0C = 0, INITVAL_0D = 0, INITVAL_0E = 0, INITVAL_0F = 0;
  parameter [319:0] INITVAL_10 = 0, INITVAL_11 = 0, INITVAL_12 = 0, INITVAL_13 = 0;
  parameter [319:0] INITVAL_14 = 0, INITVAL_15 = 0, INITVAL_16 = 0, INITVAL_17 = 0;
  parameter [319:0] INITVAL_18 = 0, INITVAL_19 = 0, INITVAL_1A = 0, INITVAL_1B = 0;
  parameter [319:0] INITVAL_1C = 0, INITVAL_1D = 0, INITVAL_1E = 0, INITVAL_1F = 0;
  parameter [319:0] INITVAL_20 = 0, INITVAL_21 = 0, INITVAL_22 = 0, INITVAL_23 = 0;
  parameter [319:0] INITVAL_24 = 0, INITVAL_25 = 0, INITVAL_26 = 0, INITVAL_27 = 0;
  parameter [319:0] INITVAL_28 = 0, INITVAL_29 = 0, INITVAL_2A = 0, INITVAL_2B = 0;
  parameter [319:0] INITVAL_2C = 0, INITVAL_2D = 0, INITVAL_2E = 0, INITVAL_2F = 0;
  parameter [319:0] INITVAL_30 = 0, INITVAL_31 = 0, INITVAL_32 = 0, INITVAL_33 = 0;
  parameter [319:0] INITVAL_34 = 0, INITVAL_35 = 0, INITVAL_36 = 0, INITVAL_37 = 0;
  parameter [319:0] INITVAL_38 = 0, INITVAL_39 = 0, INITVAL_3A = 0, INITVAL_3B = 0;
  parameter [319:0] INITVAL_3C = 0, INITVAL_3D = 0, INITVAL_3E = 0, INITVAL_3F = 0;

  initial if (DATA_WIDTH_W != 36) $fatal(1, "%m: PDPW16KD: no write port of %0d bits", DATA_WIDTH_W);
  DP16KD #(
      .DATA_WIDTH_A(36), .DATA_WIDTH_B(DATA_WIDTH_R), .REGMODE_B(REGMODE), .RESETMODE(RESETMODE), .CSDECODE_A(CSDECODE_W),
      .CSDECODE_B(CSDECODE_R), .INIT_DATA(INIT_DATA), .CLKAMUX(CLKWMUX == "CLKW" ? "CLKA" : CLKWMUX),
      .CLKBMUX(CLKRMUX == "CLKR" ? "CLKB" : CLKRMUX), .INITVAL_00(INITVAL_00), .INITVAL_01(INITVAL_01), .INITVAL_02(INITVAL_02),
      .INITVAL_03(INITVAL_03), .INITVAL_04(INITVAL_04), .INITVAL_05(INITVAL_05), .INITVAL_06(INITVAL_06), .INITVAL_07(INITVAL_07),
      .INITVAL_08(INITVAL_08), .INITVAL_09(INITVAL_09), .INITVAL_0A(INITVAL_0A), .INITVAL_0B(INITVAL_0B), .INITVAL_0C(INITVAL_0C),
      .INITVAL_0D(INITVAL_0D), .INITVAL_0E(INITVAL_0E), .INITVAL_0F(INITVAL_0F), .INITVAL_10(INITVAL_10), .INITVAL_11(INITVAL_11),
      .INITVAL_12(INITVAL_12), .INITVAL_13(INITVAL_13), .INITVAL_14(INITVAL_14), .INITVAL_15(INITVAL_15), .INITVAL_16(INITVAL_16),
      .INITVAL_17(INITVAL_17), .INITVAL_18(INITVAL_18), .INITVAL_19(INITVAL_19), .INITVAL_1A(INITVAL_1A), .INITVAL_1B(INITVAL_1B),
      .INITVAL_1C(INITVAL_1C), .INITVAL_1D(INITVAL_1D), .INITVAL_1E(INITVAL_1E), .INITVAL_1F(INITVAL_1F), .INITVAL_20(INITVAL_20),
      .INITVAL_21(INITVAL_21), .INITVAL_22(INITVAL_22), .INITVAL_23(INITVAL_23), .INITVAL_24(INITVAL_24), .INITVAL_25(INITVAL_25),
      .INITVAL_26(INITVAL_26), .INITVAL_27(INITVAL_27), .INITVAL_28(INITVAL_28), .INITVAL_29(INITVAL_29), .INITVAL_2A(INITVAL_2A),
      .INITVAL_2B(INITVAL_2B), .INITVAL_2C(INITVAL_2C), .INITVAL_2D(INITVAL_2D), .INITVAL_2E(INITVAL_2E), .INITVAL_2F(INITVAL_2F),
      .INITVAL_30(INITVAL_30), .INITVAL_31(INITVAL_31), .INITVAL_32(INITVAL_32), .INITVAL_33(INITVAL_33), .INITVAL_34(INITVAL_34),
      .INITVAL_35(INITVAL_35), .INITVAL_36(INITVAL_36), .INITVAL_37(INITVAL_37), .INITVAL_38(INITVAL_38), .INITVAL_39(INITVAL_39),
      .INITVAL_3A(INITVAL_3A), .INITVAL_3B(INITVAL_3B), .INITVAL_3C(INITVAL_3C), .INITVAL_3D(INITVAL_3D), .INITVAL_3E(INITVAL_3E),
      .INITVAL_3F(INITVAL_3F)
  ) ram (
      .DIA0(DI0), .DIA1(DI1), .DIA2(DI2), .DIA3(DI3), .DIA4(DI4), .DIA5(DI5), .DIA6(DI6), .DIA7(DI7), .DIA8(DI8), .DIA9(DI9),
      .DIA10(DI10), .DIA11(DI11), .DIA12(DI12), .DIA13(DI13), .DIA14(DI14), .DIA15(DI15), .DIA16(DI16), .DIA17(DI17), .DIB0(DI18),
      .DIB1(DI19), .DIB2(DI20), .DIB3(DI21), .DIB4(DI22), .DIB5(DI23), .DIB6(DI24), .DIB7(DI25), .DIB8(DI26), .DIB9(DI27),
      .DIB10(DI28), .DIB11(DI29), .DIB12(DI30), .DIB13(DI31), .DIB14(DI32), .DIB15(DI33), .DIB16(DI34), .DIB17(DI35), .ADA0(BE0),
      .ADA1(BE1), .ADA2(BE2), .ADA3(BE3), .ADA4(1'b0), .ADA5(ADW0), .ADA6(ADW1), .ADA7(ADW2), .ADA8(ADW3), .ADA9(ADW4),
      .ADA10(ADW5), .ADA11(ADW6), .ADA12(ADW7), .ADA13(ADW8), .ADB0(ADR0), .ADB1(ADR1), .ADB2(ADR2), .ADB3(ADR3), .ADB4(ADR4),
      .ADB5(ADR5), .ADB6(ADR6), .ADB7(ADR7), .ADB8(ADR8), .ADB9(ADR9), .ADB10(ADR10), .ADB11(ADR11), .ADB12(ADR12), .ADB13(ADR13),
      .CLKA(CLKW), .CEA(CEW), .WEA(1'b1), .OCEA(1'b1), .RSTA(1'b0), .CLKB(CLKR), .CEB(CER), .WEB(1'b0), .OCEB(OCER), .RSTB(RST),
      .CSA0(CSW0), .CSA1(CSW1), .CSA2(CSW2), .CSB0(CSR0), .CSB1(CSR1), .CSB2(CSR2), .DOA0(DO18), .DOA1(DO19), .DOA2(DO20),
      .DOA3(DO21), .DOA4(DO22), .DOA5(DO23), .DOA6(DO24), .DOA7(DO25), .DOA8(DO26), .DOA9(DO27), .DOA10(DO28), .DOA11(DO29),
      .DOA12(DO30), .DOA13(DO31), .DOA14(DO32), .DOA15(DO33), .DOA16(DO34), .DOA17(DO35), .DOB0(DO0), .DOB1(DO1), .DOB2(DO2),
      .DOB3(DO3), .DOB4(DO4), .DOB5(DO5), .DOB6(DO6), .DOB7(DO7), .DOB8(DO8), .DOB9(DO9), .DOB10(DO10), .DOB11(DO11),
      .DOB12(DO12), .DOB13(DO13), .DOB14(DO14), .DOB15(DO15), .DOB16(DO16), .DOB17(DO17)
  );
endmodule
`undef WEFT_UNKNOWN
