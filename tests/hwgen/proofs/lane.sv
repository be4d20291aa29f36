// A whole lane for every input: bias, magnitude, sign, zero point, clamp.  Of the shifts, which have a proof of their own, the lane is
// given those that make it copy or halve.
module top (
    input signed [`ACC_BITS-1:0] acc, bias,
    input magnitude, multiplier,
    input [4:0] right_shift,
    input [2:0] left_shift,
    input signed [7:0] zero_point, act_min, act_max
);
  wire signed [7:0] got;
  dut dut (
      .clk(1'b0), .rst(1'b0), .acc(acc), .bias(bias), .magnitude(magnitude), .multiplier(multiplier),
      .right_shift(right_shift), .left_shift(left_shift),
      .zero_point(zero_point), .act_min(act_min), .act_max(act_max), .result(got)
  );
  always @* assume (left_shift == 0 && right_shift <= 1);
  always @* assume (act_min <= act_max);

  localparam WIDTH = `ACC_BITS + 4;
  wire signed [`ACC_BITS-1:0] sum = acc + bias;  // modulo 2^ACC_BITS
  // The compiler refuses poolings that reach the one value without an opposite.
  always @* assume (!(magnitude && sum == {1'b1, {`ACC_BITS - 1{1'b0}}}));

  // Halves toward +infinity, or, by magnitude, away from zero: what is added before the floor.
`ifdef NO_SIGN
  wire half = 1'b1;
`else
  wire half = !(magnitude && sum < 0);
`endif
  wire signed [WIDTH-1:0] extended = sum;
  wire signed [WIDTH-1:0] rounded = right_shift == 0 ? extended : (extended + $signed({1'b0, half})) >>> 1;
  wire signed [WIDTH-1:0] total = rounded + zero_point;
`ifdef CLAMP_WRAPS
  wire signed [7:0] want = total[7:0];
`elsif CLAMP_FIRST
  wire signed [7:0] want = (rounded < act_min ? act_min : rounded > act_max ? act_max : rounded[7:0]) + zero_point;
`else
  wire signed [7:0] want = total < act_min ? act_min : total > act_max ? act_max : total[7:0];
`endif
  always @* assert (got == want);
endmodule
