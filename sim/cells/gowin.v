// Behavioural models of Gowin's multipliers (Gowin UG287) for what Weft uses of them: A * B with the registers at the inputs,
// inside and at the output, and a sign for each factor.  Shift chains are left out: their inputs are ignored, their outputs 0.
module MULT9X9 (
    input [8:0] A, SIA, B, SIB,
    input ASIGN, BSIGN, ASEL, BSEL, CE, CLK, RESET,
    output [17:0] DOUT,
    output [8:0] SOA, SOB
);
  parameter AREG = 1'b0, BREG = 1'b0, OUT_REG = 1'b0, PIPE_REG = 1'b0, ASIGN_REG = 1'b0, BSIGN_REG = 1'b0, SOA_REG = 1'b0;
  parameter MULT_RESET_MODE = "SYNC";

  initial
    if (MULT_RESET_MODE != "SYNC") begin
      $display("MULT9X9: this model has no MULT_RESET_MODE %0s", MULT_RESET_MODE);
      $finish;
    end

  reg [8:0] a_state = 0, b_state = 0;
  reg a_sign_state = 0, b_sign_state = 0;
  reg signed [17:0] inner_state = 0, product_state = 0;
  wire [8:0] a = AREG ? a_state : A, b = BREG ? b_state : B;
  wire a_sign = ASIGN_REG ? a_sign_state : ASIGN, b_sign = BSIGN_REG ? b_sign_state : BSIGN;
  wire signed [9:0] left = {a_sign & a[8], a}, right = {b_sign & b[8], b};
  wire signed [17:0] inner = PIPE_REG ? inner_state : left * right;
  assign DOUT = OUT_REG ? product_state : inner;
  assign {SOA, SOB} = 18'd0;
  always @(posedge CLK)
    if (RESET) {a_state, b_state, a_sign_state, b_sign_state, inner_state, product_state} <= 0;
    else if (CE) begin
      {a_state, b_state, a_sign_state, b_sign_state} <= {A, B, ASIGN, BSIGN};
      inner_state <= left * right;
      product_state <= inner;
    end
endmodule

module MULT18X18 (
    input [17:0] A, SIA, B, SIB,
    input ASIGN, BSIGN, ASEL, BSEL, CE, CLK, RESET,
    output [35:0] DOUT,
    output [17:0] SOA, SOB
);
  parameter AREG = 1'b0, BREG = 1'b0, OUT_REG = 1'b0, PIPE_REG = 1'b0, ASIGN_REG = 1'b0, BSIGN_REG = 1'b0, SOA_REG = 1'b0;
  parameter MULT_RESET_MODE = "SYNC";

  initial
    if (MULT_RESET_MODE != "SYNC") begin
      $display("MULT18X18: this model has no MULT_RESET_MODE %0s", MULT_RESET_MODE);
      $finish;
    end

  reg [17:0] a_state = 0, b_state = 0;
  reg a_sign_state = 0, b_sign_state = 0;
  reg signed [35:0] inner_state = 0, product_state = 0;
  wire [17:0] a = AREG ? a_state : A, b = BREG ? b_state : B;
  wire a_sign = ASIGN_REG ? a_sign_state : ASIGN, b_sign = BSIGN_REG ? b_sign_state : BSIGN;
  wire signed [18:0] left = {a_sign & a[17], a}, right = {b_sign & b[17], b};
  wire signed [35:0] inner = PIPE_REG ? inner_state : left * right;
  assign DOUT = OUT_REG ? product_state : inner;
  assign {SOA, SOB} = 36'd0;
  always @(posedge CLK)
    if (RESET) {a_state, b_state, a_sign_state, b_sign_state, inner_state, product_state} <= 0;
    else if (CE) begin
      {a_state, b_state, a_sign_state, b_sign_state} <= {A, B, ASIGN, BSIGN};
      inner_state <= left * right;
      product_state <= inner;
    end
endmodule
