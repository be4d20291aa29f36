"""Simulation: emitted Verilog under cocotb, in Verilator and Icarus, compared bit for bit with the golden model.

`verify` runs a network; `tools` says which simulators there are; `runner` builds and runs any design.
"""
