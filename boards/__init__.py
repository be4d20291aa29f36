"""FPGA boards, and what runs on the computer that they are attached to."""
