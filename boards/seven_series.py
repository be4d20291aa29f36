"""What the boards with a 7-series device have in common."""

from __future__ import annotations

from hwgen.config import AcceleratorConfig
from hwgen.family import Family

#: The array of the largest boards, with memories of the least depths.
ACCELERATOR = AcceleratorConfig(
    rows=16,
    cols=8,
    lanes=4,
    weight_rows_per_cycle=4,
    acc_depth=512,
    act_depth=512,
    weight_depth=512,
    param_depth=512,
    program_depth=512,
    max_layers=64,
    family=Family.XILINX7,
)
