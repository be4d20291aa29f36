// MBQM as gemmlowp and TensorFlow Lite write it: a division that truncates after a nudge, then a rounding of the magnitude.
// The product is shared with the hardware and stands for any that two 32-bit operands have.
module top (
    input signed [31:0] acc, multiplier,
    input [2:0] left_shift,
    input [4:0] right_shift
);
  wire signed [31:0] got;
  dut dut (
      .clk(1'b0), .rst(1'b0), .acc(acc), .multiplier(multiplier),
      .left_shift(left_shift), .right_shift(right_shift), .result(got)
  );

  wire signed [31:0] shifted = acc << left_shift;
  wire signed [63:0] product = shifted * multiplier;
  // The largest is (-2^31)^2; the next is 2^31 less, so that it does not round to 2^62.
  localparam signed [63:0] LARGEST = 64'sd1 <<< 62;
  always @* assume (product == LARGEST || (product <= LARGEST - (64'sd1 <<< 31) && product >= -LARGEST));

  // SaturatingRoundingDoublingHighMul
  wire signed [63:0] nudged = product + (product < 0 ? 64'sd1 - (64'sd1 <<< 30) : (64'sd1 <<< 30));
  wire signed [63:0] quotient = nudged < 0 ? -((-nudged) >>> 31) : nudged >>> 31;
`ifdef NO_SATURATION
  wire signed [31:0] high = quotient[31:0];
`else
  wire signed [31:0] high = product == LARGEST ? 32'sh7fffffff : quotient[31:0];
`endif

  // RoundingDivideByPOT: halves away from zero.
  wire negative = high < 0;
  wire [32:0] magnitude = negative ? -{high[31], high} : {high[31], high};
  wire [32:0] half = (33'd1 << right_shift) >> 1;
`ifdef HALVES_UP
  wire [32:0] rounded = (magnitude + half - (negative & |half)) >> right_shift;
`else
  wire [32:0] rounded = (magnitude + half) >> right_shift;
`endif
  wire [32:0] want = negative ? -rounded : rounded;
  always @* assert (got == want[31:0]);
endmodule
