"""The demonstration: handwritten digits, from training to Verilog that equals the golden model bit for bit."""
