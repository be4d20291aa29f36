// The product divided by 2^shift, halves toward +infinity: the quotient's floor, and one more if the last bit shifted out is 1.
// The product is shared with the hardware and stands for any.
module top (
    input signed [`ACC_BITS-1:0] acc,
    input signed [`BITS-1:0] multiplier,
    input [5:0] right_shift
);
  localparam WIDTH = `ACC_BITS + `BITS;
  wire signed [WIDTH-1:0] got;
  dut dut (.clk(1'b0), .rst(1'b0), .acc(acc), .multiplier(multiplier), .right_shift(right_shift), .result(got));

  wire signed [WIDTH-1:0] product = acc * multiplier;
  // Multipliers are not negative, so (-2^(n-1))^2 does not occur; the compiler lets pass what shifts there are.
  localparam signed [WIDTH-1:0] TOP = {{WIDTH - 1{1'b0}}, 1'b1} << (WIDTH - 2);
  always @* assume (product < TOP && product >= -TOP);
  always @* assume (right_shift >= 1 && right_shift <= WIDTH - 1 && right_shift <= 62);

`ifdef HALVES_DOWN
  wire up = product[right_shift-1] && (product & ~({WIDTH{1'b1}} << (right_shift - 1))) != 0;
`else
  wire up = product[right_shift-1];
`endif
  wire signed [WIDTH-1:0] floor = product >>> right_shift;
  always @* assert (got == floor + $signed({1'b0, up}));
endmodule
