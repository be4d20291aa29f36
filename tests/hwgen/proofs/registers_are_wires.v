// For `techmap`: a pipeline without feedback becomes the function that it computes.  That its registers line up is simulation's part.
(* techmap_celltype = "$dff" *)
module registers_are_wires (CLK, D, Q);
  parameter WIDTH = 1;
  parameter CLK_POLARITY = 1;
  input CLK;
  input [WIDTH-1:0] D;
  output [WIDTH-1:0] Q;
  assign Q = D;
endmodule
