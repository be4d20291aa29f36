// The accumulator shifted left, then divided by 2^right_shift, halves toward +infinity: the quotient's floor, and one more if the
// last bit shifted out is 1.
module top (
    input signed [`ACC_BITS-1:0] acc,
    input multiplier,
    input [4:0] right_shift,
    input [2:0] left_shift
);
  localparam WIDTH = `ACC_BITS + 8 > 32 ? `ACC_BITS + 8 : 32;
  wire signed [WIDTH-1:0] got;
  dut dut (
      .clk(1'b0), .rst(1'b0), .acc(acc), .multiplier(multiplier),
      .right_shift(right_shift), .left_shift(left_shift), .result(got)
  );

  wire signed [WIDTH-1:0] extended = acc;
  wire signed [WIDTH-1:0] value = extended <<< left_shift;
`ifdef HALVES_DOWN
  wire last = right_shift != 0 && value[right_shift-1] && (value & ~({WIDTH{1'b1}} << (right_shift - 1))) != 0;
`else
  wire last = right_shift != 0 && value[right_shift-1];
`endif
  wire signed [WIDTH-1:0] floor = value >>> right_shift;
`ifdef TRUNCATES
  always @* assert (got == floor);
`else
  always @* assert (got == floor + $signed({1'b0, last}));
`endif
endmodule
