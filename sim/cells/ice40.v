// Behavioural model of the DSP cell of Lattice iCE40 UltraPlus (Lattice FPGA-TN-02007) for what Weft uses of it: a product of 16 bits or two
// signed ones of 8 bits, with the registers of inputs, partial products, products and outputs, and the adders of C and D.
// Not modelled: accumulation, loading, holding, reset, subtraction, carries between cells; a cell that is set so stops the simulation.
module SB_MAC16 (
    input CLK, CE,
    input [15:0] C, A, B, D,
    input AHOLD, BHOLD, CHOLD, DHOLD, IRSTTOP, IRSTBOT, ORSTTOP, ORSTBOT, OLOADTOP, OLOADBOT,
    input ADDSUBTOP, ADDSUBBOT, OHOLDTOP, OHOLDBOT, CI, ACCUMCI, SIGNEXTIN,
    output [31:0] O,
    output CO, ACCUMCO, SIGNEXTOUT
);
  parameter [0:0] NEG_TRIGGER = 0, A_REG = 0, B_REG = 0, C_REG = 0, D_REG = 0, MODE_8x8 = 0, A_SIGNED = 0, B_SIGNED = 0;
  parameter [0:0] TOP_8x8_MULT_REG = 0, BOT_8x8_MULT_REG = 0, PIPELINE_16x16_MULT_REG1 = 0, PIPELINE_16x16_MULT_REG2 = 0;
  parameter [1:0] TOPOUTPUT_SELECT = 0, BOTOUTPUT_SELECT = 0, TOPADDSUB_LOWERINPUT = 0, BOTADDSUB_LOWERINPUT = 0;
  parameter [1:0] TOPADDSUB_CARRYSELECT = 0, BOTADDSUB_CARRYSELECT = 0;
  parameter [0:0] TOPADDSUB_UPPERINPUT = 0, BOTADDSUB_UPPERINPUT = 0;

  localparam [0:0] INNER = TOP_8x8_MULT_REG;
  initial
    if (NEG_TRIGGER || C_REG || D_REG || !TOPADDSUB_UPPERINPUT || !BOTADDSUB_UPPERINPUT || BOTADDSUB_CARRYSELECT != 0
        || TOPADDSUB_CARRYSELECT != (MODE_8x8 ? 0 : 2) || BOT_8x8_MULT_REG != INNER || PIPELINE_16x16_MULT_REG1 != (INNER && !MODE_8x8)
        || TOPADDSUB_LOWERINPUT != (MODE_8x8 ? 1 : 2) || BOTADDSUB_LOWERINPUT != (MODE_8x8 ? 1 : 2)
        || (TOPOUTPUT_SELECT != 1 && TOPOUTPUT_SELECT != 3) || BOTOUTPUT_SELECT != 1 || (MODE_8x8 && TOPOUTPUT_SELECT != 1)
        || (MODE_8x8 && !(A_SIGNED && B_SIGNED))) begin
      $display("SB_MAC16: this model has no such settings");
      $finish;
    end
  always @(posedge CLK)
    if (CE !== 1'b1 || (|{AHOLD, BHOLD, CHOLD, DHOLD, IRSTTOP, IRSTBOT, ORSTTOP, ORSTBOT, OLOADTOP, OLOADBOT, ADDSUBTOP, ADDSUBBOT,
                          OHOLDTOP, OHOLDBOT, CI, ACCUMCI, SIGNEXTIN}) !== 1'b0) begin
      $display("SB_MAC16: this model has no such inputs");
      $finish;
    end

  reg [15:0] a_state = 0, b_state = 0;
  wire [15:0] a = A_REG ? a_state : A, b = B_REG ? b_state : B;
  // Two products of 8 bits.
  wire signed [7:0] a_top = a[15:8], a_bottom = a[7:0], b_top = b[15:8], b_bottom = b[7:0];
  wire signed [15:0] top = a_top * b_top, bottom = a_bottom * b_bottom;
  // One product of 16 bits.
  wire signed [16:0] left = {A_SIGNED & a[15], a}, right = {B_SIGNED & b[15], b};
  wire signed [33:0] whole = left * right;
  wire [31:0] multiplied = MODE_8x8 ? {top, bottom} : whole[31:0];

  reg [31:0] inner_state = 0, product_state = 0, sum_state = 0;
  wire [31:0] inner = INNER ? inner_state : multiplied;
  wire [31:0] product = (PIPELINE_16x16_MULT_REG2 && !MODE_8x8) ? product_state : inner;
  wire [16:0] sum_bottom = product[15:0] + D;
  wire [16:0] sum_top = product[31:16] + C + (MODE_8x8 ? 1'b0 : sum_bottom[16]);
  always @(posedge CLK) begin
    a_state <= A;
    b_state <= B;
    inner_state <= multiplied;
    product_state <= inner;
    sum_state <= {sum_top[15:0], sum_bottom[15:0]};
  end
  assign O[31:16] = TOPOUTPUT_SELECT == 1 ? sum_state[31:16] : product[31:16];
  assign O[15:0] = sum_state[15:0];
  assign {CO, ACCUMCO} = {2{sum_top[16]}};
  assign SIGNEXTOUT = product[31];
endmodule
