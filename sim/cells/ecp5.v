// Behavioural model of ECP5's multiplier (Lattice FPGA-TN-02205), for what Weft uses of it: A * B with the registers at the
// inputs, inside and at the output, each on one of four clocks, with enables and synchronous resets, and a sign for each factor.
// Shift chains, the C input and cascades are left out: their inputs are ignored.
module MULT18X18D (
    input A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0,
    input B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0,
    input C17, C16, C15, C14, C13, C12, C11, C10, C9, C8, C7, C6, C5, C4, C3, C2, C1, C0,
    input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
    input CLK3, CLK2, CLK1, CLK0, CE3, CE2, CE1, CE0, RST3, RST2, RST1, RST0,
    output P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15,
           P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
);
  parameter REG_INPUTA_CLK = "NONE", REG_INPUTA_CE = "CE0", REG_INPUTA_RST = "RST0";
  parameter REG_INPUTB_CLK = "NONE", REG_INPUTB_CE = "CE0", REG_INPUTB_RST = "RST0";
  parameter REG_INPUTC_CLK = "NONE", REG_INPUTC_CE = "CE0", REG_INPUTC_RST = "RST0";
  parameter REG_PIPELINE_CLK = "NONE", REG_PIPELINE_CE = "CE0", REG_PIPELINE_RST = "RST0";
  parameter REG_OUTPUT_CLK = "NONE", REG_OUTPUT_CE = "CE0", REG_OUTPUT_RST = "RST0";
  parameter CLK0_DIV = "ENABLED", CLK1_DIV = "ENABLED", CLK2_DIV = "ENABLED", CLK3_DIV = "ENABLED";
  parameter HIGHSPEED_CLK = "NONE", GSR = "ENABLED", CAS_MATCH_REG = "FALSE", SOURCEB_MODE = "B_SHIFT";
  parameter MULT_BYPASS = "DISABLED", RESETMODE = "SYNC";

  initial
    if (RESETMODE != "SYNC" || MULT_BYPASS != "DISABLED") begin
      $display("MULT18X18D: this model has no RESETMODE %0s, MULT_BYPASS %0s", RESETMODE, MULT_BYPASS);
      $finish;
    end

  wire signed [18:0] a, b;
  wire signed [35:0] inner, product;
  // A sign travels with its factor.
  MULT18X18D_register #(19, REG_INPUTA_CLK, REG_INPUTA_CE, REG_INPUTA_RST) input_a (
      {CLK3, CLK2, CLK1, CLK0}, {CE3, CE2, CE1, CE0}, {RST3, RST2, RST1, RST0},
      {SIGNEDA & A17, A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0}, a);
  MULT18X18D_register #(19, REG_INPUTB_CLK, REG_INPUTB_CE, REG_INPUTB_RST) input_b (
      {CLK3, CLK2, CLK1, CLK0}, {CE3, CE2, CE1, CE0}, {RST3, RST2, RST1, RST0},
      {SIGNEDB & B17, B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0}, b);
  MULT18X18D_register #(36, REG_PIPELINE_CLK, REG_PIPELINE_CE, REG_PIPELINE_RST) pipeline (
      {CLK3, CLK2, CLK1, CLK0}, {CE3, CE2, CE1, CE0}, {RST3, RST2, RST1, RST0}, a * b, inner);
  MULT18X18D_register #(36, REG_OUTPUT_CLK, REG_OUTPUT_CE, REG_OUTPUT_RST) out (
      {CLK3, CLK2, CLK1, CLK0}, {CE3, CE2, CE1, CE0}, {RST3, RST2, RST1, RST0}, inner, product);
  assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15,
      P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} = product;
endmodule

// A register of a DSP cell: on one of the clocks, or, with "NONE", a wire.
module MULT18X18D_register #(
    parameter WIDTH = 1,
    parameter CLOCK = "NONE",
    parameter ENABLE = "CE0",
    parameter RESET = "RST0"
) (
    input [3:0] clocks, enables, resets,
    input [WIDTH-1:0] d,
    output [WIDTH-1:0] q
);
  generate
    if (CLOCK == "NONE") begin : without
      assign q = d;
    end else begin : with_register
      localparam K = CLOCK == "CLK3" ? 3 : CLOCK == "CLK2" ? 2 : CLOCK == "CLK1" ? 1 : 0;
      localparam E = ENABLE == "CE3" ? 3 : ENABLE == "CE2" ? 2 : ENABLE == "CE1" ? 1 : 0;
      localparam R = RESET == "RST3" ? 3 : RESET == "RST2" ? 2 : RESET == "RST1" ? 1 : 0;
      reg [WIDTH-1:0] state = 0;
      wire clock = clocks[K];
      always @(posedge clock)
        if (resets[R]) state <= 0;
        else if (enables[E]) state <= d;
      assign q = state;
    end
  endgenerate
endmodule
