// Behaviour of 7-series' DSP48E1 as a multiplier with registers, which is what the accelerator's Verilog takes of it: P = A * B, A signed of
// 25 bits and B of 18. Written from Xilinx UG479. Not modelled, and refused where a cell uses it: the pre-adder, the operand C, cascades,
// other operations of the adder, inverted pins, two registers at an operand.
//
// Registers are unknown until they are loaded: x, or in Verilator, which has no x, random.
`ifdef VERILATOR
`define WEFT_UNKNOWN(bits) (bits'({$random, $random}))
`else
`define WEFT_UNKNOWN(bits) {bits{1'bx}}
`endif

// A register that may be left out, with a synchronous reset to 0, which does not need the clock enable.
module weft_xilinx7_register #(
    parameter WIDTH = 18,
    parameter integer STAGES = 1
) (
    input wire clk,
    input wire ce,
    input wire rst,
    input wire [WIDTH-1:0] d,
    output wire [WIDTH-1:0] q
);
  generate
    if (STAGES == 0) begin : wired
      assign q = d;
    end else begin : clocked
      reg [WIDTH-1:0] value = `WEFT_UNKNOWN(WIDTH);
      if (STAGES != 1) initial $fatal(1, "%m: a DSP48E1 has %0d registers in a row, which is not modelled", STAGES);
      always @(posedge clk)
        if (rst === 1'b1) value <= {WIDTH{1'b0}};
        else if (rst !== 1'b0) value <= `WEFT_UNKNOWN(WIDTH);
        else if (ce === 1'b1) value <= d;
        else if (ce !== 1'b0) value <= `WEFT_UNKNOWN(WIDTH);
      assign q = value;
    end
  endgenerate
endmodule

module DSP48E1 #(
    parameter integer ACASCREG = 1,
    parameter integer ADREG = 1,
    parameter integer ALUMODEREG = 1,
    parameter integer AREG = 1,
    parameter A_INPUT = "DIRECT",
    parameter integer BCASCREG = 1,
    parameter integer BREG = 1,
    parameter B_INPUT = "DIRECT",
    parameter integer CARRYINREG = 1,
    parameter integer CARRYINSELREG = 1,
    parameter integer CREG = 1,
    parameter integer DREG = 1,
    parameter integer INMODEREG = 1,
    parameter integer MREG = 1,
    parameter integer OPMODEREG = 1,
    parameter integer PREG = 1,
    parameter USE_DPORT = "FALSE",
    parameter USE_MULT = "MULTIPLY",
    parameter USE_SIMD = "ONE48"
) (
    input wire CLK,
    input wire signed [29:0] A,
    input wire signed [17:0] B,
    input wire [47:0] C,
    input wire [24:0] D,
    input wire [29:0] ACIN,
    input wire [17:0] BCIN,
    input wire [47:0] PCIN,
    input wire CARRYCASCIN,
    input wire MULTSIGNIN,
    input wire [3:0] ALUMODE,
    input wire CARRYIN,
    input wire [2:0] CARRYINSEL,
    input wire [4:0] INMODE,
    input wire [6:0] OPMODE,
    input wire CEA1, CEA2, CEAD, CEALUMODE, CEB1, CEB2, CEC, CECARRYIN, CECTRL, CED, CEINMODE, CEM, CEP,
    input wire RSTA, RSTALLCARRYIN, RSTALUMODE, RSTB, RSTC, RSTCTRL, RSTD, RSTINMODE, RSTM, RSTP,
    output wire signed [47:0] P
);
  initial
    if (A_INPUT != "DIRECT" || B_INPUT != "DIRECT" || USE_DPORT != "FALSE" || USE_MULT != "MULTIPLY" || USE_SIMD != "ONE48"
        || ALUMODEREG != 0 || CARRYINREG != 0 || CARRYINSELREG != 0 || INMODEREG != 0 || OPMODEREG != 0)
      $fatal(1, "%m: a DSP48E1 is set in a way that is not modelled");

  wire signed [24:0] a;
  wire signed [17:0] b;
  wire signed [42:0] product;
  weft_xilinx7_register #(.WIDTH(25), .STAGES(AREG)) a_register (.clk(CLK), .ce(CEA2), .rst(RSTA), .d(A[24:0]), .q(a));
  weft_xilinx7_register #(.WIDTH(18), .STAGES(BREG)) b_register (.clk(CLK), .ce(CEB2), .rst(RSTB), .d(B), .q(b));
  wire signed [42:0] multiplied = a * b;
  weft_xilinx7_register #(.WIDTH(43), .STAGES(MREG)) m_register (.clk(CLK), .ce(CEM), .rst(RSTM), .d(multiplied), .q(product));
  wire plain = OPMODE === 7'b0000101 && ALUMODE === 4'b0000 && CARRYIN === 1'b0 && CARRYINSEL === 3'b000 && INMODE === 5'b00000;
  wire signed [47:0] sum = plain ? product : `WEFT_UNKNOWN(48);
  weft_xilinx7_register #(.WIDTH(48), .STAGES(PREG)) p_register (.clk(CLK), .ce(CEP), .rst(RSTP), .d(sum), .q(P));
endmodule
